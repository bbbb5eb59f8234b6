"""What reports for people are written with: a terminal's width, or whole lines where there is none."""

import os
from typing import Final

from rich.console import Console

# Wide enough for a title in a table, narrow enough for a file that is looked at.
_WIDTH_OF_A_FILE: Final = 500


def make_console() -> Console:
    """Return a console on stdout that breaks lines on a terminal alone, so that files can be searched."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.soft_wrap = True
        if "COLUMNS" not in os.environ:
            console.width = _WIDTH_OF_A_FILE
    return console


def visible(text: str) -> str:
    """Show control characters and direction marks escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shown(text: str) -> str:
    """Show text as `visible` does, and keep brackets in it from being read as style."""
    return visible(text).replace("[", r"\[")
