"""Names that are nearly what somebody typed, among few enough to compare with all of them."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

# The share of letters that two words have in common, in the same order.
_LIKENESS: Final = 0.75
_SHORTEST: Final = 4
_LONGEST: Final = 60
_MOST_WORDS: Final = 6
_MOST_GUESSES: Final = 5
_WORD: Final = re.compile(r"\w+")

Key = TypeVar("Key")


def near_names(text: str, names: Mapping[Key, str]) -> list[Key]:
    """Return the keys of the names that have, for each word of a text, that word or one much like it."""
    words_of = {key: _words(name) for key, name in names.items()}
    vocabulary = set().union(*words_of.values()) if words_of else set()
    likes = [_like(word, vocabulary) for word in _WORD.findall(text.casefold())[:_MOST_WORDS]]
    if not likes:
        return []
    return [key for key, words in words_of.items() if all(words & like for like in likes)]


def _words(name: str) -> set[str]:
    return {word[:_LONGEST] for word in _WORD.findall(name.casefold().replace("_", " "))}


def _like(word: str, vocabulary: Iterable[str]) -> set[str]:
    holding = {other for other in vocabulary if word in other}
    if len(word) < _SHORTEST or len(word) > _LONGEST:
        return holding
    guesses = difflib.get_close_matches(word, vocabulary, n=_MOST_GUESSES, cutoff=_LIKENESS)
    return holding | set(guesses)
