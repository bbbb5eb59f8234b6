"""What people have to write: a text counts when something of it can be seen, wherever it comes from."""

import re
import unicodedata
from typing import Final

# What shows nothing though it is a letter or a symbol: the fillers of Hangul, and Braille without a dot.
_FILLERS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# Separators, controls, what only formats (zero-width, directions), and marks, which need a letter.
_UNSEEN: Final = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Mn", "Mc", "Me"})
_CONTROLS: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})

MAX_EMOJI_LENGTH: Final = 16
# Joins two emojis to one; shows a character as an emoji; makes a key of a digit.
_JOINER, _AS_EMOJI, _KEY = "\u200d", "\ufe0f", "\u20e3"
_SYMBOLS: Final = frozenset({"So", "Sm", "Sk", "Sc", "Cn"})
_PART: Final = (
    "(?:[\U0001f1e6-\U0001f1ff]{2}"  # the two letters of a flag
    f"|[0-9#*]{_AS_EMOJI}?{_KEY}"
    f"|[^\\w\\s\\x00-\\x7f\U0001f1e6-\U0001f1ff{_JOINER}]{_AS_EMOJI}?"
    "[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*)"  # a tone of skin; the tags of a region's flag
)
_EMOJI: Final = re.compile(f"{_PART}(?:{_JOINER}{_PART})*")


def written(text: str) -> str:
    """Return a text without the blanks around it; empty when nothing of it can be seen."""
    return text.strip() if any(map(_seen, text)) else ""


def has_controls(text: str) -> bool:
    """Whether a text holds what is no character to read: controls, line ends, code points of no character."""
    return any(unicodedata.category(c) in _CONTROLS or ord(c) & 0xFFFE == 0xFFFE for c in text)


def as_read(name: str) -> str:
    """Return a name as it is told from others: without its case, its blanks and what does not show."""
    plain = unicodedata.normalize("NFKC", name)
    shown = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    return " ".join(shown.split()).casefold()


def is_emoji(text: str) -> bool:
    """Whether a text is one emoji: a symbol with what belongs to it, joined symbols, a flag, a key."""
    found = _EMOJI.fullmatch(text) if len(text) <= MAX_EMOJI_LENGTH else None
    return found is not None and all(_pictures(part) for part in text.split(_JOINER))


def _pictures(part: str) -> bool:
    """Whether a part is a symbol, perhaps one younger than this Python, or is shown as an emoji."""
    return unicodedata.category(part[0]) in _SYMBOLS or part[1:2] in {_AS_EMOJI, _KEY}


def _seen(character: str) -> bool:
    if "!" <= character <= "~":
        return True
    return character not in _FILLERS and unicodedata.category(character) not in _UNSEEN
