"""Read a file of rules."""

from collections.abc import Iterable
from typing import Final

from advancement.criteria.errors import AdvancementError
from advancement.criteria.rule_json import RuleFileError, rules_from_json
from advancement.criteria.rules import RuleDefinition
from advancement.importing.outcome import BadFile
from advancement.importing.reading import name_of, open_source

MAX_CHARACTERS: Final = 16 * 2**20


def read_rules(path: str) -> list[RuleDefinition]:
    """Return the rules of a JSON file, or of standard input for `-`.

    Raise AdvancementError with sentences that name the place.
    """
    name = name_of(path)
    try:
        with open_source(path) as source:
            text = _limited(source.lines())
    except BadFile as error:
        place = f"{name}, line {error.line:,}" if error.line else name
        raise AdvancementError(f"{place}: {error}.\nNothing of {name} was kept.") from error
    try:
        return rules_from_json(text)
    except RuleFileError as error:
        raise AdvancementError(f"{error}\nNothing of {name} was kept.") from error


def _limited(lines: Iterable[tuple[int, str]]) -> str:
    parts: list[str] = []
    size = 0
    for number, line in lines:
        size += len(line)
        if size > MAX_CHARACTERS:
            raise BadFile("there are more than 16 MiB of rules; split the file", number)
        parts.append(line)
    return "".join(parts)
