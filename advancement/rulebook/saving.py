"""Rules from a file: each becomes the active version of its rule."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction

from advancement.criteria.rules import RuleDefinition
from advancement.criteria.validation import check_rule_set
from advancement.models import AdvancementRule
from advancement.rulebook.reading import current_rules
from advancement.rulebook.versions import add_version, check_rules, make_active


@dataclass
class RulesSaved:
    """What an import of rules did, by slug, and what deserves a look."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def save_rules(definitions: Sequence[RuleDefinition], *, by: str, using: str = "default") -> RulesSaved:
    """Make each definition the active version of its rule, all or none; an unchanged one stays as it is.

    Raise RulesRefused when a rule is invalid, or is enabled though nothing can meet it.
    """
    problems = check_rules(definitions, using)
    enabled = {definition.slug for definition in definitions}
    result = RulesSaved(warnings=[problem.message for problem in problems])
    with transaction.atomic(using=using):
        # In one order for everybody, or two who save the same rules would wait for one another.
        for definition in sorted(definitions, key=lambda definition: definition.slug):
            getattr(result, _save_rule(definition, by, using)).append(definition.slug)
        result.warnings += [p.message for p in check_rule_set(current_rules(using)) if p.rule in enabled]
    return result


def _save_rule(definition: RuleDefinition, by: str, using: str) -> str:
    rule, added = AdvancementRule.objects.using(using).select_for_update().get_or_create(id=definition.slug)
    active = rule.active_version
    if active and not rule.archived_at and active.definition == definition:
        return "unchanged"
    version = add_version(rule, definition, by=by)
    rule.draft_version, rule.archived_at, rule.archived_by = None, None, ""
    make_active(rule, version, by)
    return "added" if added else "changed"
