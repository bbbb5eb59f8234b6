"""What came of an import: figures, the problems of bad rows, and the refusal of a file."""

from dataclasses import dataclass, field
from typing import Any, Final

from advancement.criteria.errors import AdvancementError

MAX_PROBLEMS: Final = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many rows were read and what became of them; the figures add up to `read`.

    `repeated` rows are identical to an earlier row of the file. `problems` holds a sentence for each
    of the first 100 rejected rows, in the order of lines, `notes` what good rows asked for and did not
    get. Where `kept` is false nothing was written,
    and the figures of what was written are 0.
    """

    file: str
    kept: bool
    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    repeated: int = 0
    rejected: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rejected_file: str | None = None

    @property
    def report(self) -> str:
        """The problems, one a line, and how many more there are; empty without any."""
        more = self.rejected - len(self.problems)
        return "\n".join([*self.problems, f"… and {more:,} more."] if more > 0 else self.problems)

    @property
    def as_json(self) -> dict[str, Any]:
        """The figures and problems under the names of the fields."""
        return {name: getattr(self, name) for name in self.__slots__}


class ImportRefused(AdvancementError):
    """The file cannot be imported; nothing of it was kept."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"{outcome.report}\nNothing of {outcome.file} was kept.")
        self.outcome = outcome


class BadRow(Exception):
    """One record cannot be used; the argument is the reason, without file and line."""


class BadFile(Exception):
    """The whole file cannot be used; the argument is the reason, the line is known or not."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line
