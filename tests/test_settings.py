"""Settings come from the environment, over `.env`; a broken one stops the start with a sentence."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from grove_console import environment
from tests.processes import manage, run, sqlite

PRODUCTION = {
    "SECRET_KEY": "correct-horse-battery-staple-0123456789-abcdefghijklmnopqrstuvwxyz",
    "ALLOWED_HOSTS": "console.example.org",
}

BROKEN: list[tuple[Any, str]] = [
    (environment.boolean, "maybe"),
    (environment.tiers, "sprout,Not A Slug"),
    (environment.tiers, ","),
    (environment.whole_number(1, 100), "0"),
    (environment.whole_number(1, 100), "101"),
    (environment.whole_number(1, 100), "1.5"),
    (environment.optional_limit, "-1"),
    (environment.optional_limit, "none"),
    (environment.share, "0"),
    (environment.share, "1.01"),
    (environment.share, "50%"),
    (environment.share, "nan"),
    (environment.duration, "soon"),
    (environment.duration, "-1h"),
    (environment.daily_cron, "every night"),
    (environment.daily_cron, "0 2 * *"),
    (environment.daily_cron, "61 2 * * *"),
    (environment.daily_cron, "* 2 * * *"),
    (environment.daily_cron, "0 */6 * * *"),
    (environment.daily_cron, "0 2,14 * * *"),
    (environment.daily_cron, "0 0 2 * * *"),
    (environment.daily_cron, "0 2 30 2 *"),
    (environment.database, "grove.sqlite3"),
    (environment.database, "sqlite:////tmp/grove.sqlite3?foo=bar"),
    (environment.database, "mysql://localhost/grove"),
    (environment.database, "postgres://localhost:port/grove"),
    (environment.database, "postgres://localhost"),
]


def _read(value: str, parse: Any) -> Any:
    return environment.read({"SOME_NAME": value}, "SOME_NAME", parse, "the default")


@pytest.mark.parametrize(("parse", "value"), BROKEN)
def test_a_broken_value_is_refused_with_a_sentence_that_names_the_variable(parse: Any, value: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        _read(value, parse)
    sentence = str(refusal.value)
    assert sentence.startswith(f"SOME_NAME={value!r} is not usable: ")
    assert sentence.endswith((".", ")."))
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("parse", "value", "meaning"),
    [
        (environment.boolean, "Yes", True),
        (environment.boolean, "off", False),
        (environment.names, "a.example, b.example,", ["a.example", "b.example"]),
        (environment.tiers, "sprout, sapling", ["sprout", "sapling"]),
        (environment.optional_limit, "unlimited", None),
        (environment.optional_limit, "250", 250),
        (environment.share, "1", 1.0),
        (environment.duration, "48h", timedelta(hours=48)),
        (environment.duration, "90 m", timedelta(minutes=90)),
        (environment.duration, "0", timedelta(0)),
        (environment.daily_cron, "off", None),
        (environment.daily_cron, "30 4 * * 1-5", "30 4 * * 1-5"),
    ],
)
def test_what_a_value_means(parse: Any, value: str, meaning: Any) -> None:
    assert _read(value, parse) == meaning


def test_the_environment_wins_over_dotenv_and_an_empty_value_counts_as_unset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("DEBUG=1\nALLOWED_HOSTS=from-dotenv\nADVANCEMENT_CRON=0 3 * * *\nSECRET_KEY=\n")
    monkeypatch.delenv("GROVE_CONSOLE_READ_DOTENV", raising=False)
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.setenv("DEBUG", "0")
    monkeypatch.setenv("ALLOWED_HOSTS", "")
    monkeypatch.setenv("ADVANCEMENT_CRON", "  ")
    before = dict(os.environ)

    values = environment.load(dotenv)

    assert values["DEBUG"] == "0"
    assert values["ALLOWED_HOSTS"] == "from-dotenv"
    assert values["ADVANCEMENT_CRON"] == "0 3 * * *"
    assert "SECRET_KEY" not in values
    assert environment.read(values, "SECRET_KEY", str, "the default") == "the default"
    assert dict(os.environ) == before


def test_dotenv_is_left_alone_when_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("ADVANCEMENT_CRON=0 3 * * *\n")
    monkeypatch.setenv("GROVE_CONSOLE_READ_DOTENV", "0")
    monkeypatch.delenv("ADVANCEMENT_CRON", raising=False)
    assert "ADVANCEMENT_CRON" not in environment.load(dotenv)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "maybe"),
        ("DATABASE_URL", "mysql://localhost/grove"),
        ("ADVANCEMENT_FROM_TIERS", "Sprout!"),
        ("ADVANCEMENT_BATCH_SIZE", "0"),
        ("ADVANCEMENT_CRON", "* * * * *"),
        ("ADVANCEMENT_MAX_SHARE", "2"),
        ("ADVANCEMENT_MAX_MOVES", "0"),
        ("ADVANCEMENT_MAX_SIGNAL_AGE", "soon"),
    ],
)
def test_a_broken_setting_stops_the_start(name: str, value: str) -> None:
    answer = manage("check", **{"DEBUG": "1", name: value})
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"Grove Console cannot start: {name}={value!r} is not usable: ")
    assert answer.stderr.count("\n") == 1


def test_debug_alone_suffices_and_empty_values_are_as_good_as_none() -> None:
    answer = manage("check", DEBUG="1", DATABASE_URL="", ADVANCEMENT_MAX_MOVES="", SECRET_KEY="")
    assert (answer.returncode, answer.stderr) == (0, "")


def test_commands_need_a_secret_key_and_no_hosts() -> None:
    refused = manage("check")
    assert refused.returncode == 1
    assert refused.stderr.startswith("Grove Console cannot start: SECRET_KEY is not set.")
    assert manage("check", SECRET_KEY=PRODUCTION["SECRET_KEY"]).returncode == 0


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ALLOWED_HOSTS"])
def test_the_web_does_not_start_half_configured(missing: str, tmp_path: Path) -> None:
    answer = _gunicorn(1, {"DATABASE_URL": sqlite(tmp_path)} | PRODUCTION | {missing: ""})
    assert answer.returncode == 3
    assert answer.stderr.count(f"Grove Console cannot start: {missing} is not set.") == 1
    assert "Traceback" not in answer.stderr


def test_several_workers_do_not_start_half_configured_either(tmp_path: Path) -> None:
    answer = _gunicorn(2, {"DATABASE_URL": sqlite(tmp_path)} | PRODUCTION | {"ALLOWED_HOSTS": ""})
    assert answer.returncode != 0
    assert "Grove Console cannot start: ALLOWED_HOSTS is not set." in answer.stderr


def _gunicorn(workers: int, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gunicorn", "grove_console.wsgi", "--bind", "127.0.0.1:0"]
    return run([*command, "--workers", str(workers), "--no-control-socket"], settings)


def test_production_settings_pass_the_deployment_check(tmp_path: Path) -> None:
    database = {"DATABASE_URL": "postgres://grove:secret@db.example.org/grove"}
    answer = manage("check", "--deploy", "--fail-level", "DEBUG", **PRODUCTION, **database)
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize(
    "cron",
    [
        "R 2 * * *",
        "H 2 * * *",
        "0 2 * * mon#1",
        "0 2 l * *",
        "0 2 ? * *",
        "0 2 * * L5",
        "@daily",
        "٠ 2 * * *",
    ],
)
def test_what_only_some_crons_know_is_refused(cron: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="five cron fields"):
        _read(cron, environment.daily_cron)


@pytest.mark.parametrize("cron", ["0 2 * * mon-fri", "5 4 1,15 jan-jun/2 *", "0 2 */2 * 7", "0 2 * * SUN"])
def test_what_every_cron_knows_is_taken(cron: str) -> None:
    assert _read(cron, environment.daily_cron) == cron


@pytest.mark.parametrize("value", ["25h", "60d", "999999d"])
def test_a_lease_is_a_day_at_most(value: str) -> None:
    assert _read("1d", environment.lease) == timedelta(days=1)
    with pytest.raises(ImproperlyConfigured, match="at most 1d"):
        _read(value, environment.lease)


def test_a_database_name_that_postgresql_would_cut_off_is_refused() -> None:
    assert _read(f"postgres://localhost/{'x' * 63}", environment.database)["NAME"] == "x" * 63
    with pytest.raises(ImproperlyConfigured, match="name is too long"):
        _read(f"postgres://localhost/{'x' * 64}", environment.database)


def test_a_dotenv_may_begin_with_a_byte_order_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(b"\xef\xbb\xbfADVANCEMENT_CRON=0 3 * * *\n")
    monkeypatch.delenv("GROVE_CONSOLE_READ_DOTENV", raising=False)
    monkeypatch.delenv("ADVANCEMENT_CRON", raising=False)
    assert environment.load(dotenv)["ADVANCEMENT_CRON"] == "0 3 * * *"


def test_a_dotenv_that_is_not_utf8_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(b"SECRET_KEY=caf\xe9\n")
    monkeypatch.delenv("GROVE_CONSOLE_READ_DOTENV", raising=False)
    with pytest.raises(ImproperlyConfigured, match=r"^\.env is not UTF-8 \(byte 15\); save it as UTF-8\.$"):
        environment.load(dotenv)
