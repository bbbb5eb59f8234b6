"""Bad rows: each is named by line and reason, and nothing of the file is kept."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from advancement.ladders import archive_model
from tests.importing.conftest import (
    FERN,
    MOSS,
    NEW,
    SPROUT_HEADER,
    event_row,
    jsonl,
    run,
    signal_row,
    sprout_row,
    without,
)

Refused = Callable[..., str]

SPROUTS = {
    "an unknown tier": ({"tier": "saplin"}, 'tier of model botanical "saplin" is not known', '"sapling"'),
    "a tier of another model": ({"tier": "draft"}, '"draft" is not known', '"grove"'),
    "an unknown model": (
        {"lifecycle_model": "botanic"},
        '"botanic" is not known',
        '"academic" or "botanical"',
    ),
    "a broken id": ({"id": "12"}, 'id is "12"; write a UUID'),
    "a number for an id": ({"id": 12}, "id is 12; write a UUID"),
    "no title": ({"title": ""}, "title is empty"),
    "a title that shows nothing": ({"title": "\u200b\u2060"}, "title has nothing that can be seen"),
    "null for a title": ({"title": None}, "title is missing"),
    "a list for a title": ({"title": ["a"]}, "title is a list"),
    "a title as long as a document": (
        {"title": "x" * 10_001},
        "title has 10,001 characters; at most 10,000 are kept, shorten it",
    ),
    "NUL in the title": ({"title": "I\0vy"}, "title contains a NUL character"),
    "half a surrogate pair": ({"title": "\ud800"}, "title contains half of a surrogate pair"),
    "a broken date": ({"created_at": "2026-02-30"}, 'created_at is "2026-02-30"; write a time that exists'),
    "a date in words": ({"created_at": "yesterday"}, "write a time that exists"),
    "a week date": ({"created_at": "2026-W03"}, "write a time that exists"),
    "an epoch": ({"created_at": 1700000000}, "created_at is 1700000000; write a time"),
    "a far-future date": ({"created_at": "2199-01-01"}, "more than a year in the future"),
    "the end of time": ({"created_at": "9999-12-31T23:59:59-14:00"}, "more than a year in the future"),
    "the beginning of time": ({"created_at": "0001-01-01T00:00:00+14:00"}, "before 1900"),
    "an unknown field": ({"titel": "Ivy"}, 'field "titel" is not known', 'did you mean "title"?'),
}

EVENTS = {
    "an unknown event type": ({"eventType": "sprout_view"}, '"sprout_view" is not known', '"sprout_viewed"'),
    "an unknown rating": (
        {"eventType": "sprout_rated", "metadata": {"rating": "meh"}},
        'metadata.rating "meh" is not known; use "up" or "down"',
    ),
    "no rating": ({"eventType": "sprout_rated"}, 'metadata.rating is missing; use "up" or "down"'),
    "no session": ({"sessionId": ""}, "sessionId is empty"),
    "null for a session": ({"sessionId": None}, "sessionId is missing"),
    "an empty id": ({"id": ""}, "id is empty"),
    "a long id": ({"id": "x" * 201}, "id has 201 characters; at most 200"),
    "NUL in the id": ({"id": "a\0"}, "id contains a NUL character"),
    "a number for a user": ({"userId": 7}, "userId is 7; write text"),
    "text for provenance": ({"provenance": "docs"}, 'provenance is "docs"; write an object'),
    "a number for a lens": ({"provenance": {"lensId": 7}}, "provenance.lensId is 7"),
    "an unknown sprout": ({"sproutId": NEW}, f"there is no sprout {NEW}; import the sprouts first"),
    "a far-future date": ({"createdAt": "2999-01-01T00:00:00Z"}, "more than a year in the future"),
    "an unknown field": ({"sproutID": FERN}, 'field "sproutID" is not known', 'did you mean "sproutId"?'),
}

SIGNALS = {
    "an unknown period": ({"period": "last_90d"}, 'period "last_90d" is not known', '"last_30d"'),
    "a negative count": ({"view_count": -1}, "view_count is -1, below 0"),
    "a fraction of a count": ({"view_count": 1.5}, "view_count is 1.5; write a whole number"),
    "true for a count": ({"view_count": True}, "view_count is true; write a whole number"),
    "400 digits": ({"view_count": 10**400}, "is a number of 401 digits; at most 9,007,199,254,740,991"),
    "400 digits for a score": ({"quality_score": 10**400}, "quality_score is a number of 401 digits"),
    "a century of days": ({"days_active": 40_000}, "at most 36,525"),
    "a score over 1": ({"quality_score": 1.01}, "quality_score is 1.01; it must be from 0 to 1"),
    "a score under -1": ({"utility_score": -1.01}, "it must be from -1 to 1"),
    "a negative diversity": ({"diversity_index": -0.1}, "it must be from 0 to 1"),
    "an infinity as text": ({"quality_score": "-inf"}, 'quality_score is "-inf"; write a number'),
    "other digits": ({"view_count": "١٢"}, "write a whole number in plain digits"),
    "underscores": ({"view_count": "1_000"}, "write a whole number in plain digits"),
    "maybe eligible": ({"advancement_eligible": "maybe"}, "write true or false"),
    "a broken date": ({"first_event_at": "2026-13-01"}, "first_event_at is"),
    "an end before its beginning": (
        {"first_event_at": "2026-02-02", "last_event_at": "2026-02-01"},
        "last_event_at is before first_event_at",
    ),
    "an unknown sprout": ({"sprout_id": NEW}, f"there is no sprout {NEW}"),
    "two names for the sprout": ({"document_id": FERN}, "exactly one of sprout_id and document_id"),
}  # fmt: skip


def check(
    refused: Refused, command: str, good: dict[str, Any], bad: dict[str, Any], words: tuple[str, ...]
) -> None:
    message = refused(command, jsonl(good, bad))
    assert message.startswith("FILE, line 2: ")
    assert message.endswith("Nothing of FILE was kept.")
    for word in words:
        assert word in message


@pytest.mark.parametrize("fault", SPROUTS)
def test_it_refuses_a_sprout_with(fault: str, refused: Refused) -> None:
    changes, *words = SPROUTS[fault]
    good = sprout_row(id="0b0f1a52-6a3e-4f2c-9a57-1f1b3f1c0009")
    check(refused, "import_sprouts", good, sprout_row(**changes), tuple(words))


@pytest.mark.parametrize("fault", EVENTS)
def test_it_refuses_an_event_with(fault: str, refused: Refused) -> None:
    changes, *words = EVENTS[fault]
    check(refused, "import_events", event_row(id="e0"), event_row(**changes), tuple(words))


@pytest.mark.parametrize("fault", SIGNALS)
def test_it_refuses_signals_with(fault: str, refused: Refused) -> None:
    changes, *words = SIGNALS[fault]
    check(refused, "import_signals", signal_row(sprout_id=MOSS), signal_row(**changes), tuple(words))


LINES = {
    "NaN": ('{"view_count": NaN}', "NaN is not a number that JSON knows"),
    "infinity": ('{"view_count": Infinity}', "Infinity is not a number that JSON knows"),
    "minus infinity": ('{"view_count": -Infinity}', "-Infinity is not a number that JSON knows"),
    "5,000 digits": ('{"view_count": ' + "9" * 5000 + "}", "a number has too many digits"),
    "deep nesting": ('{"a":' * 100_000 + "1" + "}" * 100_000, "this is nested too deep"),
    "broken JSON": ('{"sprout_id": }', "this is not valid JSON"),
    "two objects": ("{} {}", "something follows the object"),
    "a list": ("[1]", "this is not a JSON object"),
    "1e999": (json.dumps(signal_row()).replace("12", "1e999"), "view_count is inf; write a whole number"),
    "1e999 for a score": (
        json.dumps(signal_row(quality_score=9)).replace("9}", "1e999}"),
        "quality_score is inf; write a number",
    ),
    "no sprout": (json.dumps(without(signal_row(), "sprout_id")), "exactly one of sprout_id and document_id"),
    "no signal": (json.dumps(without(signal_row(), "view_count")), "there is no signal"),
}  # fmt: skip


@pytest.mark.parametrize("fault", LINES)
def test_it_refuses_a_line_with(fault: str, refused: Refused) -> None:
    line, words = LINES[fault]
    message = refused("import_signals", jsonl(signal_row()) + line + "\n")
    assert f"FILE, line 2: {words}" in message


CSV_LINES = {
    "too few values": (f"{NEW},Ivy,botanical,sprout\n", "4 values where the header names 5 columns"),
    "too many values": (f"{NEW},Ivy,botanical,sprout,2026-01-01,x\n", "6 values where the header names 5"),
    "an open quote": (f'{NEW},"Ivy,botanical,sprout,2026-01-01\n', "a quote is opened and never closed"),
    "text after a quote": (f'{NEW},"I"vy,botanical,sprout,2026-01-01\n', "this is not valid CSV"),
    "NUL": (f"{NEW},I\0vy,botanical,sprout,2026-01-01\n", "title contains a NUL character"),
    "no title": (f"{NEW},,botanical,sprout,2026-01-01\n", "title is empty"),
}


CELLS = ("NaN", "nan", "inf", "-inf", "Infinity", "1e999", "-1e999", "9" * 400, "-" + "9" * 400)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell[:9])
@pytest.mark.parametrize("column", ["view_count", "days_active", "quality_score", "utility_score"])
def test_it_refuses_a_cell_of_a_table_with(cell: str, column: str, refused: Refused) -> None:
    text = f"sprout_id,period,{column}\n{MOSS},all_time,1\n{FERN},all_time,{cell}\n"
    message = refused("import_signals", text)
    assert message.startswith(f"FILE, line 3: {column} is ")
    assert message.count("\n") == 1
    assert len(message) < 300


@pytest.mark.parametrize("fault", CSV_LINES)
def test_it_refuses_a_table_row_with(fault: str, refused: Refused) -> None:
    row, words = CSV_LINES[fault]
    # The good row takes two lines: line numbers are those of an editor, not of records.
    good = '0b0f1a52-6a3e-4f2c-9a57-1f1b3f1c0009,"I\nvy",botanical,sprout,2026-01-01\n'
    message = refused("import_sprouts", SPROUT_HEADER + good + row)
    assert f"FILE, line 4: {words}" in message


def test_it_refuses_conflicting_ids_naming_both_lines(refused: Refused) -> None:
    rows = [event_row(), event_row(id="e2"), event_row(sessionId="s2"), event_row()]
    message = refused("import_events", jsonl(*rows))
    assert "FILE, line 1: line 3 repeats this id with other values; keep one of them." in message
    assert "FILE, line 3: this repeats the id of line 1 with other values; keep one of them." in message
    assert "FILE, line 4: line 3 repeats this id" in message
    assert "line 2:" not in message


def test_it_refuses_conflicting_sprouts_but_not_repeated_ones(refused: Refused) -> None:
    other = sprout_row(id="0b0f1a52-6a3e-4f2c-9a57-1f1b3f1c0009")
    message = refused("import_sprouts", jsonl(sprout_row(), other, sprout_row(title="Ivy II"), other))
    assert "FILE, line 1: line 3 repeats this id with other values; keep one of them." in message
    assert "FILE, line 3: this repeats the id of line 1 with other values; keep one of them." in message
    assert "line 2:" not in message
    assert "line 4:" not in message


def test_it_refuses_conflicting_signals_of_one_sprout_and_period(refused: Refused) -> None:
    rows = [signal_row(), signal_row(period="last_7d"), signal_row(view_count=None)]
    message = refused("import_signals", jsonl(*rows))
    assert "line 3: this repeats the sprout_id and period of line 1" in message


def test_it_refuses_another_model_for_a_sprout_that_is_here(refused: Refused) -> None:
    row = sprout_row(id=FERN, lifecycle_model="academic", tier="draft")
    message = refused("import_sprouts", jsonl(sprout_row(), row))
    assert "FILE, line 2: this sprout is in the lifecycle model botanical" in message


def test_it_refuses_sprouts_of_an_archived_model_and_says_so(refused: Refused) -> None:
    archive_model("botanical")
    for row in (sprout_row(), sprout_row(id=FERN, title="Renamed")):
        message = refused("import_sprouts", jsonl(row))
        assert 'FILE, line 1: lifecycle_model "botanical" is archived and takes no new sprouts' in message


def test_it_refuses_other_values_for_an_event_that_is_here(
    refused: Refused, write: Callable[..., str]
) -> None:
    assert run("import_events", write(jsonl(event_row()))).code == 0
    message = refused("import_events", jsonl(event_row(id="e2"), event_row(userId="u1")))
    assert "FILE, line 2: an event with this id is here already with other values" in message


def test_it_shows_a_hundred_problems_in_order_and_counts_the_rest(refused: Refused) -> None:
    rows = [event_row(id=f"e{n}", **({"sproutId": NEW} if n % 2 else {"sessionId": ""})) for n in range(250)]
    lines = refused("import_events", jsonl(*rows)).splitlines()
    assert len(lines) == 102
    assert [line.split(":")[0] for line in lines[:100]] == [f"FILE, line {n}" for n in range(1, 101)]
    assert lines[100] == "… and 150 more."


def test_it_shows_control_and_bidirectional_characters_escaped(refused: Refused) -> None:
    message = refused("import_sprouts", jsonl(sprout_row(tier="a\x1b[2J\u202e")))
    assert r"a\x1b[2J\u202e" in message


@pytest.mark.parametrize(
    ("once", "twice"),
    [('"id": "e1"', '"id": "e1", "id": "e2"'), ('"id": "e1"', '"id": "e1", "metadata": {"id": 1, "id": 2}')],
)
def test_an_object_with_a_repeated_field_is_refused(once: str, twice: str, refused: Refused) -> None:
    said = refused("import_events", jsonl(event_row()).replace(once, twice))
    assert 'line 1: field "id" is there twice; keep one of them.' in said
