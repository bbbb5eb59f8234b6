"""What somebody sends who means no good, or whose program is broken, is answered with a sentence."""

from typing import Any

import pytest
from django.urls import get_resolver, reverse

from advancement.criteria.bins import thresholds_around
from advancement.criteria.rules import CriterionDefinition
from advancement.criteria.validation import RESERVED_SLUGS, check_rule
from advancement.models import AdvancementRule, Hold
from tests.console.people import editor, operator, signed_in, viewer
from tests.criteria.cast import LIFECYCLES, make_rule
from tests.factories import add_rule, finished_run, make_sprout

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", ["/search/?q=a%00b", "/sprouts/?q=%00", "/events/?rule=a%00"])
def test_nul_in_an_address_is_refused(address: str) -> None:
    assert viewer().get(address).status_code == 400


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("console:expect", {"rule": "a\0b", "day": "2026-01-01"}),
        ("console:rollback", {"rule": "a\0b"}),
        ("console:load_example", {"example": "\0"}),
    ],
)
def test_nul_in_a_field_is_refused_with_a_sentence(name: str, data: dict[str, str]) -> None:
    page = operator().post(reverse(name), data)
    assert page.status_code == 400
    assert "NUL" in page.text


def test_nul_is_no_reason() -> None:
    add_rule()
    make_sprout(signals={"citations": 5})
    run = finished_run(dry_run=True)
    page = operator().post(reverse("console:drop_run", args=[run.pk]), {"reason": "\0"})
    assert page.status_code == 400
    run.refresh_from_db()
    assert run.status == "planned"


@pytest.mark.parametrize("unseen", ["\u200b", "\u2060\ufeff", "\u202e\u202c", "\u00a0", "\u3164"])
def test_what_shows_nothing_is_no_reason(unseen: str) -> None:
    add_rule()
    sprout = make_sprout(signals={"citations": 5})
    run = finished_run(dry_run=True)
    client = operator()
    for name, key, data in (
        ("override_sprout", sprout.pk, {"tier": "tree"}),
        ("hold_sprout", sprout.pk, {"days": "30"}),
        ("drop_run", run.pk, {}),
    ):
        page = client.post(reverse(f"console:{name}", args=[key]), data | {"reason": unseen})
        assert page.status_code == 422, name
        assert "say why" in page.text.lower(), name
    assert not Hold.objects.exists()


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_days_out_of_our_time_are_named(day: str) -> None:
    client = signed_in("Operator")
    for name in ("since", "until"):
        page = client.get(reverse("console:events"), {name: day})
        assert page.status_code == 200
        assert "Choose a day of our time." in page.text
        assert client.get(reverse("console:export_events"), {name: day}).status_code == 200


def test_no_rule_takes_the_address_of_a_page() -> None:
    console: Any = next(p for p in get_resolver().url_patterns if getattr(p, "namespace", "") == "console")
    routes = [str(pattern.pattern).strip("/").split("/") for pattern in console.url_patterns]
    taken = {parts[1] for parts in routes if parts[0] == "rules" and len(parts) > 1 and "<" not in parts[1]}
    assert taken == RESERVED_SLUGS
    for slug in taken:
        problems = check_rule(make_rule("views >= 1", slug=slug), LIFECYCLES)
        assert [problem.code for problem in problems] == ["reserved-slug"]


def test_an_action_that_the_editor_does_not_know_saves_nothing() -> None:
    add_rule()
    page = editor().post(reverse("console:rule", args=["a-rule"]), {"action": "remove-x", "title": "Other"})
    assert page.status_code < 300
    assert AdvancementRule.objects.get().draft_version is None


@pytest.mark.parametrize("threshold", [5e-324, 1e-300, 2.0**53 - 1])
def test_the_smallest_and_the_largest_thresholds_have_neighbours(threshold: float) -> None:
    for signal in ("views", "qualityScore"):
        assert threshold in thresholds_around(CriterionDefinition(signal, ">=", threshold))


def test_a_part_of_a_page_leads_whoever_was_signed_out_back_to_the_page() -> None:
    from django.test import Client

    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/rules/?q=oak"}
    answer = Client().get("/search/", headers=headers)
    assert answer.headers["HX-Redirect"] == "/admin/login/?next=/rules/%3Fq%3Doak"
