"""The form by which a reviewed rollback is confirmed."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.http import QueryDict
from django.utils import timezone

from advancement.criteria.texts import written
from advancement.criteria.wording import format_number
from advancement.models import Run
from advancement.rollback.figures import Figures

# Above so many sprouts whoever confirms types their number.
MOST_UNTYPED: Final = 500
RELEASED: Final = "released"
_DAYS: Final = (14, 30, 90)


@dataclass
class Confirmation:
    """What was filled in, and in `errors`, by field, what is wrong with it.

    `seen` is the mark of the changes since the plan that whoever confirms was shown.
    """

    reason: str = ""
    hold: bool = True
    days: str = str(_DAYS[0])
    disable: bool = True
    typed: str = ""
    digest: str = ""
    revision: int = 0
    seen: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def fresh(cls, run: Run) -> "Confirmation":
        """Return the form as it is first shown; one sprout is no reason to switch a rule off."""
        return cls(
            reason=run.reason,
            disable=run.scope_sprout_id is None,
            digest=run.digest,
            revision=run.review_revision,
        )

    @classmethod
    def filled_in(cls, data: QueryDict) -> "Confirmation":
        """Return the form as it was sent."""
        revision = data.get("revision", "")
        return cls(
            reason=written(data.get("reason", "").replace("\0", "")),
            hold="hold" in data,
            days=data.get("days", ""),
            disable="disable" in data,
            typed=data.get("typed", "").strip(),
            digest=data.get("digest", ""),
            revision=int(revision)
            if revision.isascii() and revision.isdigit() and len(revision) < 10
            else -1,
            seen=data.get("seen", ""),
        )

    def check(self, figures: Figures) -> bool:
        """Note what is wrong; return whether nothing is."""
        if not self.reason:
            self.errors["reason"] = "Say why; the reason is kept with each event."
        if self.hold and self.days not in {str(days) for days in _DAYS} | {RELEASED}:
            self.errors["days"] = "Choose how long they are held."
        if figures.chosen > MOST_UNTYPED and self.typed.replace(",", "") != str(figures.chosen):
            self.errors["typed"] = f"Type {format_number(figures.chosen)}, the number of sprouts."
        return not self.errors

    def hold_until(self, now: datetime) -> datetime | None:
        """Return when the holds end; None when they are to be released by hand."""
        return None if self.days == RELEASED else now + timedelta(days=int(self.days))


def hold_choices() -> list[tuple[str, str]]:
    """Return how long sprouts can be held, each with the date."""
    today = timezone.localtime()
    choices = [(str(n), f"{n} days, until {today + timedelta(days=n):%-d %b}") for n in _DAYS]
    return [*choices, (RELEASED, "until the hold is released")]
