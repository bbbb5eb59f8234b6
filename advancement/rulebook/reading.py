"""The rules as they are stored."""

from collections.abc import Iterable
from dataclasses import replace

from django.db.models import Q

from advancement.criteria.rules import RuleDefinition
from advancement.models import AdvancementRule, RuleVersion, Tier


def lifecycles(using: str = "default") -> dict[str, list[str]]:
    """Return the tier slugs of each lifecycle model, in order of position."""
    return lifecycles_and_archived(using)[0]


def lifecycles_and_archived(using: str = "default") -> tuple[dict[str, list[str]], set[str]]:
    """Return what `lifecycles` does, and which of these models are archived."""
    found: dict[str, list[str]] = {}
    archived = set()
    tiers = Tier.objects.using(using).order_by("lifecycle_model", "position")
    for model, slug, since in tiers.values_list("lifecycle_model", "slug", "lifecycle_model__archived_at"):
        found.setdefault(model, []).append(slug)
        if since:
            archived.add(model)
    return found, archived


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


def writer_of(rule: AdvancementRule) -> str:
    """Return who wrote what a rule's active version says; switching it on or off writes nothing."""
    using = rule._state.db
    active = rule.active_version
    if active is None:
        return ""
    said, writer = replace(active.definition, enabled=True), active.created_by
    versions = rule.versions.using(using).filter(number__lt=active.number).prefetch_related("criteria")
    for version in versions.order_by("-number"):
        if replace(version.definition, enabled=True) == said:
            writer = version.created_by
    return writer


def switches(versions: Iterable[RuleVersion], using: str = "default") -> set[int]:
    """Return the ids of those of these versions that only switch their rule on or off.

    Such a version says what the one before says, but for being on. A draft that waits may stand between
    them; it is copied behind the switch.
    """
    later = {(version.rule_id, version.number): version for version in versions if version.number > 1}
    if not later:
        return set()
    near = Q()
    for rule, number in later:
        near |= Q(rule=rule, number__in=(number - 2, number - 1, number + 1))
    said = {
        (version.rule_id, version.number): version.definition
        for version in RuleVersion.objects.using(using).filter(near).prefetch_related("criteria")
    }
    found = set()
    for (rule, number), version in later.items():
        earlier, before, after = (said.get((rule, number + step)) for step in (-2, -1, 1))
        other = replace(version.definition, enabled=not version.enabled)
        if other == before or (other == earlier and before == after):
            found.add(version.pk)
    return found
