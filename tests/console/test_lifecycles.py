"""Lifecycle models in the console: ladders, who uses them, examples, archiving."""

import pytest
from django.urls import reverse

from advancement.ladders import EXAMPLES, Ladder
from advancement.models import LifecycleModel, Tier
from advancement.models.lifecycle import slug_validator
from tests.console.people import approver, operator, viewer
from tests.factories import add_rule, make_sprout

pytestmark = pytest.mark.django_db

PAGE = "console:lifecycles"


def test_each_tier_says_who_stands_on_it_and_why_it_stays() -> None:
    add_rule(slug="climb")
    make_sprout("tree")
    page = viewer().get(reverse(PAGE))
    uses = {use.tier.slug: use for use in page.context["cards"][0][1]}
    assert uses["tree"].sprouts == 1
    assert [rule.rule_id for rule in uses["sprout"].rules] == ["climb"]
    assert uses["grove"].sprouts == 0
    assert "named by a rule" in page.text


@pytest.mark.parametrize("ladder", EXAMPLES, ids=lambda ladder: ladder.slug)
def test_an_example_is_loaded_with_all_its_tiers_in_order(ladder: Ladder) -> None:
    approver().post(reverse("console:load_example"), {"example": ladder.slug})
    tiers = Tier.objects.filter(lifecycle_model=ladder.slug).order_by("position")
    assert list(tiers.values_list("slug", "label", "emoji")) == list(ladder.tiers)
    for tier in tiers:
        slug_validator(tier.slug)


def test_a_second_load_and_an_unknown_example_are_told() -> None:
    client = approver()
    client.post(reverse("console:load_example"), {"example": "academic"})
    page = client.post(reverse("console:load_example"), {"example": "academic"}, follow=True)
    assert "is there already" in page.text
    page = client.post(reverse("console:load_example"), {"example": "x"}, follow=True)
    assert "There is no example" in page.text


def test_a_model_is_archived_and_taken_up_again() -> None:
    client = approver()
    address = reverse("console:archive_lifecycle", args=["botanical"])
    for _ in range(2):  # a double click, or a second tab
        client.post(address, {"archived": "1"})
        assert LifecycleModel.objects.get(pk="botanical").archived_at
    client.post(address, {"archived": "0"})
    assert LifecycleModel.objects.get(pk="botanical").archived_at is None
    assert client.post(reverse("console:archive_lifecycle", args=["none"])).status_code == 404


def test_only_approvers_change_models() -> None:
    for client in (viewer(), operator()):
        assert client.post(reverse("console:load_example"), {"example": "academic"}).status_code == 403
        assert client.post(reverse("console:archive_lifecycle", args=["botanical"])).status_code == 403
        assert "Ladders to start from" not in client.get(reverse(PAGE)).text
