"""`manage.py aggregate_signals`."""

import json
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from advancement.management.commands.aggregate_signals import Command
from advancement.models import SignalRefresh, Sprout
from tests.aggregation.conftest import AS_OF, make_event


def test_it_says_what_was_done(sprout: Sprout, capsys: pytest.CaptureFixture[str]) -> None:
    make_event(sprout, AS_OF)
    call_command("aggregate_signals", "--as-of", "2026-03-06")
    said = capsys.readouterr().out
    assert said.startswith("Signals as of 2026-03-06 00:00 UTC: 1 sprouts, 3 rows, full, ")
    assert said.endswith(" s.\n")


def test_json_is_one_object(sprout: Sprout, capsys: pytest.CaptureFixture[str]) -> None:
    make_event(sprout, AS_OF)
    call_command("aggregate_signals", "--period", "last_7d", "--period", "all_time", "--full", "--json")
    answer = json.loads(capsys.readouterr().out)
    assert (answer["periods"], answer["full"]) == (["all_time", "last_7d"], True)
    assert (answer["sprouts"], answer["rows"]) == (1, 2)


@pytest.mark.parametrize(
    "text", ["2026-03-06", "2026-03-06 00:00", "2026-03-06T00:00:00Z", "2026-03-05T19:00:00-05:00"]
)
def test_a_time_without_zone_is_utc(db: None, text: str) -> None:
    call_command("aggregate_signals", "--as-of", text)
    assert SignalRefresh.objects.get().as_of == datetime(2026, 3, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--period", "last_year"], "invalid choice: 'last_year'"),
        (["--as-of", "yesterday"], "'yesterday' is not a time; write it as in"),
        (["--as-of", "2026-02-30"], "'2026-02-30' is not a time; write it as in"),
        (["--as-of", "0001-01-01"], "'0001-01-01' lies too far off; write a year from"),
    ],
)
def test_wrong_usage_is_one_sentence_and_two(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit:
        Command().run_from_argv(["manage.py", "aggregate_signals", *arguments])
    assert exit.value.code == 2
    assert sentence in capsys.readouterr().err
    with pytest.raises(CommandError):
        call_command("aggregate_signals", *arguments)
