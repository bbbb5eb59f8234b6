"""The one stylesheet: what is left open in one section would silently swallow the next."""

import re
from pathlib import Path

from django.contrib.staticfiles import finders


def test_every_section_closes_what_it_opens() -> None:
    found = finders.find("console/console.css")
    assert isinstance(found, str)
    text = Path(found).read_text(encoding="utf-8")
    sections = re.split(r"^/\* (\d+)\. ", text, flags=re.MULTILINE)
    numbers, bodies = sections[1::2], sections[2::2]
    assert len(numbers) > 10
    assert len(set(numbers)) == len(numbers)
    for number, body in zip(numbers, bodies, strict=True):
        rules = re.sub(r'/\*.*?\*/|"[^"]*"', "", f"/* {body}", flags=re.DOTALL)
        assert rules.count("{") == rules.count("}"), f"section {number}"
