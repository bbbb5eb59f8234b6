"""Figures as people read them, and as attributes take them."""

from django import template

from advancement.criteria.wording import format_number, percent_words

register = template.Library()


@register.filter
def number(value: float | None) -> str:
    """Return a number with commas between thousands; what is not known is called so."""
    return "unknown" if value is None else format_number(value)


@register.filter
def signed(change: int) -> str:
    """Return a change with its sign, as in `+204`, `−204` or `±0`."""
    return f"{'+' if change > 0 else '−' if change < 0 else '±'}{format_number(abs(change))}"


@register.filter
def unlocalized(value: float) -> str:
    """Return a number as attributes take it: a point, no separators."""
    return f"{value:g}"


@register.filter
def add_to(value: float, more: float) -> str:
    """Return a sum, as attributes take it."""
    return unlocalized(round(value + more, 1))


@register.filter
def times(value: float, factor: float) -> str:
    """Return a product, as attributes take it."""
    return unlocalized(value * factor)


@register.filter
def message_count(count: int) -> str:
    """Say how many notifications failed; beyond five they are not counted."""
    if count > 5:
        return "More than 5 notifications failed"
    return f"{count} notification{'' if count == 1 else 's'} failed"


@register.filter
def percent(part: float, whole: float) -> str:
    """Return a part in percent with one decimal at most, as in `21.8 %`; of nothing it is 0 %."""
    return percent_words(round(part / whole, 3) if whole else 0)


@register.filter
def share(part: float) -> str:
    """Return a setting that is a share of 1 in percent, as in `50 %`, with all its digits."""
    return percent_words(part)
