"""Text that turns the direction of writing stays within its own element."""

import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from advancement.criteria.wording import isolated
from advancement.models import AdvancementEvent
from advancement.models.runs import RunTrigger
from advancement.rollback.scope import RollbackRequest
from advancement.runs.override import override_tier
from advancement.runs.start import start_rollback
from advancement.runs.work import work_on
from tests.console.people import operator, viewer
from tests.criteria.cast import make_rule
from tests.factories import add_rules, finished_run, make_sprout

pytestmark = pytest.mark.django_db

STYLES = Path("advancement/static/console/console.css")
TURNED = "\u202eelttil"


def _said(client: Client, name: str, *args: object) -> str:
    return client.get(reverse(f"console:{name}", args=args)).text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("notes/oak.md", "notes/oak.md"),
        (TURNED, f"\u2068{TURNED}\u2069"),
        ("\u05d0\u05dc\u05d5\u05df", "\u2068\u05d0\u05dc\u05d5\u05df\u2069"),
    ],
)
def test_in_sentences_a_text_is_isolated_where_it_could_turn_what_stands_around_it(
    text: str, said: str
) -> None:
    assert isolated(text) == said


def test_every_element_within_a_line_is_isolated_by_the_stylesheet() -> None:
    rule = re.search(r"\.shell :is\(([^)]*)\) \{ unicode-bidi: isolate; \}", STYLES.read_text())
    assert rule
    assert {"a", "b", "span", "bdi"} <= set(rule[1].split(", "))


def test_titles_stand_in_elements_of_their_own_wherever_they_are_shown() -> None:
    add_rules(make_rule("citations >= 3", title=TURNED))
    sprout = make_sprout(title=f"notes/{TURNED}", signals={"citations": 4})
    run = finished_run()
    client = viewer()
    pages = [
        _said(client, "sprout", sprout.pk),
        _said(client, "events"),
        _said(client, "plan", run.pk),
        _said(client, "run", run.pk),
        _said(client, "rules"),
        _said(client, "dashboard"),
        _said(operator(), "switch_rule", "a-rule"),
    ]
    alone = re.compile(r"[“\s]*(notes/)?" + TURNED + r"[”\s]*")
    for page in pages:
        main = page.partition("<main")[2].partition("</main>")[0]
        main = re.sub(r"<(title|desc|option)\b.*?</\1>", "", main, flags=re.DOTALL)
        texts = re.findall(r">([^<]*" + TURNED + r"[^<]*)<", main)
        assert texts
        for text in texts:
            assert alone.fullmatch(text) or f"\u2068{TURNED}\u2069" in text, text


def test_what_people_typed_stands_in_elements_of_its_own_as_well() -> None:
    add_rules(make_rule("citations >= 3"))
    sprout = make_sprout(signals={"citations": 4})
    run = finished_run()
    request = RollbackRequest(reason=TURNED, requested_by="ada", run=run.pk, hold=True)
    back = start_rollback(request, trigger=RunTrigger.CONSOLE)
    work_on(back.pk, back.lease_token)
    client = operator()
    first, last = AdvancementEvent.objects.order_by("pk")
    pages = [
        _said(client, "events"),
        _said(client, "event", first.pk),
        _said(client, "event", last.pk),
        _said(client, "sprout", sprout.pk),
        _said(client, "run", back.pk),
        _said(client, "review_rollback", back.pk),
    ]
    override_tier(sprout.pk, "tree", reason=TURNED, by="ada", trigger=RunTrigger.CONSOLE)
    pages += [_said(client, "sprouts"), _said(client, "sprout", sprout.pk)]
    for page in pages:
        main = page.partition("<main")[2].partition("</main>")[0]
        main = re.sub(r"<(title|desc|option|textarea)\b.*?</\1>", "", main, flags=re.DOTALL)
        texts = re.findall(r"(<[^>]*>)([^<>]*" + TURNED + r"[^<>]*)<", main)
        assert texts
        for element, _ in texts:
            assert re.match(r"<(bdi|span|a)\b", element), element
