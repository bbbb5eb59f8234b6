"""The badges of a rule in the list: what deserves a look, in a word or two."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from advancement.criteria.wording import join_words, percent_words
from advancement.views.rule_list import Row

# So many rules that another one overlaps with are named one by one.
_NAMED: Final = 2


@dataclass(frozen=True)
class Mark:
    """A badge of a rule: words, icon and colour."""

    text: str
    icon: str = ""
    kind: str = ""


def marks(row: Row) -> list[Mark]:
    """Return the badges of a rule, the gravest first."""
    return [*_faults(row), *_figures(row)]


def _faults(row: Row) -> Iterator[Mark]:
    if not row.countable:
        yield Mark("Invalid", "x", "danger")
    elif row.invalid:
        yield Mark("Nothing can meet it", "x", "danger")
    if row.stopped:
        yield Mark("Stopped by the signal gate", "pause", "warn")
    if row.shadowed:
        duplicate = row.shadowed.code == "duplicate-rule"
        yield Mark("Duplicate" if duplicate else "Can never win", "warn", "warn")
    elif any(problem.blocks == "nothing" for problem in row.problems):
        yield Mark("Look again", "warn", "warn")


def _figures(row: Row) -> Iterator[Mark]:
    if row.share_exceeded and row.count:
        share = round(row.count.movable / row.count.candidates, 3)
        yield Mark(f"{percent_words(share)} of its tier", "warn", "warn")
    if row.overlaps:
        yield Mark(_overlap_words(row.overlaps), "info", "info")
    if row.changed_since_run:
        yield Mark("Changed since the last run", "edit", "info")
    if row.never_matched:
        yield Mark("Never matched", "minus")
    if row.on and not row.scheduled:
        yield Mark("Not in scheduled runs", "clock")


def _overlap_words(overlaps: Sequence[tuple[str, int]]) -> str:
    if len(overlaps) == 1:
        ((title, count),) = overlaps
        return f"{count:,} overlap with {title}"
    named = sorted(overlaps, key=lambda item: -item[1])[:_NAMED]
    words = [f"{count:,} overlap with {title}" for title, count in named]
    if more := len(overlaps) - len(named):
        words.append(f"with {more} more")
    return join_words(words, "and")
