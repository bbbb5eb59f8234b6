"""What a file of rules would change, looked at before it is kept, and kept as it was looked at."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from django.db import transaction

from advancement.criteria.changes import Change, changes_between
from advancement.criteria.errors import AdvancementError
from advancement.criteria.rules import RuleDefinition
from advancement.criteria.validation import check_rule_set
from advancement.models import AdvancementRule
from advancement.rulebook.drafts import save_draft
from advancement.rulebook.reading import current_rules
from advancement.rulebook.saving import RulesSaved, save_rules
from advancement.rulebook.versions import check_rules


class Allowed(NamedTuple):
    """What whoever brings rules in may do with them at once; the rest is kept as drafts."""

    enabling: bool = True
    disabling: bool = True


class RulesChanged(AdvancementError):
    """Somebody changed these rules since they were looked at; look at the differences again."""


@dataclass(frozen=True)
class RuleChange:
    """What becomes of one rule of the file.

    `drafted` ones are kept as drafts, since whoever brings them may not activate (or switch off) rules.
    `drops_draft` says that a draft which waits beside the active version is dropped.
    """

    definition: RuleDefinition
    kind: Literal["added", "changed", "unchanged"]
    changes: tuple[Change, ...] = ()
    drafted: bool = False
    archived: bool = False
    drops_draft: bool = False


@dataclass(frozen=True)
class RuleImport:
    """A file as it would be kept; `basis` tells the rules that it was compared with from any other."""

    rules: tuple[RuleChange, ...]
    warnings: tuple[str, ...]
    basis: str

    def of_kind(self, kind: str) -> list[RuleChange]:
        """Return the rules that are added, changed or unchanged."""
        return [rule for rule in self.rules if rule.kind == kind]

    @property
    def drafted(self) -> list[RuleChange]:
        """The rules that are kept as drafts."""
        return [rule for rule in self.rules if rule.drafted]


@dataclass
class RulesKept(RulesSaved):
    """What was kept; `drafted` are those kept as drafts, by slug."""

    drafted: list[str] = field(default_factory=list)


def compare_rules(
    definitions: Sequence[RuleDefinition], allowed: Allowed, *, using: str = "default"
) -> RuleImport:
    """Return what keeping these rules would do; raise RulesRefused when one of them cannot be kept.

    Who may not enable rules gets those that are on as drafts; who may not disable them, those that
    would switch a rule off.
    """
    problems = check_rules(definitions, using=using)
    slugs = [definition.slug for definition in definitions]
    stored = {
        rule.id: rule
        for rule in AdvancementRule.objects.using(using)
        .filter(id__in=slugs)
        .select_related("active_version", "draft_version")
        .prefetch_related("active_version__criteria", "draft_version__criteria")
    }
    rules = tuple(_compared(definition, stored.get(definition.slug), allowed) for definition in definitions)
    warnings = [problem.message for problem in problems]
    warnings += _warnings_of_set([rule.definition for rule in rules if not rule.drafted], using)
    return RuleImport(rules, tuple(warnings), _basis(rules, stored))


def keep_rules(
    definitions: Sequence[RuleDefinition],
    allowed: Allowed,
    *,
    by: str,
    basis: str,
    using: str = "default",
) -> RulesKept:
    """Keep rules as `compare_rules` said, all or none; return what was done.

    Raise RulesChanged when that would do something else by now, RulesRefused when one cannot be kept.
    """
    with transaction.atomic(using=using):
        # Locked in one order for everybody, so that nothing changes between the comparison and the write.
        slugs = sorted(definition.slug for definition in definitions)
        list(AdvancementRule.objects.using(using).select_for_update().filter(id__in=slugs).order_by("id"))
        compared = compare_rules(definitions, allowed, using=using)
        if compared.basis != basis:
            raise RulesChanged
        # An unchanged rule is left out: saving it could only lose a draft that waits.
        changing = [rule for rule in compared.rules if rule.kind != "unchanged"]
        saved = save_rules([rule.definition for rule in changing if not rule.drafted], by=by, using=using)
        for rule in changing:
            if rule.drafted:
                save_draft(rule.definition, by=by, using=using)
        return RulesKept(
            added=[rule.definition.slug for rule in compared.of_kind("added")],
            changed=[rule.definition.slug for rule in compared.of_kind("changed")],
            unchanged=[rule.definition.slug for rule in compared.of_kind("unchanged")],
            warnings=saved.warnings,
            drafted=[rule.definition.slug for rule in changing if rule.drafted],
        )


def _compared(definition: RuleDefinition, rule: AdvancementRule | None, allowed: Allowed) -> RuleChange:
    active = rule.active_version if rule else None
    draft = rule.draft_version if rule else None
    archived = bool(rule and rule.archived_at)
    if active and not archived and active.definition == definition:
        return RuleChange(definition, "unchanged")
    switches_off = bool(active and active.enabled and not archived and not definition.enabled)
    drafted = (
        (definition.enabled and not allowed.enabling)
        or (switches_off and not allowed.disabling)
        or (archived and not allowed.enabling)
    )
    current = (draft or active) if drafted else (active or draft)
    if rule is None or current is None:
        return RuleChange(definition, "added", drafted=drafted)
    if drafted and current.definition == definition:
        return RuleChange(definition, "unchanged", archived=archived)
    return RuleChange(
        definition,
        "changed",
        tuple(changes_between(current.definition, definition)),
        drafted=drafted,
        archived=archived,
        drops_draft=bool(draft and not drafted),
    )


def _warnings_of_set(definitions: Sequence[RuleDefinition], using: str) -> list[str]:
    """Return what is to be said about the rules of the file among all rules, were they kept."""
    after = {rule.slug: rule for rule in current_rules(using)}
    after |= {definition.slug: definition for definition in definitions}
    named = {definition.slug for definition in definitions}
    return [problem.message for problem in check_rule_set(list(after.values())) if problem.rule in named]


def _basis(rules: Sequence[RuleChange], stored: dict[str, AdvancementRule]) -> str:
    digest = hashlib.sha256()
    for rule in sorted(rules, key=lambda rule: rule.definition.slug):
        now = stored.get(rule.definition.slug)
        versions = (now.active_version_id, now.draft_version_id, bool(now.archived_at)) if now else None
        digest.update(repr((rule.definition, rule.kind, rule.drafted, versions)).encode())
    return digest.hexdigest()
