"""What people have to write: a text counts when something of it can be seen, wherever it comes from."""

import unicodedata
from typing import Final

# What shows nothing though it is a letter or a symbol: the fillers of Hangul, and Braille without a dot.
_FILLERS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# Separators, controls, what only formats (zero-width, directions), and marks, which need a letter.
_UNSEEN: Final = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Mn", "Mc", "Me"})


def written(text: str) -> str:
    """Return a text without the blanks around it; empty when nothing of it can be seen."""
    return text.strip() if any(map(_seen, text)) else ""


def as_read(name: str) -> str:
    """Return a name as it is told from others: without its case, its blanks and what does not show."""
    plain = unicodedata.normalize("NFKC", name)
    shown = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    return " ".join(shown.split()).casefold()


def _seen(character: str) -> bool:
    if "!" <= character <= "~":
        return True
    return character not in _FILLERS and unicodedata.category(character) not in _UNSEEN
