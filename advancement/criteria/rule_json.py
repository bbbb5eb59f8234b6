"""Read and write rules as JSON, the form of `import_rules` and `export_rules`.

Reading only asks for the right form; whether a rule makes sense is for `validation` to say.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from advancement.criteria.errors import AdvancementError
from advancement.criteria.rules import DEFAULT_PRIORITY, CriterionDefinition, Logic, RuleDefinition
from advancement.criteria.signals import Period
from advancement.criteria.wording import compact_number, join_words, quoted, storage_obstacle

_SHOWN_PROBLEMS: Final = 20
_SHOWN_KEYS: Final = 10
# Shorter integers fit a double, and Python parses them without complaint.
_MAX_DIGITS: Final = 300


class RuleFileError(AdvancementError):
    """The text is not a list of rules; `problems` holds a sentence for everything found."""

    def __init__(self, problems: Iterable[str]) -> None:
        """Keep all problems; show the first of them."""
        self.problems = tuple(problems)
        shown = list(self.problems[:_SHOWN_PROBLEMS])
        if left := len(self.problems) - len(shown):
            shown.append(f"There are {left:,} more problems.")
        super().__init__("\n".join(shown))


def rules_from_json(text: str) -> list[RuleDefinition]:
    """Return the rules in the text, in its order.

    Raises `RuleFileError` with all problems if anything in the text has the wrong form, or if two
    rules have the same id.
    """
    reader = _Reader()
    rules = [reader.rule(item, number) for number, item in enumerate(_parse(text), start=1)]
    reader.check_ids(rules)
    if reader.problems:
        raise RuleFileError(reader.problems)
    return rules


def rules_to_json(rules: Iterable[RuleDefinition]) -> str:
    """Return the rules as a JSON list, in their order, such that `rules_from_json` gives them back.

    Raises `ValueError` for a threshold that is not finite, which no valid rule has.
    """
    items = [_rule_item(rule) for rule in rules]
    return json.dumps(items, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _rule_item(rule: RuleDefinition) -> dict[str, object]:
    return {
        "id": rule.slug,
        "title": rule.title,
        "description": rule.description,
        "lifecycleModelId": rule.lifecycle_model,
        "fromTier": rule.from_tier,
        "toTier": rule.to_tier,
        "logicOperator": rule.logic,
        "isEnabled": rule.enabled,
        "priority": rule.priority,
        **({} if rule.max_moves is None else {"maxMoves": rule.max_moves}),
        "criteria": [_criterion_item(criterion) for criterion in rule.criteria],
    }


def _criterion_item(criterion: CriterionDefinition) -> dict[str, object]:
    return {
        "signal": criterion.signal,
        "operator": criterion.operator,
        "threshold": compact_number(criterion.threshold),
        "period": criterion.period,
    }


@dataclass(frozen=True)
class _Unreadable:
    """A number that JSON's grammar or Python's parser let through, but no rule can hold."""

    reason: str


class _Object(dict[str, Any]):
    """A JSON object that remembers which of its keys were given more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs)
        self.repeated = [key for key, count in counts.items() if count > 1]


def _parse(text: str) -> list[Any]:
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise RuleFileError(["The file is empty; it must hold a JSON list of rules."])
    try:
        items = json.loads(
            text,
            object_pairs_hook=_Object,
            parse_int=_parse_int,
            parse_float=_parse_float,
            parse_constant=lambda name: _Unreadable(f"is {name}, which is not a number in JSON"),
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise RuleFileError([f"The file is not JSON: {error.msg} at {place}."]) from None
    except RecursionError:
        raise RuleFileError(["The file is nested too deeply to be a list of rules."]) from None
    if not isinstance(items, list):
        raise RuleFileError([f"The file must hold a JSON list of rules, but it holds {_kind(items)}."])
    return items


def _parse_int(digits: str) -> int | _Unreadable:
    if len(digits) > _MAX_DIGITS:
        return _Unreadable(f"is too large a number, of {len(digits)} characters")
    return int(digits)


def _parse_float(digits: str) -> float | _Unreadable:
    number = float(digits)
    return number if math.isfinite(number) else _Unreadable("is too large a number")


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f"the text {quoted(value)}"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case _Unreadable():
            return "an unreadable number"
        case _:
            return "an object"


_REQUIRED: Final[Any] = object()

_RULE_KEYS: Final[Mapping[str, tuple[type, Any]]] = {
    "id": (str, _REQUIRED),
    "title": (str, _REQUIRED),
    "description": (str, ""),
    "lifecycleModelId": (str, _REQUIRED),
    "fromTier": (str, _REQUIRED),
    "toTier": (str, _REQUIRED),
    "logicOperator": (str, Logic.ALL.value),
    "isEnabled": (bool, False),
    "priority": (int, DEFAULT_PRIORITY),
    "maxMoves": (int, None),
    "criteria": (list, _REQUIRED),
}
_CRITERION_KEYS: Final[Mapping[str, tuple[type, Any]]] = {
    "signal": (str, _REQUIRED),
    "operator": (str, _REQUIRED),
    "threshold": (float, _REQUIRED),
    "period": (str, Period.ALL_TIME.value),
}
_KIND_NAMES: Final[Mapping[type, str]] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
}
# What stands for a value that was refused, so that reading can go on and find the other problems.
_STAND_INS: Final[Mapping[type, Any]] = {str: "", bool: False, int: DEFAULT_PRIORITY, float: 0.0, list: []}


class _Reader:
    """Turns parsed JSON into rules, noting every problem on the way."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def rule(self, item: object, number: int) -> RuleDefinition:
        named = item.get("id") if isinstance(item, dict) else None
        place = f"Rule {number} ({quoted(named)})" if isinstance(named, str) else f"Rule {number}"
        values = self._values(item, _RULE_KEYS, place)
        criteria = (
            self._criterion(criterion, f"{place}, criterion {index}")
            for index, criterion in enumerate(values["criteria"], start=1)
        )
        return RuleDefinition(
            slug=values["id"],
            title=values["title"],
            description=values["description"],
            lifecycle_model=values["lifecycleModelId"],
            from_tier=values["fromTier"],
            to_tier=values["toTier"],
            logic=values["logicOperator"],
            enabled=values["isEnabled"],
            priority=values["priority"],
            max_moves=values["maxMoves"],
            criteria=tuple(criteria),
        )

    def check_ids(self, rules: list[RuleDefinition]) -> None:
        first_at: dict[str, int] = {}
        for number, rule in enumerate(rules, start=1):
            first = first_at.setdefault(rule.slug, number)
            if rule.slug and first != number:
                self.problems.append(
                    f"Rule {number} has the same id as rule {first}, {quoted(rule.slug)}; rename one."
                )

    def _criterion(self, item: object, place: str) -> CriterionDefinition:
        return CriterionDefinition(**self._values(item, _CRITERION_KEYS, place))

    def _values(self, item: object, keys: Mapping[str, tuple[type, Any]], place: str) -> dict[str, Any]:
        stand_ins = {key: _STAND_INS[kind] for key, (kind, _) in keys.items()}
        if not isinstance(item, _Object):
            self.problems.append(f"{place} must be an object, but it is {_kind(item)}.")
            return stand_ins
        self._check_keys(item, keys, place)
        for key, (kind, default) in keys.items():
            if key in item:
                stand_ins[key] = self._value(item[key], kind, f"{place}, key {quoted(key)}")
            elif default is not _REQUIRED:
                stand_ins[key] = default
        return stand_ins

    def _check_keys(self, item: _Object, keys: Mapping[str, tuple[type, Any]], place: str) -> None:
        missing = [
            quoted(key) for key, (_, default) in keys.items() if default is _REQUIRED and key not in item
        ]
        unknown = [quoted(key) for key in item if key not in keys]
        repeated = [quoted(key) for key in item.repeated]
        for fault, names in (("lacks", missing), ("has unknown", unknown), ("repeats", repeated)):
            if names:
                self.problems.append(f"{place} {fault} key{'s'[: len(names) - 1]} {_listed(names)}.")

    def _value(self, value: Any, kind: type, place: str) -> Any:
        fault = _fault(value, kind)
        if fault:
            self.problems.append(f"{place} {fault}.")
            return _STAND_INS[kind]
        return float(value) if kind is float else value


def _listed(names: list[str]) -> str:
    if len(names) <= _SHOWN_KEYS:
        return join_words(names, "and")
    return f"{', '.join(names[:_SHOWN_KEYS])} and {len(names) - _SHOWN_KEYS:,} more"


def _fault(value: object, kind: type) -> str | None:
    if isinstance(value, _Unreadable):
        return value.reason
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        return f"must be {_KIND_NAMES[kind]}, but it is {_kind(value)}"
    if isinstance(value, str) and (obstacle := storage_obstacle(value)):
        return f"contains {obstacle}"
    return None
