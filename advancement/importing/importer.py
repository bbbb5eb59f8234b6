"""What an importer declares; everything else is the same for all of them."""

import abc
import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from advancement.criteria.wording import advice, join_words, quoted
from advancement.importing.outcome import BadRow
from advancement.importing.staging import Check, Column, Staging

# The sprout that the samples of all kinds speak of.
EXAMPLE_SPROUT: Final = "00000000-0000-4000-8000-000000000001"


@dataclass(frozen=True, slots=True)
class Merged:
    """How many rows the merge inserted and updated."""

    inserted: int = 0
    updated: int = 0


class Importer(abc.ABC):
    """One kind of file: its fields, how a row is parsed, what is checked, and how rows are merged.

    `now` is the present instant, by which times in the future are judged.
    """

    noun: ClassVar[str]
    required: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[Column, ...]]
    key: ClassVar[tuple[str, ...]]
    csv_allowed: ClassVar[bool] = True
    example: ClassVar[Mapping[str, Any]]

    def __init__(self, using: str, now: datetime) -> None:
        self.using = using
        self.now = now
        self._names = frozenset((*self.required, *self.optional))

    @classmethod
    def sample(cls) -> str:
        """Return a file of this kind to start from, with its columns and one row as an example."""
        if not cls.csv_allowed:
            return json.dumps(dict(cls.example)) + "\n"
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([cls.example.keys(), cls.example.values()])
        return text.getvalue()

    @classmethod
    def fields_in_words(cls) -> list[tuple[str, tuple[str, ...]]]:
        """Return the groups of fields that a row may have, each with the words that lead to it."""
        return [("", cls.required), *([(", and if you like", cls.optional)] if cls.optional else [])]

    @abc.abstractmethod
    def parse(self, fields: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values of the staging columns; raise BadRow with the reason and what to do."""

    @abc.abstractmethod
    def merge(self, staging: Staging) -> Merged:
        """Write the good rows of the staging table to where they belong."""

    def checks(self, staging: Staging) -> Sequence[Check]:
        """Return what must hold before the merge."""
        return ()

    def checks_after(self, staging: Staging) -> Sequence[Check]:
        """Return what must hold after the merge, against rows that another process may have added."""
        return ()

    def finish(self, staging: Staging, started: datetime) -> list[str]:
        """Do what belongs into the same transaction once the rows are merged.

        Return sentences on what the file asked for and did not get, although its rows are good.
        """
        return []

    def check_columns(self, names: Sequence[str]) -> None:
        """Raise BadRow where the names of a header, or of an object, will not do."""
        if self._names.isdisjoint(names) and not self._other_kind(names):
            raise BadRow(f"there is no header; the first line must name the columns {self._expected()}")
        self.check_names(names)
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise BadRow(f"column {quoted(twice)} is there twice; keep one of them")
        if absent := [quoted(name) for name in self.required if name not in names]:
            missing = "column {} is" if len(absent) == 1 else "columns {} are"
            said = missing.format(join_words(absent, "and"))
            raise BadRow(f"{said} missing; the columns are {self._expected()}")

    def check_names(self, names: Sequence[str] | Mapping[str, Any], noun: str = "column") -> None:
        """Raise BadRow for a name that is not known, with the nearest one that is."""
        if not self._names.issuperset(names):
            self.check_kind(names)
            unknown = next(name for name in names if name not in self._names)
            known = (*self.required, *self.optional)
            raise BadRow(f"{noun} {quoted(unknown)} is not known; {advice(unknown, known)}")

    def check_kind(self, names: Iterable[str]) -> None:
        """Raise BadRow where the names are those of another kind of file."""
        if not self._names.issuperset(names) and (other := self._other_kind(names)):
            raise BadRow(f"these are {other}, not {self.noun}; import the file as such")

    def _other_kind(self, names: Iterable[str]) -> str | None:
        """Return what the rows are when their names are those of another kind of file."""
        given = frozenset(names)
        return next(
            (
                kind.noun
                for kind in Importer.__subclasses__()
                if given.issuperset(kind.required) and given.issubset((*kind.required, *kind.optional))
            ),
            None,
        )

    def _expected(self) -> str:
        return ", ".join(self.required)
