"""What a rule is, as plain values: the form shared by imports, forms, validation and storage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from advancement.criteria.signals import Period

DEFAULT_PRIORITY: Final = 100


class Operator(StrEnum):
    """How a criterion compares a signal with its threshold."""

    GTE = ">="
    GT = ">"
    EQ = "=="
    LT = "<"
    LTE = "<="


class Logic(StrEnum):
    """Whether all criteria must be met or any one is enough."""

    ALL = "AND"
    ANY = "OR"


@dataclass(frozen=True, slots=True)
class CriterionDefinition:
    """One comparison, as written: names are not yet known to be valid."""

    signal: str
    operator: str
    threshold: float
    period: str = Period.ALL_TIME


@dataclass(frozen=True, slots=True)
class RuleDefinition:
    """Everything that a version of a rule says, independent of where it is stored."""

    slug: str
    title: str
    lifecycle_model: str
    from_tier: str
    to_tier: str
    criteria: tuple[CriterionDefinition, ...]
    description: str = ""
    logic: str = Logic.ALL
    enabled: bool = False
    priority: int = DEFAULT_PRIORITY
    max_moves: int | None = None

    @property
    def order(self) -> tuple[int, str]:
        """The sort key by which rules are tried: lower priority first, then slug."""
        return (self.priority, self.slug)


# The tiers of each lifecycle model, by model slug, in order of position.
Lifecycles = Mapping[str, Sequence[str]]
