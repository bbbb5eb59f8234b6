"""The form of a lifecycle model with its ladder: what was typed, what is wrong with it, its buttons."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from django.http import QueryDict
from django.utils.text import slugify

from advancement.criteria.slugs import MAX_SLUG_LENGTH, SLUG_WORDS, is_slug
from advancement.criteria.texts import has_controls, is_emoji, written
from advancement.criteria.wording import quoted
from advancement.ladders import MOST_TIERS, Rung, as_seen, too_high
from advancement.models import LifecycleModel, Tier

LEAST_TIERS: Final = 2
_BLANK_ROWS: Final = 3
_LONGEST_LABEL: Final = 200
_ROW_STEP: Final = re.compile(r"(remove|up|down)-(\d{1,3})", re.ASCII)


@dataclass(frozen=True)
class TierEntry:
    """A row of the form; `there` when the model has this tier already, so that its slug stays."""

    emoji: str = ""
    label: str = ""
    slug: str = ""
    there: bool = False

    @property
    def blank(self) -> bool:
        """Whether nothing was typed into a row that is not a tier yet."""
        return not (self.there or self.emoji or self.label or self.slug)


@dataclass(frozen=True)
class LadderEntry:
    """What stands in the form; `known` are the slugs of the tiers that the model had when it was opened.

    `seen` stands for what model and tiers said then.
    """

    slug: str = ""
    label: str = ""
    tiers: tuple[TierEntry, ...] = ()
    known: tuple[str, ...] = ()
    seen: str = ""

    @property
    def most(self) -> int:
        """How many tiers it may have: one that was made otherwise with more of them keeps them."""
        return max(MOST_TIERS, len(self.known))

    @property
    def full(self) -> bool:
        """Whether no tier can be added."""
        return len(self.tiers) >= self.most


@dataclass(frozen=True)
class Faults:
    """What is wrong with a form: by field, and by the number of the row."""

    fields: dict[str, str] = field(default_factory=dict)
    rows: dict[int, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.fields or self.rows)


def blank_ladder() -> LadderEntry:
    """Return the form of a new model."""
    return LadderEntry(tiers=(TierEntry(),) * _BLANK_ROWS)


def ladder_of(model: LifecycleModel, tiers: Sequence[Tier]) -> LadderEntry:
    """Return the form of a model with its tiers in order."""
    rows = tuple(TierEntry(tier.emoji, tier.label, tier.slug, there=True) for tier in tiers)
    known = tuple(tier.slug for tier in tiers)
    return LadderEntry(model.slug, model.label, rows, known, as_seen(model.label, tiers))


def read_ladder(data: QueryDict) -> LadderEntry:
    """Return what was sent."""
    known = tuple(_texts(data, "known"))
    columns = (_texts(data, name) for name in ("emoji", "tier_label", "tier_slug", "there"))
    rows = [
        TierEntry(emoji, label, slug, there=there == "1" and slug in known)
        for emoji, label, slug, there in zip(*columns, strict=False)
    ]
    return LadderEntry(
        slug="".join(_texts(data, "slug")[:1]),
        label="".join(_texts(data, "label")[:1]),
        tiers=tuple(rows),
        known=known,
        seen="".join(_texts(data, "seen")[:1]),
    )


def _texts(data: QueryDict, name: str) -> list[str]:
    return [written(text.replace("\0", "")) for text in data.getlist(name)]


def after_step(entry: LadderEntry, action: str) -> tuple[LadderEntry, str] | None:
    """Return the form after one of its buttons, and the id of what is next; None for any other action."""
    rows = list(entry.tiers)
    if action == "add":
        rows += [] if entry.full else [TierEntry()]
        return replace(entry, tiers=tuple(rows)), f"tier-{len(rows) - 1}-emoji"
    match = _ROW_STEP.fullmatch(action)
    if match is None:
        return None
    row = int(match[2])
    if row >= len(rows):
        return entry, "add-tier"
    if match[1] == "remove":
        del rows[row]
        focus = f"tier-{min(row, len(rows) - 1)}-label" if rows else "add-tier"
        return replace(entry, tiers=tuple(rows)), focus
    to = row + (1 if match[1] == "down" else -1)
    if not 0 <= to < len(rows):
        to = row
    rows[row], rows[to] = rows[to], rows[row]
    # At an end there is nowhere further to go, so the button that leads back is next.
    next_button = "down" if to == 0 else "up" if to == len(rows) - 1 else match[1]
    return replace(entry, tiers=tuple(rows)), f"tier-{to}-{next_button}"


def without_blank_rows(entry: LadderEntry) -> LadderEntry:
    """Return the form with the rows alone in which something was filled in."""
    return replace(entry, tiers=tuple(row for row in entry.tiers if not row.blank))


def filled_in(entry: LadderEntry) -> LadderEntry:
    """Return the form with slugs made of the labels where they were left empty."""
    tiers = tuple(replace(row, slug=row.slug or _slug_of(row.label)) for row in entry.tiers)
    return replace(entry, slug=entry.slug or _slug_of(entry.label), tiers=tiers)


def _slug_of(label: str) -> str:
    return slugify(label)[:MAX_SLUG_LENGTH].strip("-_")


def faults_of(entry: LadderEntry, emojis: Container[str] = ()) -> Faults:
    """Return what is wrong with a form that was filled in; `emojis` are those that the tiers have already."""
    fields, rows = {}, {}
    if fault := label_fault(entry.label, "The model"):
        fields["label"] = fault
    if fault := _slug_fault(entry.slug, entry.label):
        fields["slug"] = fault
    for number, row in enumerate(entry.tiers):
        earlier = {other.slug for other in entry.tiers[:number]}
        if fault := _row_fault(row, earlier, emojis):
            rows[number] = fault
    if len(entry.tiers) < LEAST_TIERS:
        fields["tiers"] = "A ladder has two tiers at least: sprouts climb from one to the next."
    if len(entry.tiers) > entry.most:
        fields["tiers"] = too_high(len(entry.tiers), entry.most)
    return Faults(fields, rows)


def _row_fault(row: TierEntry, earlier: set[str], emojis: Container[str]) -> str:
    if fault := label_fault(row.label, "A tier"):
        return fault
    if fault := _slug_fault(row.slug, row.label):
        return fault
    if row.slug in earlier:
        return f"A tier before this one has the slug {row.slug} as well: give this one another label or slug."
    return "" if row.there and row.emoji in emojis else emoji_fault(row.emoji)


def emoji_fault(emoji: str) -> str:
    """Say what is wrong with the emoji of a tier; "" when nothing is, as when there is none."""
    if not emoji or is_emoji(emoji):
        return ""
    return f"{quoted(emoji)} is not one emoji. Choose one, as in 🌱, or leave it empty."


def label_fault(label: str, what: str) -> str:
    """Say what is wrong with the label of a model or a tier; "" when nothing is."""
    if not label:
        return f"{what} needs a label, which is what people read."
    if has_controls(label):
        return "A label cannot hold control characters; write it anew."
    return "" if len(label) <= _LONGEST_LABEL else f"A label has {_LONGEST_LABEL} characters at most."


def _slug_fault(slug: str, label: str) -> str:
    if not slug:
        return "No slug can be made of this label: give one." if label else ""
    return "" if is_slug(slug) else f"A slug has {SLUG_WORDS}, {MAX_SLUG_LENGTH} characters at most."


def rungs_of(entry: LadderEntry) -> list[Rung]:
    """Return the tiers of a form without faults."""
    return [Rung(row.slug, row.label, row.emoji, row.there) for row in entry.tiers]
