"""The last thing that stands of a sprout's history: what would be taken back first."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from advancement.models import AdvancementEvent
from advancement.rollback.scope import advanced


def last_standing(sprout_id: UUID, *, using: str = "default") -> AdvancementEvent | None:
    """Return the newest event of a sprout that nobody took back and that takes nothing back itself.

    That is an advancement, also one that was restored when its rollback was undone, or an override.
    """
    events = AdvancementEvent.objects.using(using)
    taken_back = Exists(events.filter(reverses=OuterRef("pk")))
    standing = events.filter(~taken_back, Q(reverses__isnull=True) | advanced(), sprout_id=sprout_id)
    return standing.order_by("-revision").first()
