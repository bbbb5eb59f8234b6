"""A sprout that was deleted and comes back goes on where its events left it."""

from collections.abc import Callable
from uuid import UUID

import pytest

from advancement.holds import release_hold, set_hold
from advancement.models import Sprout
from tests.factories import add_model, add_rule, finished_run, make_signals, make_sprout
from tests.importing.conftest import jsonl, run, sprout_row

Write = Callable[..., str]
pytestmark = pytest.mark.django_db


@pytest.fixture
def gone() -> str:
    """Return the id of a sprout that advanced from sprout to sapling and was deleted."""
    add_rule("citations >= 3")
    sprout = make_sprout(signals={"citations": 3})
    finished_run()
    key = str(sprout.pk)
    sprout.delete()
    return key


def test_it_has_the_tier_and_the_revision_of_its_last_event(gone: str, write: Write) -> None:
    assert run("import_sprouts", write(jsonl(sprout_row(id=gone, tier="seed")))).code == 0
    sprout = Sprout.objects.get(pk=gone)
    assert (sprout.tier, sprout.initial_tier, sprout.revision) == ("sapling", "sprout", 1)


def test_its_holds_count_as_well(gone: str, write: Write) -> None:
    run("import_sprouts", write(jsonl(sprout_row(id=gone))))
    hold = set_hold(UUID(gone), reason="wait", by="tests")
    set_hold(UUID(gone), reason="wait longer", by="tests")
    release_hold(hold, by="tests")
    Sprout.objects.all().delete()
    run("import_sprouts", write(jsonl(sprout_row(id=gone))))
    assert Sprout.objects.get(pk=gone).revision == 4


def test_without_events_it_begins_as_the_row_says_and_its_holds_still_count(write: Write) -> None:
    sprout = make_sprout()
    set_hold(sprout.pk, reason="wait", by="tests")
    key = str(sprout.pk)
    sprout.delete()
    run("import_sprouts", write(jsonl(sprout_row(id=key, tier="tree"))))
    back = Sprout.objects.get(pk=key)
    assert (back.tier, back.initial_tier, back.revision) == ("tree", "tree", 1)
    assert list(back.holds.values_list("reason", flat=True)) == ["wait"]


def test_it_can_advance_again(gone: str, write: Write) -> None:
    run("import_sprouts", write(jsonl(sprout_row(id=gone))))
    add_rule("citations >= 3", slug="onward", from_tier="sapling", to_tier="tree")
    make_signals(Sprout.objects.get(pk=gone), citations=3)
    assert finished_run(from_tiers=("sapling",)).advanced == 1


def test_in_another_lifecycle_model_it_is_refused(gone: str, write: Write) -> None:
    add_model("academic", "draft", "paper")
    row = sprout_row(id=gone, lifecycle_model="academic", tier="draft")
    result = run("import_sprouts", write(jsonl(row)))
    assert result.code == 1
    assert "was here before, in another lifecycle model" in result.err
