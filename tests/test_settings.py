"""Settings come from the environment, over `.env`; a broken one stops the start with a sentence."""

import json
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
    (environment.sender, "grove"),
    (environment.sender, "Grove <grove>"),
    (environment.mail_addresses, "ada@example.org, ben"),
    (environment.mail_addresses, "Ada <ada@example.org>"),
    (environment.mail_addresses, ","),
    (environment.base_address, "console.example.org"),
    (environment.base_address, "ftp://console.example.org"),
    (environment.base_address, "https://console.example.org/?page=1"),
    (environment.base_address, "https://user@console.example.org"),
    (environment.webhook_address, "https://"),
    (environment.webhook_address, "https://hooks.example.org:port/"),
    (environment.webhook_address, "https://hooks.example.org:0/"),
    (environment.webhook_address, "https://hooks..example.org/"),
    (environment.webhook_address, "https://hooks.example.org/#part"),
    (environment.webhook_address, "https://hooks.example.org/a b"),
    (environment.webhook_address, "https://user@hooks.example.org/"),
    (environment.webhook_address, "file:///etc/passwd"),
    (environment.webhook_address, "https://[::1/"),
    (environment.lease, "0"),
    (environment.lease, "soon"),
    (environment.origins, "console.example.org"),
    (environment.origins, "https://console.example.org/path"),
    (environment.database, "grove.sqlite3"),
    (environment.database, "sqlite:///grove.sqlite3"),
    (environment.database, "sqlite://:memory:"),
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
        (environment.sender, "Grove <grove@example.org>", "Grove <grove@example.org>"),
        (environment.mail_addresses, "a@x.org, b@x.org,a@x.org", ["a@x.org", "b@x.org"]),
        (environment.base_address, "https://x.org/grove/", "https://x.org/grove"),
        (environment.webhook_address, "http://[::1]:80/?a=b", "http://[::1]:80/?a=b"),
        (environment.lease, "90s", timedelta(seconds=90)),
        (environment.origins, "https://a.example, http://b:81", ["https://a.example", "http://b:81"]),
        (environment.daily_cron, "off", None),
        (environment.daily_cron, "30 4 * * 1-5", "30 4 * * 1-5"),
    ],
)
def test_what_a_value_means(parse: Any, value: str, meaning: Any) -> None:
    assert _read(value, parse) == meaning


@pytest.mark.parametrize(
    "address",
    [
        "postgres://grove:pa@s/w#rd@db.example.org/grove",
        "postgres://grove:pa/w#rd@db.example.org:5432/grove",
        "postgres://grove:12/w#rd@db.example.org/grove",
        "postgres:grove:w#rd@db.example.org/grove",
        "mysql://grove:w#rd@db.example.org/grove",
        "postgres://db.example.org:port/grove?user=grove&password=w#rd",
    ],
)
def test_a_broken_address_never_shows_its_password(address: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        environment.read({"DATABASE_URL": address}, "DATABASE_URL", environment.database, {})
    assert "rd" not in str(refusal.value).replace("word", "")
    assert "grove" in str(refusal.value)


def test_special_characters_of_a_password_are_percent_encoded() -> None:
    with pytest.raises(ImproperlyConfigured, match="percent-encoded, such as %40 for @"):
        _read("postgres://grove:pa/ss@db.example.org/grove", environment.database)
    right = _read("postgres://grove:pa%2Fss@db.example.org/grove", environment.database)
    assert right["PASSWORD"] == "pa/ss"


def test_the_message_about_a_relative_path_shows_the_four_slashes() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"four, as in sqlite:////srv/grove\.sqlite3\."):
        _read("sqlite:///grove.sqlite3", environment.database)


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
        ("ADVANCEMENT_LEASE", "0"),
        ("CSRF_TRUSTED_ORIGINS", "console.example.org"),
    ],
)
def test_a_broken_setting_stops_the_start(name: str, value: str) -> None:
    answer = manage("check", **{"DEBUG": "1", name: value})
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"Grove Console cannot start: {name}={value!r} is not usable: ")
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EMAIL_URL", "mail.example.org/hunter2"),
        ("EMAIL_URL", "smtp://user:hunter2@mail.example.org:port"),
        ("EMAIL_URL", "smtp:hunter2"),
        ("NOTIFY_WEBHOOK_URL", "https://user:hunter2@hooks.example.org"),
        ("NOTIFY_WEBHOOK_URL", "hooks.example.org/hunter2"),
    ],
)
def test_a_broken_setting_that_holds_a_secret_is_named_without_its_value(name: str, value: str) -> None:
    answer = manage("check", DEBUG="1", **{name: value})
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"Grove Console cannot start: {name} is not usable: ")
    assert answer.stderr.count("\n") == 1
    assert "hunter2" not in answer.stderr


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"NOTIFY_EMAILS": "ada@example.org"}, "NOTIFY_EMAILS is set, and EMAIL_URL is not."),
        (
            {"NOTIFY_WEBHOOK_URL": "https://hooks.example.org"},
            "NOTIFY_WEBHOOK_URL is set, and NOTIFY_WEBHOOK_SECRET is not.",
        ),
    ],
)
def test_a_channel_that_is_half_configured_stops_the_start(settings: dict[str, str], sentence: str) -> None:
    answer = manage("check", SECRET_KEY=PRODUCTION["SECRET_KEY"], **settings)
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"Grove Console cannot start: {sentence} ")


def test_under_debug_e_mails_are_shown_unless_a_mail_server_is_named() -> None:
    answer = manage("check", DEBUG="1", NOTIFY_EMAILS="ada@example.org")
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize(
    ("url", "meaning"),
    [
        ("smtp://localhost", ("localhost", 25, False, False, None, None)),
        ("smtp+tls://a%40b:p%2Fw@mail.example.org", ("mail.example.org", 587, True, False, "a@b", "p/w")),
        ("smtp+ssl://u:p@mail.example.org:4650", ("mail.example.org", 4650, False, True, "u", "p")),
    ],
)
def test_what_the_address_of_a_mail_server_means(url: str, meaning: tuple[Any, ...]) -> None:
    found = _read(url, environment.mail_server)
    switches = (found.get("EMAIL_USE_TLS", False), found.get("EMAIL_USE_SSL", False))
    user = (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"])
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"], *switches, *user) == meaning


def test_debug_alone_suffices_and_empty_values_are_as_good_as_none() -> None:
    answer = manage("check", DEBUG="1", DATABASE_URL="", ADVANCEMENT_MAX_MOVES="", SECRET_KEY="")
    assert (answer.returncode, answer.stderr) == (0, "")


def test_commands_need_a_secret_key_and_no_hosts() -> None:
    refused = manage("check")
    assert refused.returncode == 1
    assert refused.stderr.startswith("Grove Console cannot start: SECRET_KEY is not set.")
    assert manage("check", SECRET_KEY=PRODUCTION["SECRET_KEY"]).returncode == 0


@pytest.mark.parametrize("debug", ["1", "0"])
def test_every_log_line_is_written_once(debug: str) -> None:
    code = "import logging; logging.getLogger('django.request').error('a line of ours')"
    answer = manage("shell", "-c", code, DEBUG=debug, SECRET_KEY=PRODUCTION["SECRET_KEY"])
    assert answer.returncode == 0
    assert answer.stderr.count("a line of ours") == 1


@pytest.mark.parametrize("arguments", [("help",), ("--help",), ("run_advancement", "--help"), ("version",)])
def test_help_needs_no_settings(arguments: tuple[str, ...]) -> None:
    answer = manage(*arguments)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout


def test_a_value_that_reads_like_a_call_for_help_is_none() -> None:
    answer = manage("decide_run", "1", "--discard", "--reason", "help")
    assert answer.returncode == 1
    assert answer.stderr.startswith("Grove Console cannot start: SECRET_KEY is not set.")


@pytest.mark.parametrize("command", [("migrate",), ("createsuperuser", "--noinput"), ("qcluster",)])
def test_djangos_own_commands_say_in_one_sentence_that_the_database_is_away(command: tuple[str, ...]) -> None:
    answer = manage(*command, DEBUG="1", DATABASE_URL="postgres://nobody@127.0.0.1:1/nothing")
    assert answer.returncode == 1
    assert answer.stderr.startswith("The database cannot be used (")
    assert answer.stderr.count("\n") == 1


def test_djangos_own_commands_show_their_traceback_on_request() -> None:
    answer = manage("migrate", "--traceback", DEBUG="1", DATABASE_URL="postgres://nobody@127.0.0.1:1/nothing")
    assert answer.returncode == 1
    assert "Traceback" in answer.stderr


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


def printed(program: str, **settings: str) -> Any:
    """Return what a program that prints JSON says in a process that has these settings."""
    setup = "import json; from django.db import connection; "
    answer = manage("shell", "--no-imports", "-c", setup + program, DEBUG="1", **settings)
    assert (answer.returncode, answer.stderr) == (0, "")
    return json.loads(answer.stdout)


def test_sqlite_writes_ahead_waits_twenty_seconds_and_takes_the_lock_at_once(tmp_path: Path) -> None:
    program = (
        "cursor = connection.cursor(); "
        "read = lambda name: cursor.execute('PRAGMA ' + name).fetchone()[0]; "
        "print(json.dumps([read('journal_mode'), cursor.cursor.patience, connection.transaction_mode]))"
    )
    assert printed(program, DATABASE_URL=sqlite(tmp_path)) == ["wal", 20, "IMMEDIATE"]


@pytest.mark.parametrize("pooler", [False, True])
def test_an_address_of_postgresql_gives_its_driver_and_options(pooler: bool) -> None:
    program = (
        "names = 'ENGINE NAME USER PASSWORD HOST PORT OPTIONS CONN_MAX_AGE CONN_HEALTH_CHECKS"
        " DISABLE_SERVER_SIDE_CURSORS'.split(); "
        "print(json.dumps([connection.Database.__name__, *map(connection.settings_dict.get, names)]))"
    )
    url = "postgres://grove:se%40cret@db.example.org:5433/console?sslmode=require"
    driver, *settings = printed(program, DATABASE_URL=url, DATABASE_TRANSACTION_POOLER=str(int(pooler)))
    assert driver == "psycopg"
    assert settings == [
        "django.db.backends.postgresql", "console", "grove", "se@cret", "db.example.org", 5433,
        {"sslmode": "require"}, 60, True, pooler,
    ]  # fmt: skip


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
