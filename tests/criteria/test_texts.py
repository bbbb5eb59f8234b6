"""A text counts when something of it can be seen."""

import pytest

from advancement.criteria.texts import as_read, is_emoji, written

UNSEEN = [
    "",
    " \t\r\n",
    "\u00a0",  # a blank that does not break
    "\u200b",  # of no width
    "\u2060",
    "\ufeff",
    "\u202e\u202c",  # directions
    "\u2066\u2069",
    "\u3164\u115f",  # fillers
    "\u2800",  # Braille without a dot
    "\u0301",  # an accent without a letter
    "\u00ad",
    "\x07",
    " \u200b \u00a0",
]


@pytest.mark.parametrize("text", UNSEEN)
def test_what_shows_nothing_is_not_written(text: str) -> None:
    assert written(text) == ""


@pytest.mark.parametrize(
    "text", ["a", "🌱", "❤\ufe0f", ".", "日本", "שלום", "\u200bא", "e\u0301", "\U0001fadf"]
)
def test_whatever_can_be_seen_is(text: str) -> None:
    assert written(f" {text}\u00a0") == text


@pytest.mark.parametrize("name", ["Recipes", " recipes", "RECIPES\u200b", "Reci\u00adpes", "Ｒecipes"])
def test_names_that_read_alike_are_alike(name: str) -> None:
    assert as_read(name) == as_read("Recipes")


def test_names_that_read_differently_differ() -> None:
    assert len({as_read(name) for name in ("Recipes", "Recipe s", "Récipes", "🌱", "🌲")}) == 5


@pytest.mark.parametrize(
    "emoji",
    [
        *(
            "🌱",
            "🏛️",
            "✏️",
            "❤️",
            "☘",
            "👩🏽\u200d🚀",
            "👨\u200d👩\u200d👧\u200d👦",
            "🇳🇱",
            "1️⃣",
            "‼️",
            "\U0001fae9",
        ),
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    ],
)
def test_one_emoji_is_one_however_many_characters_it_has(emoji: str) -> None:
    assert is_emoji(emoji)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "a",
            "abc",
            "1",
            "日",
            "🌱🌱",
            "🌱a",
            "🌱 ",
            " ",
            "#",
            "-",
            "\u200d",
            "\ufe0f",
            "🌱\u200d",
            "🇳",
        ),
        *("🌱" * 17, "\u0301", "e\u0301"),
    ],
)
def test_letters_digits_and_several_are_no_emoji(text: str) -> None:
    assert not is_emoji(text)
