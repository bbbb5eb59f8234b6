"""Documents of the project as pages: Markdown into HTML that looks like the console."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

# Markup within a document is shown as it is written; so is whatever looks like a script.
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table")
# Where the settings put the documents' pictures among the static files.
PICTURES: Final = "pictures"


@dataclass(frozen=True)
class Part:
    """What stands under a heading of the second level."""

    anchor: str
    title: str


@dataclass(frozen=True)
class Document:
    """A document: the title that it begins with, its parts, and all below the title as HTML."""

    title: str
    parts: Sequence[Part]
    html: SafeString


def read_document(path: Path) -> Document:
    """Return a document, rendered once for as long as its file stays as it is."""
    return _rendered(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _rendered(path: Path, changed: int) -> Document:
    return render_document(path.read_text(encoding="utf-8"))


def render_document(text: str) -> Document:
    """Return a document that begins with its title, as `# Title`."""
    tokens = _MARKDOWN.parse(text)
    title = tokens[1].content
    body = list(_prepared(tokens[3:]))
    parts = [
        Part(str(token.attrs["id"]), following.content)
        for token, following in pairwise(body)
        if token.type == "heading_open" and token.tag == "h2"
    ]
    html = _MARKDOWN.renderer.render(body, _MARKDOWN.options, {})
    return Document(title, parts, mark_safe(html))


def anchor_of(heading: str) -> str:
    """Return the anchor of a heading, as where the documents are read otherwise."""
    kept = (character for character in heading.lower() if character.isalnum() or character in " -_")
    return "".join(kept).replace(" ", "-")


def _prepared(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens with anchors, classes, and what the console needs around tables and pictures."""
    heading = ""
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = tokens[number + 1].content
            token.attrSet("id", anchor_of(heading))
        elif token.type == "th_open":
            token.attrSet("scope", "col")
        _prepare_inline(token.children or [])
        if token.type == "table_open":
            token.attrSet("class", "table")
            region = '<div class="table-wrap" role="region" tabindex="0" aria-label="{}">'
            yield _raw(format_html(region, heading))
        yield token
        if token.type == "table_close":
            yield _raw("</div>")


def _prepare_inline(tokens: Sequence[Token]) -> None:
    """Let pictures come from the static files, and name other documents without a link to nowhere."""
    elsewhere = False
    for token in tokens:
        if token.type == "image":
            _prepare_picture(token)
        elif token.type == "link_open":
            elsewhere = not str(token.attrs["href"]).startswith(("#", "https://"))
            if elsewhere:
                token.tag, token.attrs = "cite", {}
        elif token.type == "link_close" and elsewhere:
            token.tag, elsewhere = "cite", False


def _prepare_picture(token: Token) -> None:
    """Take a picture from the static files, its place kept free so that what is below it does not jump."""
    name = f"{PICTURES}/{Path(str(token.attrs['src'])).name}"
    token.attrSet("src", static(name))
    token.attrSet("loading", "lazy")
    if found := finders.find(name):
        # As every PNG begins: a signature, the length and name of its header, width and height.
        with Path(found).open("rb") as file:
            width, height = struct.unpack(">16xII", file.read(24))
        token.attrSet("width", str(width))
        token.attrSet("height", str(height))


def _raw(html: str) -> Token:
    return Token("html_block", "", 0, content=html)
