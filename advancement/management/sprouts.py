"""Sprouts as the arguments of a command: named one by one, or many at once on standard input."""

import sys
from argparse import ArgumentTypeError
from uuid import UUID

from django.core.management.base import CommandParser

from advancement.management.base import usage_error
from advancement.management.values import sprout


def add_sprouts(parser: CommandParser) -> None:
    """Declare the sprouts; read them with `sprouts_given`."""
    parser.add_argument(
        "sprouts", nargs="+", metavar="SPROUT", help="the id of a sprout; - reads ids from standard input"
    )


def sprouts_given(arguments: list[str]) -> list[UUID]:
    """Return the ids in the arguments, and for - those on standard input, separated by white space."""
    words: list[str] = []
    for argument in arguments:
        words += _typed().split() if argument == "-" else [argument]
    try:
        return [sprout(word) for word in words]
    except ArgumentTypeError as error:
        raise usage_error(str(error)) from None


def _typed() -> str:
    if sys.stdin is None:
        raise usage_error("Standard input is closed: name the sprouts as arguments.")
    try:
        return sys.stdin.read()
    except (OSError, UnicodeDecodeError) as error:
        raise usage_error(f"Standard input cannot be read ({error}).") from None
