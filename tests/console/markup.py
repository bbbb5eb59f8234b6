"""The HTML of a page, to look for something in it."""

import re
from typing import Any

_AFTER_OPENING = re.compile(r"(<[a-zA-Z][^<>]*>) ")


def markup(page: Any) -> str:
    """Return a page's HTML, of a response or as text, without the whitespace that does not show."""
    html = " ".join((page if isinstance(page, str) else page.text).split())
    return _AFTER_OPENING.sub(r"\1", html.replace(" </", "</")).replace("> <", "><")
