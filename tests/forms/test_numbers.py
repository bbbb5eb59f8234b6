"""Numbers as people type them: what can only mean one thing is read, anything else gets a sentence."""

import pytest

from advancement.forms.numbers import NotANumber, read_number, read_whole_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3", 3),
        (" 0.45 ", 0.45),
        (".5", 0.5),
        ("5.", 5),
        ("1,000", 1000),
        ("12,345,678.5", 12_345_678.5),
        ("1 000", 1000),
        ("1\u00a0000", 1000),
        ("1’000", 1000),
        ("-2", -2),
        ("−2", -2),
        ("+2", 2),
        ("1e3", 1000),
    ],
)
def test_a_number_is_read_as_it_is_written_here(text: str, number: float) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Enter a number."),
        ("  ", "Enter a number."),
        ("0,45", "as in 0.45"),
        (",5", "as in 0.5"),
        ("1,00", "as in 1.00"),
        ("1.000,5", "not a number"),
        ("1,000 000", "not a number"),
        ("three", "not a number"),
        ("3 times", "not a number"),
        ("50%", "not a number"),
        ("NaN", "not a number"),
        ("inf", "not a number"),
        ("1_000", "not a number"),
        ("٣", "not a number"),
        ("0x10", "not a number"),
        ("1e999", "too large"),
        ("9" * 399, "too large"),
        ("9" * 5000, "too long"),
        ("<b>", '"<b>" is not a number'),
        ("3\n4", "not a number"),
    ],
)
def test_anything_else_gets_a_sentence_that_says_what_to_type(text: str, sentence: str) -> None:
    with pytest.raises(NotANumber, match=sentence.replace("(", r"\(")):
        read_number(text)


def test_a_whole_number_has_no_fraction() -> None:
    assert read_whole_number("1,000") == 1000
    with pytest.raises(NotANumber, match="whole number"):
        read_whole_number("1.5")
