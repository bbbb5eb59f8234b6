"""Why rules are not saved or activated."""

from collections.abc import Sequence

from advancement.criteria.errors import AdvancementError
from advancement.criteria.validation import Problem
from advancement.criteria.wording import quoted
from advancement.models import RuleVersion


class RulesRefused(AdvancementError):
    """These rules cannot be saved; `problems` says why, one by one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(problem.message for problem in problems))
        self.problems = problems


class NewerVersion(AdvancementError):
    """Somebody else has saved this rule since; `version` is theirs, and nothing was overwritten."""

    def __init__(self, version: RuleVersion) -> None:
        super().__init__(
            f"{version.created_by or 'Somebody'} has saved version {version.number} of the rule "
            f"{quoted(version.rule_id)} since you opened it. Nothing was overwritten; look at theirs first."
        )
        self.version = version


class OwnDraft(AdvancementError):
    """Whoever wrote a draft may not activate it, too; somebody else has to look at it."""
