"""A sprout that was deleted and comes back goes on where its events left it."""

from collections.abc import Callable

import pytest

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
