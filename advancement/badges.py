"""The TierBadge: a sprout's tier, sparkling for a day after it advanced, and why it is there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils import timezone

from advancement.criteria.sentences import count_words
from advancement.models import AdvancementEvent, Sprout, Tier
from advancement.models.events import AdvancementEventType

SPARKLES_FOR: Final = timedelta(hours=24)


@dataclass(frozen=True)
class TierBadge:
    """What gardeners see: label and emoji of the tier, since when and why; `sparkles` on a fresh advancement.

    `advanced_at` is since when it is in its tier, as everywhere, and None in its original tier. `reason` is
    for everybody; `typed` is what whoever set the tier wrote about it, for people who are signed in.
    """

    tier: str
    label: str
    emoji: str
    advanced_at: datetime | None
    sparkles: bool
    reason: str
    typed: str = ""

    @property
    def explained(self) -> str:
        """The reason with what was typed about it, for people who are signed in."""
        return f"{self.reason}: {self.typed}" if self.typed else self.reason


def tier_badges(sprouts: Iterable[Sprout], *, using: str = "default") -> dict[UUID, TierBadge]:
    """Return the badge of each sprout, by id, in two queries."""
    wanted = list(sprouts)
    tiers = {(t.lifecycle_model_id, t.slug): t for t in Tier.objects.using(using).all()}
    standing = _standing_events([sprout.pk for sprout in wanted], using)
    now = timezone.now()
    return {
        sprout.pk: _badge(
            sprout, tiers.get((sprout.lifecycle_model_id, sprout.tier)), standing.get(sprout.pk), now
        )
        for sprout in wanted
    }


def _standing_events(sprouts: list[UUID], using: str) -> dict[UUID, AdvancementEvent]:
    """Return the event by which each sprout is where it is; none for one in its original tier.

    That is the newest one that nobody took back: an advancement, an override, or the undoing of a rollback,
    which stands for the advancement that it restored.
    """
    events = AdvancementEvent.objects.using(using)
    own = events.filter(sprout_id__in=sprouts).only(
        *(
            "sprout_id",
            "revision",
            "event_type",
            "timestamp",
            "reason",
            "rule_id",
            "criteria_met",
            "reverses_id",
        ),
        "run_id",
    )
    reversed_ids = set(
        events.filter(sprout_id__in=sprouts, reverses__isnull=False).values_list("reverses_id", flat=True)
    )
    newest: dict[UUID, AdvancementEvent] = {}
    for event in own.order_by("sprout_id", "revision"):
        takes_back = event.reverses_id is not None and event.rule_id is None
        if event.pk not in reversed_ids and not takes_back:
            newest[event.sprout_id] = event
    return newest


def _badge(sprout: Sprout, tier: Tier | None, event: AdvancementEvent | None, now: datetime) -> TierBadge:
    automatic = event is not None and event.event_type == AdvancementEventType.AUTO_ADVANCEMENT
    return TierBadge(
        tier=sprout.tier,
        label=tier.label if tier else sprout.tier,
        emoji=tier.emoji if tier else "",
        advanced_at=sprout.tier_updated_at if event else None,
        sparkles=bool(automatic and event and now - event.timestamp < SPARKLES_FOR),
        reason=_reason(event),
        typed=event.reason if event and not automatic else "",
    )


def _reason(event: AdvancementEvent | None) -> str:
    """Say why a sprout is in its tier, in words for everybody: no names, nothing that was typed."""
    if event is None:
        return "Original tier"
    day = event.timestamp.astimezone(UTC).strftime("%-d %b %Y")
    if event.event_type == AdvancementEventType.AUTO_ADVANCEMENT:
        return ", ".join([f"Advanced automatically on {day}", *_figures(event)])
    if event.event_type == AdvancementEventType.MANUAL_OVERRIDE:
        return f"Set by hand on {day}"
    return f"Restored on {day}"


def _figures(event: AdvancementEvent) -> list[str]:
    """Return what counted, as in `15 retrievals`; of criteria that were met."""
    met = [line for line in event.criteria_met if line["met"]]
    shown = [count_words(line["signal"], line["actual"]) for line in met]
    return list(dict.fromkeys(shown))
