"""The rules as stored: read what is active, and write versions. The one writer of rule versions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from advancement.criteria.errors import AdvancementError
from advancement.criteria.rules import RuleDefinition
from advancement.criteria.validation import Problem, check_rule, check_rule_set
from advancement.criteria.wording import quoted
from advancement.models import AdvancementRule, RuleCriterion, RuleVersion, Tier


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
    problems = _checked(definitions, using)
    enabled = {definition.slug for definition in definitions}
    result = RulesSaved(warnings=[problem.message for problem in problems])
    with transaction.atomic(using=using):
        # In one order for everybody, or two who save the same rules would wait for one another.
        for definition in sorted(definitions, key=lambda definition: definition.slug):
            getattr(result, _save_rule(definition, by, using)).append(definition.slug)
        result.warnings += [p.message for p in check_rule_set(current_rules(using)) if p.rule in enabled]
    return result


def save_draft(
    definition: RuleDefinition, *, by: str, based_on: int | None = None, using: str = "default"
) -> RuleVersion:
    """Keep a definition as its rule's draft, in place of an older one; the batch does not look at drafts.

    What the draft or, without one, the active version says already makes no new version. `based_on` is
    the number of the version that the writer started from, 0 for a rule that is new to them: raise
    NewerVersion when somebody has saved something else since, AdvancementError when it was archived.
    Raise RulesRefused when the rule is invalid; one that nothing can meet may be kept as a draft.
    """
    _checked([replace(definition, enabled=False)], using)
    with transaction.atomic(using=using):
        rule, added = (
            AdvancementRule.objects.using(using).select_for_update().get_or_create(id=definition.slug)
        )
        if rule.archived_at and based_on is not None:
            raise AdvancementError(
                f"The rule {quoted(rule.id)} is archived. Bring it back first, or duplicate it."
            )
        current = rule.draft_version or rule.active_version
        if current and current.definition == definition:
            return current
        if based_on is not None and not added:
            _refuse_older(rule, based_on)
        rule.draft_version = add_version(rule, definition, by=by)
        rule.save(using=using)
        return rule.draft_version


def _refuse_older(rule: AdvancementRule, based_on: int) -> None:
    """Raise NewerVersion when a version after `based_on` says something else; the caller locks the rule."""
    versions = rule.versions.using(rule._state.db).order_by("-number")
    newest = versions.first()
    if newest is None or newest.number <= based_on:
        return
    start = versions.filter(number=based_on).first()
    if start is None or start.definition != newest.definition:
        raise NewerVersion(newest)


def activate_draft(slug: str, *, by: str, number: int | None = None, using: str = "default") -> RuleVersion:
    """Make a rule's draft its active version, which the batch uses from then on.

    `number` is the version that was looked at. Raise OwnDraft when `by` wrote the draft and no setting
    allows that, RulesRefused when the draft is enabled though nothing can meet it, AdvancementError
    when there is no draft or it is another one by now.
    """
    with transaction.atomic(using=using):
        rule = _with_draft(slug, "activate", number, using)
        version = rule.draft_version
        assert version
        if version.created_by == by and not settings.ADVANCEMENT_APPROVE_OWN:
            raise OwnDraft(
                f"You wrote version {version.number} of the rule {quoted(slug)}; "
                "somebody else has to activate it."
            )
        _checked([version.definition], using)
        rule.draft_version, rule.archived_at = None, None
        _activate(rule, version, by)
        return version


def discard_draft(slug: str, *, number: int | None = None, using: str = "default") -> RuleVersion:
    """Take a rule's draft off and return it; its version stays on the record.

    A rule that was never active is archived by that, since nothing is left of it. `number` is the version
    that was looked at. Raise AdvancementError when there is no draft or it is another one by now.
    """
    with transaction.atomic(using=using):
        rule = _with_draft(slug, "discard", number, using)
        version = rule.draft_version
        assert version
        rule.draft_version = None
        if rule.active_version is None:
            rule.archived_at = timezone.now()
        rule.save(using=using)
        return version


def _with_draft(slug: str, intent: str, number: int | None, using: str) -> AdvancementRule:
    """Return a rule, locked, that has a draft: the one with that number, if there is one given."""
    rule = AdvancementRule.objects.using(using).select_for_update().filter(id=slug).first()
    if rule is None or rule.draft_version is None:
        raise AdvancementError(f"The rule {quoted(slug)} has no draft to {intent}.")
    draft = rule.draft_version
    if number is not None and draft.number != number:
        raise AdvancementError(
            f"The draft of the rule {quoted(slug)} is version {draft.number} by now, "
            f"by {draft.created_by or 'somebody'}. Look at it before you {intent} it."
        )
    return rule


def _activate(rule: AdvancementRule, version: RuleVersion, by: str) -> None:
    """Store a rule with this active version, and who made it so."""
    rule.active_version, rule.activated_by, rule.activated_at = version, by, timezone.now()
    rule.save()


def _checked(definitions: Sequence[RuleDefinition], using: str) -> list[Problem]:
    """Return the warnings about definitions; raise RulesRefused when one of them cannot be saved."""
    known = lifecycles(using)
    problems = [problem for definition in definitions for problem in check_rule(definition, known)]
    enabled = {definition.slug: definition.enabled for definition in definitions}
    refused = [p for p in problems if p.blocks == "saving" or (p.blocks == "enabling" and enabled[p.rule])]
    if refused:
        raise RulesRefused(refused)
    return problems


def _save_rule(definition: RuleDefinition, by: str, using: str) -> str:
    rule, added = AdvancementRule.objects.using(using).select_for_update().get_or_create(id=definition.slug)
    active = rule.active_version
    if active and not rule.archived_at and active.definition == definition:
        return "unchanged"
    version = add_version(rule, definition, by=by)
    rule.draft_version, rule.archived_at = None, None
    _activate(rule, version, by)
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
        max_moves=definition.max_moves,
        created_by=by,
    )
    RuleCriterion.objects.using(using).bulk_create(_criteria(version, definition))
    return version


def disable_rule(slug: str, *, by: str, using: str = "default") -> RuleVersion | None:
    """Give an enabled rule a new active version that is disabled; return it, None when nothing was to do."""
    with transaction.atomic(using=using):
        rules = AdvancementRule.objects.using(using).select_for_update()
        rule = rules.filter(id=slug, archived_at__isnull=True, active_version__enabled=True).first()
        if rule is None or rule.active_version is None:
            return None
        return _give_active(rule, replace(rule.active_version.definition, enabled=False), by)


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


def enable_rule(slug: str, *, by: str, own: bool = True, using: str = "default") -> RuleVersion | None:
    """Give a rule that is off a new active version that is enabled; return it, None when it is on already.

    Raise RulesRefused when the rule is invalid or nothing can meet it; AdvancementError when it is
    archived, has no active version, or, unless `own`, says what `by` wrote.
    """
    with transaction.atomic(using=using):
        rule = AdvancementRule.objects.using(using).select_for_update().filter(id=slug).first()
        if rule is None or rule.archived_at:
            raise AdvancementError(f"There is no rule {quoted(slug)} in use; bring it back first.")
        if rule.active_version is None:
            raise AdvancementError(f"The rule {quoted(slug)} is a draft so far; activate it in the editor.")
        if rule.active_version.enabled:
            return None
        if not own and writer_of(rule) == by:
            raise AdvancementError(
                f"You wrote what the rule {quoted(slug)} says, so somebody else has to switch it on."
            )
        definition = replace(rule.active_version.definition, enabled=True)
        _checked([definition], using)
        return _give_active(rule, definition, by)


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


def unarchive_rule(slug: str, *, by: str, using: str = "default") -> None:
    """Bring an archived rule back, switched off: signals have moved on, so switching it on is a new look.

    Raise AdvancementError when it is not archived.
    """
    with transaction.atomic(using=using):
        rules = AdvancementRule.objects.using(using).select_for_update()
        rule = rules.filter(id=slug, archived_at__isnull=False).first()
        if rule is None:
            raise AdvancementError(f"The rule {quoted(slug)} is not archived.")
        rule.archived_at = None
        if rule.active_version and rule.active_version.enabled:
            _give_active(rule, replace(rule.active_version.definition, enabled=False), by)
        else:
            rule.save(using=using)


def check_rules(definitions: Sequence[RuleDefinition], *, using: str = "default") -> list[Problem]:
    """Return the warnings about rules that `save_rules` would accept; raise RulesRefused otherwise."""
    return _checked(definitions, using)


def _give_active(rule: AdvancementRule, definition: RuleDefinition, by: str) -> RuleVersion:
    """Give a locked rule a new active version, and keep its draft, which is its newest version."""
    draft = rule.draft_version
    version = add_version(rule, definition, by=by)
    rule.draft_version = add_version(rule, draft.definition, by=draft.created_by) if draft else None
    _activate(rule, version, by)
    return version
