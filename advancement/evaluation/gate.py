"""The signal gate: rules whose signals look wrong are stopped, so that nothing moves on bad figures."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import QuerySet

from advancement.criteria.rules import RuleDefinition
from advancement.criteria.signals import SIGNALS
from advancement.criteria.wording import age_words, format_number
from advancement.models import SignalRefresh
from advancement.models.signals import LEAST_SHARE

# A smaller total may halve by chance.
LEAST_TOTAL: Final = 100
# How many records are looked through for former totals.
_HISTORY: Final = 1000
# A refresh repeated so soon after another does not make what that one found normal. A little less than a
# day, so that a nightly refresh is compared with that of the night before and not with older ones.
_MEMORY: Final = timedelta(hours=23)

_Collapsed = dict[tuple[str, str], tuple[int, int, datetime]]


class SignalGate:
    """What is known of the signals' health at one instant: their freshness, and totals that collapsed.

    It fails closed: signals whose refresh is not on record count as stale. Freshness is the wall-clock
    time of the last refresh, not its as-of; `ADVANCEMENT_MAX_SIGNAL_AGE` of 0 switches its check off.
    A total has collapsed when it is below half of what any refresh of the last day found, or the last
    one before that; a run that began at `since` also goes back to what was there before it.
    """

    def __init__(self, now: datetime, using: str = "default", *, since: datetime | None = None) -> None:
        self._now = now
        refreshes = SignalRefresh.objects.using(using)
        self._newest = refreshes.by_period()
        self._collapsed = _collapsed(refreshes.order_by("-id"), since)

    def reason_to_stop(self, rule: RuleDefinition) -> str | None:
        """Return why a rule must not move anything now, as a sentence, or None when it may."""
        for criterion in rule.criteria:
            signal = SIGNALS[criterion.signal]
            if signal.column is None:
                continue
            if reason := self._stale(criterion.period) or self._collapse(rule, signal.name, signal.column):
                return reason
        return None

    def _stale(self, period: str) -> str | None:
        limit = settings.ADVANCEMENT_MAX_SIGNAL_AGE
        if not limit:
            return None
        newest = self._newest.get(period)
        if newest is None:
            return (
                f"No refresh of the {period} signals is on record; "
                "run aggregate_signals or import_signals first."
            )
        if self._now - newest.finished_at <= limit:
            return None
        age = age_words(self._now - newest.finished_at)
        return (
            f"The {period} signals were last refreshed {age} ago, which is longer than "
            f"ADVANCEMENT_MAX_SIGNAL_AGE allows ({age_words(limit)})."
        )

    def _collapse(self, rule: RuleDefinition, name: str, column: str) -> str | None:
        figures = self._collapsed.get((rule.lifecycle_model, column))
        if figures is None:
            return None
        before, after, then = figures
        return (
            f"The total of {name} over all {rule.lifecycle_model} sprouts fell from {format_number(before)} "
            f"to {format_number(after)} since the refresh of {then:%Y-%m-%d %H:%M} UTC; "
            "check where the usage events come from."
        )


def stopped_rules(
    rules: Iterable[RuleDefinition],
    now: datetime,
    using: str = "default",
    *,
    since: datetime | None = None,
) -> dict[str, str]:
    """Return the reason for each rule that the gate stops, by slug."""
    gate = SignalGate(now, using, since=since)
    reasons = {rule.slug: gate.reason_to_stop(rule) for rule in rules}
    return {slug: reason for slug, reason in reasons.items() if reason}


def _collapsed(newest_first: "QuerySet[SignalRefresh]", since: datetime | None) -> _Collapsed:
    """Return (before, after, when it was before) of each all-time total that fell below half."""
    newest = newest_first.first()
    if newest is None:
        return {}
    found: _Collapsed = {}
    for former in _compared_with(newest_first, newest, since):
        for model, totals in former.totals.items():
            for column, before in totals.items():
                after = newest.totals.get(model, {}).get(column, 0)
                if before >= LEAST_TOTAL and after < before * LEAST_SHARE:
                    found.setdefault((model, column), (before, after, former.finished_at))
    return found


def _compared_with(
    newest_first: "QuerySet[SignalRefresh]", newest: SignalRefresh, since: datetime | None
) -> list[SignalRefresh]:
    """Return the former refreshes that the newest one must not fall short of, newest first."""
    start = newest.finished_at - _MEMORY
    start = min(start, since) if since else start
    former = newest_first.exclude(pk=newest.pk).only("totals", "finished_at")
    return [*former.filter(finished_at__gte=start)[:_HISTORY], *former.filter(finished_at__lt=start)[:1]]
