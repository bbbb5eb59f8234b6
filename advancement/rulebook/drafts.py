"""Drafts of rules: saved by one person, activated by another."""

from dataclasses import replace

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from advancement.criteria.errors import AdvancementError
from advancement.criteria.rules import RuleDefinition
from advancement.criteria.wording import quoted
from advancement.models import AdvancementRule, RuleVersion
from advancement.rulebook.errors import NewerVersion, OwnDraft
from advancement.rulebook.versions import add_version, check_rules, make_active


def save_draft(
    definition: RuleDefinition, *, by: str, based_on: int | None = None, using: str = "default"
) -> RuleVersion:
    """Keep a definition as its rule's draft, in place of an older one; the batch does not look at drafts.

    What the draft or, without one, the active version says already makes no new version. `based_on` is
    the number of the version that the writer started from, 0 for a rule that is new to them: raise
    NewerVersion when somebody has saved something else since, AdvancementError when it was archived.
    Raise RulesRefused when the rule is invalid; one that nothing can meet may be kept as a draft.
    """
    check_rules([replace(definition, enabled=False)], using)
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
    when there is no draft, it is another one by now, or the rule is archived.
    """
    with transaction.atomic(using=using):
        rule = _with_draft(slug, "activate", number, using)
        if rule.archived_at:
            raise AdvancementError(
                f"The rule {quoted(slug)} is archived. Bring it back before you activate it."
            )
        version = rule.draft_version
        assert version
        if version.created_by == by and not settings.ADVANCEMENT_APPROVE_OWN:
            raise OwnDraft(
                f"You wrote version {version.number} of the rule {quoted(slug)}; "
                "somebody else has to activate it."
            )
        check_rules([version.definition], using)
        rule.draft_version = None
        make_active(rule, version, by)
        return version


def discard_draft(slug: str, *, by: str, number: int | None = None, using: str = "default") -> RuleVersion:
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
            rule.archived_at, rule.archived_by = timezone.now(), by
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
