"""The guide in the console: every page leads to the part that is about it."""

import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse
from django.utils.text import capfirst

from advancement.criteria.sentences import signal_words
from advancement.criteria.signals import SIGNALS
from advancement.views.documents import anchor_of, read_document, render_document
from advancement.views.guide import _PAGES_OF, GUIDE, part_about
from tests.console.addresses import CONSOLE, ROOT
from tests.console.people import viewer
from tests.console.test_rights import TABLE, grove, people

__all__ = ["grove", "people"]

ANCHORS = {part.anchor for part in read_document(GUIDE).parts}


@pytest.mark.django_db
def test_every_page_leads_to_a_part_of_the_guide_that_is_there(people: dict[str, Client]) -> None:
    lost, looked_at = {}, 0
    for name, methods in TABLE.items():
        if "GET" not in methods or ROOT not in methods["GET"].who or name == "console:guide":
            continue
        answer = people[ROOT].get(reverse(name, args=methods["GET"].keys()))
        if (
            "text/html" not in answer.headers["Content-Type"]
            or answer.streaming
            or "<html" not in answer.text
        ):
            continue  # a file, or a part of a page
        looked_at += 1
        (link, *_) = re.findall(r'href="/guide/#?([^"]*)"', answer.text) or ["no link"]
        if link not in ANCHORS:
            lost[name] = link
    assert lost == {}
    assert looked_at > 60


def test_the_table_of_parts_names_pages_and_parts_that_are_there() -> None:
    named = {f"console:{name}" for names in _PAGES_OF.values() for name in names}
    assert named <= set(CONSOLE)
    assert set(_PAGES_OF) <= ANCHORS
    assert part_about("admin:auth_user_changelist") == "who-may-do-what"
    assert part_about("healthz") == ""


@pytest.mark.django_db
def test_the_guide_is_a_page_with_contents_and_pictures() -> None:
    page = viewer().get(reverse("console:guide")).text
    for anchor in ANCHORS:
        assert f'id="{anchor}"' in page
        assert f'href="#{anchor}"' in page
    pictures = re.findall(r'<img src="/static/(pictures/[^"]+)"', page)
    assert pictures
    assert all(finders.find(picture) for picture in pictures)
    assert page.count('width="1180" height="680"') == len(pictures)
    assert 'class="table"' in page


def test_the_guide_says_of_every_signal_what_the_catalogue_says() -> None:
    described = re.findall(
        r"^\| ([A-Z][^|]+) \| ([^|]+) \|$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE
    )
    wanted = [(capfirst(signal_words(signal.name)), signal.description) for signal in SIGNALS.values()]
    assert [row for row in described if row in wanted] == wanted


@pytest.mark.django_db
def test_who_is_not_signed_in_is_not_shown_the_guide() -> None:
    assert Client().get(reverse("console:guide")).status_code == 302


def test_markup_in_a_document_is_shown_as_it_is_written() -> None:
    html = render_document(
        "# T\n\n<script>alert(1)</script> [x](javascript:alert(1)) [README](../README.md)"
    ).html
    assert "<script" not in html
    assert "<a" not in html
    assert "<cite>README</cite>" in html


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Write a rule, or change one", "write-a-rule-or-change-one"),
        ("Answer “why did mine not advance?”", "answer-why-did-mine-not-advance"),
        ("`run_advancement` – how", "run_advancement--how"),
    ],
)
def test_anchors_are_those_of_github(heading: str, anchor: str) -> None:
    assert anchor_of(heading) == anchor
