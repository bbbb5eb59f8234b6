"""Rollbacks from start to end, and what tests ask about them."""

from collections import Counter
from typing import Any

from advancement.models import AdvancementEvent, Run, Sprout
from advancement.models.runs import RunTrigger
from advancement.rollback.scope import RollbackRequest
from advancement.runs.override import override_tier
from advancement.runs.start import start_rollback
from advancement.runs.summary import summarise_rollback
from advancement.runs.work import work_on
from tests.factories import add_rule, finished_run, make_sprout


def rollback(**request: Any) -> Run:
    """Return a rollback that was worked on to its end."""
    request = {"reason": "Too early.", "requested_by": "olga"} | request
    run = start_rollback(RollbackRequest(**request), trigger=RunTrigger.COMMAND)
    return work_on(run.pk, run.lease_token)


def override(sprout: Sprout, tier: str, **options: Any) -> Run:
    options = {"reason": "A landmark.", "by": "olga", "hold": False} | options
    return override_tier(sprout.pk, tier, trigger=RunTrigger.CONSOLE, **options)


def buckets(run: Run) -> dict[str, int]:
    """Return what is not zero of a rollback's buckets; they add up."""
    summary = summarise_rollback(run)
    names = ("reverted", "advanced_since", "overridden_since", "already_rolled_back", "gone", "tier_gone")
    counts = {name: summary[name] for name in (*names, "excluded", "skipped", "failed")}
    assert sum(counts.values()) == summary["evaluated"]
    return {name: count for name, count in counts.items() if count}


def tier(sprout: Sprout) -> str:
    sprout.refresh_from_db()
    return sprout.tier


def tiers() -> Counter[str]:
    return Counter(Sprout.objects.values_list("tier", flat=True))


def newest_event(sprout: Sprout) -> AdvancementEvent:
    return AdvancementEvent.objects.filter(sprout_id=sprout.pk).latest("revision")


def advanced(count: int = 1, **signals: float) -> tuple[Run, list[Sprout]]:
    """Let `a-rule` move some sprouts from sprout to sapling."""
    add_rule("citations >= 3")
    sprouts = [make_sprout(signals={"citations": 3} | signals) for _ in range(count)]
    return finished_run(), sprouts
