"""Which of the rules the list shows: those that the address asks for, page by page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.http import QueryDict

from advancement.criteria.sentences import signal_words
from advancement.views.rule_list import Row

PAGE: Final = 50
STATES: Final = {
    "on": "On",
    "off": "Off",
    "draft": "Draft waiting",
    "invalid": "Invalid",
    "archived": "Archived",
}


@dataclass(frozen=True)
class Filter:
    """What the address asks for; empty strings ask for nothing."""

    q: str = ""
    model: str = ""
    tier: str = ""
    state: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> "Filter":
        """Read it from the address; a state that there is not asks for nothing."""
        state = query.get("state", "")
        return cls(
            q=query.get("q", "").replace("\0", "").strip(),
            model=query.get("model", ""),
            tier=query.get("tier", ""),
            state=state if state in STATES else "",
        )

    def __bool__(self) -> bool:
        return any((self.q, self.model, self.tier, self.state))

    def accepts(self, row: Row) -> bool:
        """Whether a rule is what is asked for."""
        version = row.version
        return (
            (not self.model or version.lifecycle_model_id == self.model)
            and (not self.tier or version.from_tier == self.tier)
            and self._state_of(row)
            and self._words_of(row)
        )

    def _state_of(self, row: Row) -> bool:
        if row.rule.archived_at or self.state == "archived":
            return bool(row.rule.archived_at) and self.state == "archived"
        match self.state:
            case "on":
                return row.on
            case "off":
                return row.switchable and not row.on
            case "draft":
                return row.draft_waits
            case "invalid":
                return row.invalid
        return True

    def _words_of(self, row: Row) -> bool:
        if not self.q:
            return True
        signals = {criterion.signal for criterion in row.definition.criteria}
        names = [row.slug, row.version.title, *signals, *map(signal_words, signals)]
        return any(self.q.casefold() in name.casefold() for name in names)


def page_after(rows: Sequence[Row], after: str, size: int = PAGE) -> tuple[list[Row], str, str]:
    """Return the rules that follow one in the list, and the slugs that lead to the pages around them.

    The slug of the page before is empty where that is the first.
    """
    slugs = [row.slug for row in rows]
    start = slugs.index(after) + 1 if after in slugs else 0
    shown = list(rows[start : start + size])
    following = shown[-1].slug if start + size < len(rows) else ""
    former = slugs[start - size - 1] if start > size else ""
    return shown, former, following


def hidden(rows: Iterable[Row], wanted: Filter) -> int:
    """Return how many rules a filter hides; archived ones are hidden without one."""
    return sum(not wanted.accepts(row) for row in rows if not row.rule.archived_at)
