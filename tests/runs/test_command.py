"""run_advancement as people and programs call it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import F

from advancement.database.triggers import install_triggers
from advancement.holds import set_hold
from advancement.models import AdvancementEvent, Run, SignalRefresh, Sprout
from tests.factories import add_model, add_rule, make_sprout, planned_run
from tests.runs.conftest import assert_all_moved_once, execute, let_lease_expire, manage, plant

pytestmark = pytest.mark.django_db(transaction=True)

BUCKETS = ("advanced", "no_match", "no_signals", "held", "invalid", "blocked", "skipped", "failed")
KEYS = [
    *("run", "status", "dry_run", "evaluated", *BUCKETS),
    *("by_rule", "invalid_rules", "stopped_rules", "seconds"),
]


def grow() -> None:
    """Plant one sprout for each bucket that a plan knows, and two that advance."""
    add_rule("citations >= 3")
    plant(2)
    plant(1, citations=2)
    make_sprout()
    make_sprout(tier="cloud", signals={})
    held = make_sprout(signals={"citations": 9})
    set_hold(held.pk, reason="wait", by="operator")
    make_sprout(tier="tree", signals={"citations": 9})


def run_json(*arguments: str, code: int = 0, **environment: str) -> dict:
    ended = manage("run_advancement", "--json", *arguments, **environment)
    assert ended.code == code, ended.err
    return ended.json


def refused(*arguments: str, code: int = 2, **environment: str) -> str:
    """Return the one sentence of a command that ends with `code`."""
    ended = manage("run_advancement", *arguments, **environment)
    assert ended.code == code
    assert ended.out == ""
    assert "Traceback" not in ended.err
    assert len(ended.err.splitlines()) == 1, ended.err
    return ended.err.strip()


@pytest.fixture
def refusing_database(transactional_db: None) -> Iterator[None]:
    """Let the database refuse to move any sprout to the tier of saplings."""
    if connection.vendor == "sqlite":
        execute(
            "CREATE TRIGGER refuse_saplings BEFORE UPDATE ON sprouts WHEN NEW.tier = 'sapling'"
            " BEGIN SELECT RAISE(ABORT, 'no saplings today'); END"
        )
    else:
        execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no saplings today'; END $$"
        )
        execute(
            "CREATE TRIGGER refuse_saplings BEFORE UPDATE ON sprouts FOR EACH ROW"
            " WHEN (NEW.tier = 'sapling') EXECUTE FUNCTION refuse()"
        )
    yield
    if connection.vendor == "sqlite":
        execute("DROP TRIGGER refuse_saplings")
    else:
        execute("DROP FUNCTION refuse CASCADE")


@pytest.fixture
def without_triggers(transactional_db: None) -> Iterator[None]:
    """Leave the audit trail unprotected."""
    if connection.vendor == "sqlite":
        execute("DROP TRIGGER advancement_events_no_update")
    else:
        execute("ALTER TABLE advancement_events DISABLE TRIGGER USER")
    yield
    install_triggers(connection)


def test_the_json_has_the_documented_keys_and_its_buckets_add_up() -> None:
    grow()
    result = run_json()
    assert list(result) == KEYS
    assert (result["status"], result["dry_run"], result["evaluated"]) == ("succeeded", False, 6)
    assert [result[bucket] for bucket in BUCKETS] == [2, 1, 1, 1, 1, 0, 0, 0]
    assert sum(result[bucket] for bucket in BUCKETS) == result["evaluated"]
    assert result["by_rule"] == [
        {"rule": "a-rule", "version": 1, "from": "sprout", "to": "sapling", "count": 2}
    ]
    assert result["run"] == str(Run.objects.get().pk)
    assert result["seconds"] > 0


def test_a_dry_run_says_what_would_happen_and_changes_nothing() -> None:
    grow()
    result = run_json("--dry-run")
    assert (result["status"], result["dry_run"]) == ("planned", True)
    assert [result[bucket] for bucket in BUCKETS] == [2, 1, 1, 1, 1, 0, 0, 0]
    assert result["by_rule"][0]["count"] == 2
    assert not AdvancementEvent.objects.exists()
    assert not Sprout.objects.filter(tier="sapling").exists()
    assert run_json()["advanced"] == 2


def test_the_parameters_have_the_documented_defaults() -> None:
    run_json()
    run = Run.objects.get()
    assert (run.from_tiers, run.scope_model_id, run.batch_size, run.log_url) == (["sprout"], "", 100, "")
    assert (run.kind, run.trigger, run.logical_date, run.dry_run) == ("advancement", "command", None, False)
    assert run.started_at is not None
    assert run.finished_at is not None
    assert run.started_at <= run.finished_at


def test_the_defaults_come_from_the_settings() -> None:
    run_json(ADVANCEMENT_FROM_TIERS="sapling, tree", ADVANCEMENT_BATCH_SIZE="7")
    run = Run.objects.get()
    assert (run.from_tiers, run.batch_size) == (["sapling", "tree"], 7)


def test_every_parameter_is_kept_on_the_run() -> None:
    url = "https://ci.example.org/runs/1?attempt=2"
    run_json(
        *("--from-tier", "sprout", "--from-tier", "sapling", "--from-tier", "sprout"),
        *("--lifecycle-model", "botanical", "--batch-size", "1", "--log-url", url),
    )
    run = Run.objects.get()
    assert (run.from_tiers, run.scope_model_id) == (["sprout", "sapling"], "botanical")
    assert (run.batch_size, run.log_url) == (1, url)


def test_a_lifecycle_model_narrows_the_run() -> None:
    grow()
    add_model("academic", "draft", "sprout")
    make_sprout(lifecycle_model_id="academic", signals={"citations": 9})
    assert run_json("--lifecycle-model", "academic", "--from-tier", "sprout")["evaluated"] == 1


def test_an_extra_run_uses_the_signals_as_they_are_and_a_scheduled_one_refreshes_them() -> None:
    run_json()
    assert not SignalRefresh.objects.exists()
    run_json("--scheduled")
    assert SignalRefresh.objects.count() == 1


def test_people_get_tables_and_programs_get_nothing_but_json() -> None:
    grow()
    ended = manage("run_advancement", COLUMNS="100")
    assert ended.code == 0
    assert ended.err == ""
    for text in ("2 of 6 sprouts advanced", "No match", "Held", "Evaluated", "a-rule"):
        assert text in ended.out
    with pytest.raises(json.JSONDecodeError):
        json.loads(ended.out)
    dry = manage("run_advancement", "--dry-run", COLUMNS="100")
    assert "would advance; nothing was changed" in dry.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--from-tier", "sproot"), '(did you mean "sprout"?)'),
        (("--lifecycle-model", "botanica"), 'The lifecycle model "botanica" is unknown'),
        (("--from-tier", "draft", "--lifecycle-model", "botanical"), 'The tier "draft" is unknown'),
        (("--batch-size", "0"), "--batch-size must be a whole number from 1 to 100,000."),
        (("--batch-size", "100001"), "--batch-size must be a whole number from 1 to 100,000."),
        (("--log-url", "javascript:alert(1)"), '--log-url "javascript:alert(1)" is not an http(s) address'),
        (("--log-url", "https://example.org/" + "x" * 2000), "of at most 2,000 characters."),
        (("--scheduled", "--dry-run"), "--scheduled and --dry-run exclude each other"),
    ],
)
def test_wrong_usage_is_refused_with_a_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    said = refused(*arguments)
    assert sentence in said
    assert len(said) < 400
    assert not Run.objects.exists()


@pytest.mark.parametrize("arguments", [(), ("--scheduled",), ("--lifecycle-model", "academic")])
def test_an_unknown_tier_of_the_setting_is_named_as_such(arguments: tuple[str, ...]) -> None:
    add_model("academic", "draft", "preprint")
    code = 2 if "--lifecycle-model" in arguments else 1
    ended = manage("run_advancement", *arguments, ADVANCEMENT_FROM_TIERS="sapling,sproot")
    assert ended.code == code
    tier = "sapling" if "--lifecycle-model" in arguments else "sproot"
    assert f'he tier "{tier}" of ADVANCEMENT_FROM_TIERS is unknown' in ended.err


def test_a_batch_size_that_is_no_number_is_wrong_usage() -> None:
    assert manage("run_advancement", "--batch-size", "many").code == 2


@pytest.mark.usefixtures("refusing_database")
def test_a_failed_run_ends_with_1_its_error_and_one_json_object() -> None:
    grow()
    ended = manage("run_advancement", "--json")
    run = Run.objects.get()
    assert ended.code == 1
    assert ended.json["status"] == "failed"
    assert (ended.json["advanced"], ended.json["failed"]) == (0, 2)
    assert sum(ended.json[bucket] for bucket in BUCKETS) == ended.json["evaluated"]
    assert ended.json["error"] == run.error == "no saplings today"
    assert ended.err == (
        f"Run {run.pk} failed: no saplings today. 0 of 2 moves were dealt with and stay;"
        " when it is resumed, it goes on from there.\n"
    )
    assert run.retry_at is not None


@pytest.mark.usefixtures("refusing_database")
def test_a_failed_run_of_today_is_tried_once_by_each_scheduled_command() -> None:
    grow()
    assert run_json("--scheduled", code=1)["status"] == "failed"
    assert Run.objects.get().attempts == 1
    assert run_json("--scheduled", code=1)["status"] == "failed"
    assert Run.objects.get().attempts == 2
    Run.objects.update(retry_at=F("created_at"))
    assert run_json("--scheduled", code=1)["status"] == "failed"
    assert Run.objects.get().attempts == 3


def test_a_scheduled_command_finishes_what_an_earlier_day_left() -> None:
    add_rule("citations >= 3")
    plant(3)
    left = planned_run()
    Run.objects.filter(pk=left.pk).update(status="applying")
    let_lease_expire(left)
    result = run_json("--scheduled")
    assert (result["status"], result["advanced"]) == ("succeeded", 0)
    assert_all_moved_once(left, 3)


def test_a_dry_run_resumes_nothing() -> None:
    left = planned_run()
    let_lease_expire(left)
    run_json("--dry-run")
    left.refresh_from_db()
    assert left.status == "planned"


@pytest.mark.usefixtures("without_triggers")
def test_without_its_triggers_nothing_runs() -> None:
    grow()
    sentence = "The audit trail is not protected: triggers are missing (advancement_events_"
    for arguments in ((), ("--from-tier", "sprout"), ("--dry-run",)):
        said = refused(*arguments, code=1)
        assert said.startswith(sentence)
        assert said.endswith("Run manage.py migrate to put them back.")
    assert not Run.objects.exists()
    assert sentence in run_json("--scheduled", code=1)["error"]
    assert not AdvancementEvent.objects.exists()


@pytest.mark.parametrize("arguments", [(), ("--scheduled",), ("--dry-run",), ("--from-tier", "sprout")])
def test_a_database_that_is_not_migrated_is_named(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    url = f"sqlite:///{tmp_path}/empty.sqlite3"
    assert refused(*arguments, code=1, DATABASE_URL=url).endswith("run manage.py migrate.")
    result = run_json(*arguments, code=1, DATABASE_URL=url)
    assert list(result) == [*KEYS, "error"]
    assert (result["run"], result["status"]) == (None, "failed")
    assert result["error"].endswith("run manage.py migrate.")


def test_a_database_that_cannot_be_reached_is_one_sentence() -> None:
    url = "postgres://nobody@127.0.0.1:1/nothing"
    assert "The database cannot be used" in refused(code=1, DATABASE_URL=url)
    assert "The database cannot be used" in run_json("--scheduled", code=1, DATABASE_URL=url)["error"]
