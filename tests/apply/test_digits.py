"""The figures on events are the very doubles that were compared, on both databases."""

import pytest

from advancement.models import AdvancementEvent
from tests.factories import add_rule, finished_run, make_signals, make_sprout

pytestmark = pytest.mark.django_db

# Each of these needs 16 or 17 digits.
AWKWARD = [0.1 + 0.2, 1 / 3, 0.12345678901234567, 0.9999999999999999, 5e-324, 2.5e-10]


@pytest.mark.parametrize("score", [*AWKWARD, 0.0, 1.0, 0.6, 0.1234])
def test_actual_threshold_and_snapshot_are_exact(score: float) -> None:
    add_rule(f"qualityScore >= {score!r}")
    make_sprout(signals={"qualityScore": score})
    assert finished_run().advanced == 1
    event = AdvancementEvent.objects.get()
    (criterion,) = event.criteria_met
    assert (criterion["actual"], criterion["threshold"], criterion["met"]) == (score, score, True)
    assert event.signal_values["all_time"]["qualityScore"] == score


def test_a_score_just_short_of_the_threshold_shows_that_it_is() -> None:
    add_rule("qualityScore >= 0.3", "citations >= 3", logic="OR")
    make_sprout(signals={"qualityScore": 0.3 - 2**-54, "citations": 3})
    assert finished_run().advanced == 1
    score = AdvancementEvent.objects.get().criteria_met[0]
    assert not score["met"]
    assert score["actual"] < score["threshold"]


def test_halved_unknown_and_whole_values_stay_what_they_are() -> None:
    add_rule("citations >= 3")
    sprout = make_sprout(signals={"citations": 3, "utilityScore": 1 / 3, "qualityScore": None})
    make_signals(sprout, "last_7d", queryDiversity=0.25)
    finished_run()
    values = AdvancementEvent.objects.get().signal_values
    assert values["all_time"]["utilityScore"] == ((1 / 3 * 2 - 1) + 1) / 2
    assert values["all_time"]["qualityScore"] is None
    assert values["all_time"]["citations"] == 3
    assert values["last_7d"]["queryDiversity"] == 0.25
    assert values["last_30d"] is None
    assert isinstance(values["daysInTier"], float)
