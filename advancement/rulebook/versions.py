"""Versions of rules, which never change: made here, and only here."""

from collections.abc import Iterable, Sequence

from django.db.models import Max
from django.utils import timezone

from advancement.criteria.rules import RuleDefinition
from advancement.criteria.validation import Problem, check_rule
from advancement.criteria.wording import quoted
from advancement.models import AdvancementRule, RuleCriterion, RuleVersion
from advancement.rulebook.errors import RulesRefused
from advancement.rulebook.reading import lifecycles_and_archived


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
        max_moves=definition.max_moves,
        created_by=by,
    )
    RuleCriterion.objects.using(using).bulk_create(_criteria(version, definition))
    return version


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


def make_active(rule: AdvancementRule, version: RuleVersion, by: str) -> None:
    """Store a rule with this active version, and who made it so."""
    rule.active_version, rule.activated_by, rule.activated_at = version, by, timezone.now()
    rule.save()


def replace_active(rule: AdvancementRule, definition: RuleDefinition, by: str) -> RuleVersion:
    """Give a locked rule a new active version, and keep its draft, which is its newest version."""
    draft = rule.draft_version
    version = add_version(rule, definition, by=by)
    rule.draft_version = add_version(rule, draft.definition, by=draft.created_by) if draft else None
    make_active(rule, version, by)
    return version


def check_rules(definitions: Sequence[RuleDefinition], using: str = "default") -> list[Problem]:
    """Return the warnings about rules that can be saved; raise RulesRefused when one of them cannot."""
    known, archived = lifecycles_and_archived(using)
    problems = [problem for definition in definitions for problem in check_rule(definition, known)]
    enabled = {definition.slug: definition.enabled for definition in definitions}
    refused = [p for p in problems if p.blocks == "saving" or (p.blocks == "enabling" and enabled[p.rule])]
    # Only what is valid otherwise is looked up: names of any kind may have been typed.
    if refused := refused or _begun_in(archived, definitions, using):
        raise RulesRefused(refused)
    return problems


def _begun_in(archived: set[str], definitions: Sequence[RuleDefinition], using: str) -> list[Problem]:
    """Return a problem for each rule of one of these lifecycle models that had no version there before."""
    rules = [definition for definition in definitions if definition.lifecycle_model in archived]
    if not rules:
        return []
    versions = RuleVersion.objects.using(using).filter(rule__in=[rule.slug for rule in rules])
    there = set(versions.order_by().values_list("rule", "lifecycle_model_id"))
    return [
        Problem(
            "archived-model",
            rule.slug,
            f"Rule {quoted(rule.slug)}: the lifecycle model {quoted(rule.lifecycle_model)} is archived, "
            "so no rule begins in it; choose another, or take it up again.",
            "lifecycle_model",
        )
        for rule in rules
        if (rule.slug, rule.lifecycle_model) not in there
    ]
