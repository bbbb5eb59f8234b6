"""The rules as stored: read what is active, and write versions. The one writer of rule versions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from advancement.criteria.errors import AdvancementError
from advancement.criteria.rules import RuleDefinition
from advancement.criteria.validation import Problem, check_rule, check_rule_set
from advancement.models import AdvancementRule, RuleCriterion, RuleVersion, Tier


class RulesRefused(AdvancementError):
    """These rules cannot be saved; `problems` says why, one by one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(problem.message for problem in problems))
        self.problems = problems


@dataclass
class RulesSaved:
    """What an import of rules did, by slug, and what deserves a look."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def lifecycles(using: str = "default") -> dict[str, list[str]]:
    """Return the tier slugs of each lifecycle model, in order of position."""
    found: dict[str, list[str]] = {}
    tiers = Tier.objects.using(using)
    for model, slug in tiers.order_by("lifecycle_model", "position").values_list("lifecycle_model", "slug"):
        found.setdefault(model, []).append(slug)
    return found


def active_versions(using: str = "default") -> list[RuleVersion]:
    """Return the active versions of the enabled rules, in the order in which they are tried."""
    return list(
        RuleVersion.objects.using(using)
        .filter(active_in__isnull=False, active_in__archived_at__isnull=True, enabled=True)
        .prefetch_related("criteria")
        .order_by("priority", "rule")
    )


def current_rules(using: str = "default") -> list[RuleDefinition]:
    """Return every rule that is not archived, as its active version says; a mere draft counts as disabled."""
    rules = (
        AdvancementRule.objects.using(using)
        .filter(archived_at__isnull=True)
        .select_related("active_version", "draft_version")
        .prefetch_related("active_version__criteria", "draft_version__criteria")
    )
    found = []
    for rule in rules:
        if rule.active_version:
            found.append(rule.active_version.definition)
        elif rule.draft_version:
            found.append(replace(rule.draft_version.definition, enabled=False))
    return sorted(found, key=lambda definition: definition.order)


def save_rules(definitions: Sequence[RuleDefinition], *, by: str, using: str = "default") -> RulesSaved:
    """Make each definition the active version of its rule, all or none; an unchanged one stays as it is.

    Raise RulesRefused when a rule is invalid, or is enabled though nothing can meet it.
    """
    known = lifecycles(using)
    problems = [problem for definition in definitions for problem in check_rule(definition, known)]
    enabled = {definition.slug: definition.enabled for definition in definitions}
    refused = [p for p in problems if p.blocks == "saving" or (p.blocks == "enabling" and enabled[p.rule])]
    if refused:
        raise RulesRefused(refused)
    result = RulesSaved(warnings=[problem.message for problem in problems])
    with transaction.atomic(using=using):
        for definition in definitions:
            getattr(result, _save_rule(definition, by, using)).append(definition.slug)
        result.warnings += [p.message for p in check_rule_set(current_rules(using)) if p.rule in enabled]
    return result


def _save_rule(definition: RuleDefinition, by: str, using: str) -> str:
    rule, added = AdvancementRule.objects.using(using).select_for_update().get_or_create(id=definition.slug)
    active = rule.active_version
    if active and not rule.archived_at and active.definition == definition:
        return "unchanged"
    version = add_version(rule, definition, by=by)
    rule.active_version, rule.draft_version, rule.archived_at = version, None, None
    rule.save(using=using)
    return "added" if added else "changed"


def add_version(rule: AdvancementRule, definition: RuleDefinition, *, by: str) -> RuleVersion:
    """Add the next immutable version of a rule, neither active nor draft yet; the caller locks the rule."""
    using = rule._state.db
    last = rule.versions.using(using).aggregate(last=Max("number"))["last"] or 0
    version = RuleVersion.objects.using(using).create(
        rule=rule,
        number=last + 1,
        title=definition.title,
        description=definition.description,
        lifecycle_model_id=definition.lifecycle_model,
        from_tier=definition.from_tier,
        to_tier=definition.to_tier,
        logic=definition.logic,
        enabled=definition.enabled,
        priority=definition.priority,
        created_by=by,
    )
    RuleCriterion.objects.using(using).bulk_create(_criteria(version, definition))
    return version


def archive_rule(slug: str, *, using: str = "default") -> None:
    """Take a rule out of use; its versions and events stay."""
    AdvancementRule.objects.using(using).filter(id=slug, archived_at__isnull=True).update(
        archived_at=timezone.now()
    )


def _criteria(version: RuleVersion, definition: RuleDefinition) -> Iterable[RuleCriterion]:
    for position, criterion in enumerate(definition.criteria):
        yield RuleCriterion(
            version=version,
            position=position,
            signal=criterion.signal,
            operator=criterion.operator,
            threshold=criterion.threshold,
            period=criterion.period,
        )
