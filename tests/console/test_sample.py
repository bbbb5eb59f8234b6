"""An empty console offers the sample grove, and nobody gets it into a grove of their own."""

import pytest
from django.urls import reverse

from advancement.database.clock import database_now
from advancement.models import (
    AdvancementRule,
    LifecycleModel,
    SignalAggregation,
    SignalRefresh,
    Sprout,
    Tier,
    UsageEvent,
)
from advancement.sample import AS_OF
from tests.console.markup import markup
from tests.console.people import operator, viewer
from tests.factories import make_sprout

pytestmark = pytest.mark.django_db

PAGE, DASHBOARD = "console:load_sample", "console:dashboard"


def test_it_brings_sprouts_usage_and_signals_but_no_rule_and_the_first_steps_go_on_from_there() -> None:
    client = operator()
    assert reverse(PAGE) in markup(client.get(reverse(DASHBOARD)))
    assert reverse(PAGE) in markup(client.get(reverse("console:sprouts")))
    assert "What comes in" in markup(client.get(reverse(PAGE)))
    page = client.post(reverse(PAGE), follow=True)
    assert (Sprout.objects.count(), UsageEvent.objects.count()) == (1537, 28692)
    assert SignalAggregation.objects.filter(period="last_7d").exists()
    assert SignalRefresh.objects.get().as_of == AS_OF
    assert not AdvancementRule.objects.exists()
    assert "1,537 sprouts and 28,692 usage events, with signals as of 20 Jan 2026" in markup(page)
    assert next(step.name for step in page.context["steps"] if not step.done) == "rule"
    assert reverse(PAGE) not in markup(page)


def test_a_grove_that_has_sprouts_is_left_as_it_is() -> None:
    make_sprout()
    client = operator()
    assert "This grove has sprouts already" in markup(client.get(reverse(PAGE)))
    page = client.post(reverse(PAGE), follow=True)
    assert "into an empty grove alone" in markup(page)
    assert (Sprout.objects.count(), UsageEvent.objects.count()) == (1, 0)


@pytest.mark.parametrize("fault", ["archived", "without a tier"])
def test_without_its_lifecycle_model_nothing_is_loaded_and_a_sentence_says_why(fault: str) -> None:
    if fault == "archived":
        LifecycleModel.objects.filter(pk="botanical").update(archived_at=database_now())
    else:
        Tier.objects.filter(lifecycle_model="botanical", slug="sprout").delete()
    page = operator().post(reverse(PAGE), follow=True)
    assert "needs the lifecycle model botanical as it came" in markup(page)
    assert (Sprout.objects.count(), UsageEvent.objects.count()) == (0, 0)


def test_who_may_not_import_is_not_offered_it() -> None:
    assert reverse(PAGE) not in markup(viewer().get(reverse(DASHBOARD)))
