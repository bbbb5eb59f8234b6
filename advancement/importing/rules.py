"""Read a file of rules."""

import io
from collections.abc import Iterable
from typing import Final

from advancement.criteria.errors import AdvancementError
from advancement.criteria.rule_json import RuleFileError, rules_from_json
from advancement.criteria.rules import RuleDefinition
from advancement.importing.outcome import BadFile
from advancement.importing.reading import Source, name_of, open_source

MAX_CHARACTERS: Final = 16 * 2**20
# What travels in a form, and back again with the confirmation.
MAX_UPLOAD: Final = 2**20


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


def uploaded_text(data: bytes) -> str:
    """Return the text of an uploaded file, plain or compressed with gzip.

    Raise AdvancementError with a sentence when it is larger than 1 MiB, or no UTF-8.
    """
    parts: list[str] = []
    size = 0
    try:
        for _, line in Source(io.BytesIO(data)).lines():
            size += len(line.encode())
            if size > MAX_UPLOAD:
                break
            parts.append(line)
    except BadFile as error:
        sentence = f"Line {error.line:,}: {error}" if error.line else str(error)
        raise AdvancementError(f"{sentence[:1].upper()}{sentence[1:]}.") from error
    if size > MAX_UPLOAD:
        raise AdvancementError("The file is larger than 1 MiB; split it, or use the command import_rules.")
    return "".join(parts)


def _limited(lines: Iterable[tuple[int, str]]) -> str:
    parts: list[str] = []
    size = 0
    for number, line in lines:
        size += len(line)
        if size > MAX_CHARACTERS:
            raise BadFile("there are more than 16 MiB of rules; split the file", number)
        parts.append(line)
    return "".join(parts)
