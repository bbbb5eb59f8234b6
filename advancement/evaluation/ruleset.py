"""The rules as a run finds them: those that judge, those that the gate stops, those that are invalid."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from advancement.criteria.validation import split_by_validity
from advancement.evaluation.gate import stopped_rules
from advancement.models import RuleVersion
from advancement.rulebook.reading import active_versions


@dataclass(frozen=True)
class RuleSet:
    """The active versions of the enabled rules, each in exactly one of three groups.

    `stopped_reasons` and `invalid_reasons` hold a sentence by slug.
    """

    live: list[RuleVersion]
    stopped: list[RuleVersion]
    stopped_reasons: dict[str, str]
    invalid_reasons: dict[str, str]

    def stopped_in(self, tiers: Collection[str], model: str) -> dict[str, str]:
        """Return why rules of these tiers are stopped, of one lifecycle model or, for "", of all."""
        return {
            version.rule_id: self.stopped_reasons[version.rule_id]
            for version in self.stopped
            if version.from_tier in tiers and model in {"", version.lifecycle_model_id}
        }


def load_rule_set(
    ladders: dict[str, list[str]],
    now: datetime,
    using: str = "default",
    *,
    since: datetime | None = None,
) -> RuleSet:
    """Return the rules as they stand, judged against the ladders and against the signals' health.

    `since` is when the run began, so that its own refreshes do not hide from it what they found.
    """
    versions = active_versions(using)
    usable, invalid = split_by_validity([version.definition for version in versions], ladders)
    stopped = stopped_rules(usable, now, using, since=since)
    return RuleSet(
        live=[v for v in versions if v.rule_id not in stopped and v.rule_id not in invalid],
        stopped=[v for v in versions if v.rule_id in stopped],
        stopped_reasons=stopped,
        invalid_reasons=invalid,
    )


def as_lines(reasons: dict[str, str]) -> list[dict[str, str]]:
    """Return reasons in the form in which runs keep and report them."""
    return [{"rule": slug, "reason": reason} for slug, reason in sorted(reasons.items())]
