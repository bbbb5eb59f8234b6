"""Names that are nearly what somebody typed."""

import pytest

from advancement.criteria.nearness import near_names

NAMES = {"a": "Steady use", "b": "Oaks grow", "c": "Use of_old-notes"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("stedy", ["a"]),
        ("steayd us", ["a"]),
        ("oak groww", ["b"]),
        ("nots old", ["c"]),
        ("use", ["a", "c"]),
        ("oka", []),
        ("photosynthesis", []),
        ("…", []),
        ("", []),
    ],
)
def test_each_word_is_there_or_one_much_like_it(text: str, found: list[str]) -> None:
    assert near_names(text, NAMES) == found


def test_among_no_names_nothing_is_near() -> None:
    assert near_names("oak", {}) == []
