"""What reports for people are written with: a terminal's width, or whole lines where there is none."""

import os
from typing import Final

from rich.console import Console
from rich.text import Text

# Wide enough for a title in a table, narrow enough for a file that is looked at.
_WIDTH_OF_A_FILE: Final = 500


def make_console() -> Console:
    """Return a console on stdout that shows text as it is, and breaks lines on a terminal alone."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.soft_wrap = True
        if "COLUMNS" not in os.environ:
            console.width = _WIDTH_OF_A_FILE
    return console


def visible(text: str) -> str:
    """Show control characters and direction marks escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shown(text: str) -> Text:
    """Show text as `visible` does, and keep all of it from being read as style or as an emoji."""
    return Text(visible(text))
