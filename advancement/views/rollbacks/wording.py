"""What a rollback is about, in words, and its address in the wizard."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from advancement.criteria.wording import format_number, isolated
from advancement.models import AdvancementEvent, AdvancementRule, Run, Sprout
from advancement.models.events import AdvancementEventType
from advancement.rollback.changes import Change, Changes
from advancement.templatetags.rollback import rule_title
from advancement.templatetags.runs import run_name

_AGES: Final = {
    timedelta(hours=24): "the last 24 hours",
    timedelta(days=7): "the last 7 days",
    timedelta(days=30): "the last 30 days",
}
# Between asking for the last 24 hours and the start of the run that does.
_LATENCY: Final = timedelta(minutes=1)
_SHORT: Final = {"the last 24 hours": "24h", "the last 7 days": "7d", "the last 30 days": "30d"}


def rules_by_slug(slugs: Iterable[str]) -> dict[str, AdvancementRule]:
    """Return the rules with the versions that name them."""
    rules = AdvancementRule.objects.filter(pk__in=[slug for slug in slugs if slug])
    return {rule.pk: rule for rule in rules.select_related("active_version", "draft_version")}


def titles(rules: Mapping[str, AdvancementRule]) -> dict[str, str]:
    """Return the titles of rules by slug."""
    return {slug: rule_title(rule) for slug, rule in rules.items()}


def title_of(sprout_id: UUID) -> str:
    """Return the title of a sprout; one that was deleted is named by its id."""
    title = Sprout.objects.filter(pk=sprout_id).values_list("title", flat=True).first()
    return f"“{isolated(title)}”" if title is not None else f"sprout {sprout_id}"


def scope_words(run: Run, names: Mapping[str, str]) -> str:
    """Say what a rollback is about: “by Steady use in run 412 in the last 24 hours”."""
    if run.undoes is not None:
        return f"of {run_name(run.undoes).lower()}"
    parts = [f"by {names.get(run.scope_rule_id, run.scope_rule_id)}"] if run.scope_rule_id else []
    if run.scope_run_id is not None:
        parts.append(f"in run {run.scope_run_id}")
    if run.scope_sprout_id is not None:
        parts.append(f"of {title_of(run.scope_sprout_id)}")
    if age := _age(run):
        parts.append(f"in {age}")
    else:
        parts += [f"{word} {_said(moment)}" for word, moment in _ends(run) if moment]
    return " ".join(parts) or "of all rules"


_CHANGES: Final = {
    Change.DELETED: "deleted",
    Change.OVERRIDDEN: "overridden",
    Change.ADVANCED: "advanced",
    Change.ROLLED_BACK: "moved by another rollback",
    Change.HELD: "put on hold or released from one",
    Change.TIER_GONE: "left without a tier to go back to",
    Change.OTHER: "changed otherwise",
}


def change_words(changes: Changes) -> str:
    """Say what became of the sprouts that changed: “2 were overridden, 1 was deleted.”."""
    parts = [
        f"{format_number(count)} {'was' if count == 1 else 'were'} {_CHANGES[change]}"
        for change, count in changes.counts.items()
    ]
    return f"{', '.join(parts)}."


def scope_address(run: Run, **more: object) -> str:
    """Return the address of the first step, filled in as it was for this rollback."""
    scope: dict[str, object] = {
        "rule": run.scope_rule_id,
        "run": run.scope_run_id,
        "sprout": run.scope_sprout_id,
    }
    if age := _age(run):
        scope["since"] = _SHORT[age]
    else:
        scope |= {"since": _iso(run.scope_since), "until": _iso(run.scope_until)}
    if run.scope_since is None and run.scope_until is None:
        scope["range"] = "all"
    given = {name: value for name, value in (scope | more).items() if value not in (None, "")}
    return f"{reverse('console:rollback')}?{urlencode(given)}"


def take_back_address(event: AdvancementEvent) -> str:
    """Return the address of the first step, filled in for one advancement and what came of it since."""
    if event.event_type == AdvancementEventType.AUTO_ADVANCEMENT:
        scope: dict[str, object] = {"run": event.run_id, "range": "all"}
    else:  # restored, by a run that a rollback cannot be about
        scope = {"since": event.timestamp.isoformat()}
    return f"{reverse('console:rollback')}?{urlencode({'sprout': event.sprout_id} | scope)}"


def _age(run: Run) -> str:
    """Return which of the usual ranges the scope was when the run was asked for."""
    if run.scope_since is None or run.scope_until is not None:
        return ""
    reach = run.created_at - run.scope_since
    return next((words for age, words in _AGES.items() if abs(reach - age) < _LATENCY), "")


def _ends(run: Run) -> tuple[tuple[str, datetime | None], ...]:
    return ("since", run.scope_since), ("until", run.scope_until)


def _said(moment: datetime) -> str:
    local = timezone.localtime(moment)
    return local.strftime("%-d %b %Y, %H:%M ") + (local.tzname() or "")


def _iso(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
