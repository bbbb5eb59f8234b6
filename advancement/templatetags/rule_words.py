"""Rules, their criteria and what counted, in words."""

from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from advancement.criteria.rules import CriterionDefinition, Logic, RuleDefinition
from advancement.criteria.sentences import SYMBOLS, gap_words, period_words, signal_words, value_words
from advancement.criteria.signals import WINDOW_DAYS, Period
from advancement.criteria.wording import format_number
from advancement.evaluation.explain import CriterionExplanation
from advancement.evaluation.near import Miss, missed
from advancement.evaluation.preview import NearMiss

register = template.Library()

_NO_BREAK = "\u00a0"


@register.filter
def signal(name: str) -> str:
    """Return a signal's name in words."""
    return signal_words(name)


@register.filter
def value_of(value: float | None, name: str) -> str:
    """Return the value of the signal of that name as people read it."""
    return value_words(name, value)


@register.filter
def gap_of(line: CriterionExplanation) -> str:
    """Return by how much a sprout is off a criterion that it does not meet; see `off_by`."""
    miss = missed(0, line.criterion, line.actual)
    return off_by(miss, line.criterion.signal) if miss else "unknown"


def off_by(miss: Miss | NearMiss, name: str) -> str:
    """Return by how much a value of the signal of that name is off, with its sign: −1 is too low by one."""
    sign = "\u2212" if miss.actual < miss.needed else "+" if miss.actual > miss.needed else ""
    return sign + gap_words(name, miss.gap)


@register.filter
def criterion(line: CriterionDefinition) -> SafeString:
    """Return a criterion in words, its comparison loud: **citations ≥ 3** in the last 30 days."""
    symbol = SYMBOLS.get(line.operator, line.operator)
    said = format_html(
        "<b>{} {}{}{}</b>", signal_words(line.signal), symbol, _NO_BREAK, format_number(line.threshold)
    )
    within = period_words(line)
    return format_html("{} {}", said, within) if within else said


@register.filter
def sentence(rule: RuleDefinition) -> SafeString:
    """Return a rule's criteria as a sentence: When **citations ≥ 3** and **views ≥ 1**."""
    if not rule.criteria:
        return mark_safe("No criteria yet.")
    glue = " and " if rule.logic == Logic.ALL else ", or "
    return format_html(
        "When {}.", format_html_join(mark_safe(glue), "{}", ((criterion(c),) for c in rule.criteria))
    )


@register.filter
def figures(evidence: list[dict[str, Any]]) -> SafeString:
    """Return an event's or a move's criteria with what counted: citations **15** ≥ 5.

    Where some are met, as of a rule of which any suffices, the others did not count and are left out.
    """
    met = [line for line in evidence if line["met"]]
    lines = (
        (
            signal_words(line["signal"]),
            value_words(line["signal"], line["actual"]),
            SYMBOLS.get(line["operator"], line["operator"]),
            _NO_BREAK,
            format_number(line["threshold"]),
            _within(line),
        )
        for line in met or evidence
    )
    return format_html(
        '<span class="figures">{}</span>',
        format_html_join("", "<span>{} <b>{}</b> {}{}{}{}</span>", lines),
    )


def _within(line: dict[str, Any]) -> str:
    words = period_words(
        CriterionDefinition(line["signal"], line["operator"], line["threshold"], line["period"])
    )
    return f" {words}" if words else ""


@register.filter
def period(name: str) -> str:
    """Return a period's name in words, as a heading: `Last 30 days`."""
    days = WINDOW_DAYS.get(Period(name)) if name in list(Period) else None
    return f"Last {days} days" if days else "All time"


@register.filter
def symbol(operator: str) -> str:
    """Return an operator as people write it: ≥ for >=."""
    return SYMBOLS.get(operator, operator)
