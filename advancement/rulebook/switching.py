"""Rules switched on and off, archived and brought back."""

from dataclasses import replace

from django.db import transaction
from django.utils import timezone

from advancement.criteria.errors import AdvancementError
from advancement.criteria.wording import quoted
from advancement.models import AdvancementRule, RuleVersion
from advancement.rulebook.reading import writer_of
from advancement.rulebook.versions import check_rules, replace_active


def disable_rule(slug: str, *, by: str, using: str = "default") -> RuleVersion | None:
    """Give an enabled rule a new active version that is disabled; return it, None when nothing was to do."""
    with transaction.atomic(using=using):
        rules = AdvancementRule.objects.using(using).select_for_update()
        rule = rules.filter(id=slug, archived_at__isnull=True, active_version__enabled=True).first()
        if rule is None or rule.active_version is None:
            return None
        return replace_active(rule, replace(rule.active_version.definition, enabled=False), by)


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
        check_rules([definition], using)
        return replace_active(rule, definition, by)


def archive_rule(slug: str, *, by: str, using: str = "default") -> None:
    """Take a rule out of use; its versions and events stay."""
    AdvancementRule.objects.using(using).filter(id=slug, archived_at__isnull=True).update(
        archived_at=timezone.now(), archived_by=by
    )


def unarchive_rule(slug: str, *, by: str, using: str = "default") -> None:
    """Bring an archived rule back, switched off: signals have moved on, so switching it on is a new look.

    Raise AdvancementError when it is not archived.
    """
    with transaction.atomic(using=using):
        rules = AdvancementRule.objects.using(using).select_for_update()
        rule = rules.filter(id=slug, archived_at__isnull=False).first()
        if rule is None:
            raise AdvancementError(f"The rule {quoted(slug)} is not archived.")
        rule.archived_at, rule.archived_by = None, ""
        if rule.active_version and rule.active_version.enabled:
            replace_active(rule, replace(rule.active_version.definition, enabled=False), by)
        else:
            rule.save(using=using)
