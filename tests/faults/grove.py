"""One small grove with a past: two runs, a rollback with holds, overrides, and a night that is due."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.core.management import call_command

from advancement.aggregation.refresh import refresh_signals
from advancement.database.clock import database_now
from advancement.holds import set_holds
from advancement.models import AdvancementEvent, Run, Schedule, Sprout, UsageEvent
from advancement.models.runs import RunTrigger
from advancement.rollback.scope import RollbackRequest
from advancement.runs.override import override_tier
from advancement.runs.start import RunRequest, start_rollback, start_run
from advancement.runs.work import work_on
from tests.criteria.cast import make_rule
from tests.factories import add_rules, sprout_values

SPROUTS: Final = 90
TIERS: Final = ("seed", "sprout", "sapling")
BATCH: Final = 6
_DAYS_AGO: Final = (1.5, 10.5, 45.5)
_TYPES: Final = ("sprout_viewed", "sprout_retrieved", "sprout_referenced")


def sprout_id(number: int) -> uuid.UUID:
    """Return the id of a sprout by its number."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"sprout {number}")


def plant() -> None:
    """Fill an empty database."""
    call_command("migrate", verbosity=0)
    now = database_now()
    Sprout.objects.bulk_create(
        sprout_values(TIERS[number % 3], id=sprout_id(number), title=f"notes/{number:03d}.md")
        for number in range(SPROUTS)
    )
    UsageEvent.objects.bulk_create(usage(now, 0, 10))
    refresh_signals()
    add_rules(
        make_rule("views >= 3", slug="germinate", from_tier="seed", to_tier="sprout"),
        make_rule("citations >= 2", slug="cited", from_tier="sprout", to_tier="sapling"),
        make_rule("retrievals >= 2", slug="used", from_tier="sapling", to_tier="tree"),
    )
    run_once()
    run_once()
    _take_back_some("germinate", 3)
    some = list(Sprout.objects.filter(revision=0).order_by("id").values_list("id", flat=True))
    set_holds(some[:5], reason="wait", by="an operator")
    for sprout in Sprout.objects.filter(pk__in=some[5:8]):
        target = "tree" if sprout.tier != "tree" else "sapling"
        override_tier(sprout.pk, target, reason="seen", by="an operator", trigger=RunTrigger.CONSOLE)
    add_rules(
        make_rule("views >= 2", slug="germinate", from_tier="seed", to_tier="sprout"),
        make_rule("citations >= 1", slug="cited", from_tier="sprout", to_tier="sapling"),
        make_rule("views >= 2 last_30d", slug="seen", from_tier="sprout", to_tier="sapling", priority=50),
        make_rule("retrievals >= 1", slug="used", from_tier="sapling", to_tier="tree"),
    )
    UsageEvent.objects.bulk_create(usage(now, 10, 16))
    Schedule.objects.update_or_create(id=1, defaults={"activated_at": now - timedelta(days=3)})


def usage(now: datetime, first: int, last: int) -> Iterator[UsageEvent]:
    """Yield usage events well inside of the windows, so that their signals do not depend on the minute."""
    for number in range(SPROUTS):
        for place in range(first, last):
            if (number * 7 + place * 5) % 11 < (number % 9):
                yield UsageEvent(
                    id=f"use-{number}-{place}",
                    sprout_id=sprout_id(number),
                    event_type=_TYPES[(number + place * 2) % 3 if place % 4 else 0],
                    created_at=now - timedelta(days=_DAYS_AGO[(number + place) % 3]),
                    session_id=f"session-{place}",
                )


def run_once() -> Run:
    """Do an extra run over all tiers."""
    run = start_run(RunRequest(from_tiers=TIERS, batch_size=BATCH), trigger=RunTrigger.COMMAND)
    return work_on(run.pk, run.lease_token)


def _take_back_some(rule: str, spared: int) -> None:
    events = AdvancementEvent.objects.filter(rule_id=rule).order_by("sprout_id")
    excluded = tuple(events.values_list("sprout_id", flat=True)[:spared])
    request = RollbackRequest("too early", "an operator", rule=rule, excluded=excluded, hold=True)
    run = start_rollback(request, trigger=RunTrigger.COMMAND)
    work_on(run.pk, run.lease_token)
