"""Tags of the rule editor's templates: the rule as a sentence, and what changed between versions."""

from typing import Any, Final

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from advancement.criteria.changes import Change, Comparison, CriterionFate, Fate
from advancement.criteria.rules import Logic, Operator, RuleDefinition
from advancement.criteria.sentences import period_words, signal_words, value_words
from advancement.criteria.signals import SIGNALS, Period
from advancement.criteria.wording import format_number, join_words
from advancement.evaluation.preview import MatchCount, NearMiss
from advancement.models import RuleCount
from advancement.templatetags.console import breakable, tier
from advancement.templatetags.rule_words import criterion, off_by

register = template.Library()

# As many of a sprout's signals as have room beside its title.
_FEW: Final = 2


@register.filter
def staying(count: MatchCount | RuleCount) -> str:
    """Return which of a rule's matches a run would leave where they are: 3 of them on hold; empty: none."""
    about = "about " if isinstance(count, MatchCount) and not count.exact else ""
    found = [(count.held, "on hold"), (count.no_signals, "without signals")]
    found = [(number, why) for number, why in found if number]
    if len(found) == 1 and found[0][0] == count.matches:
        return found[0][1] if count.matches == 1 else f"all of them {found[0][1]}"
    of_them = ["of them ", ""]
    return join_words(
        [f"{about}{format_number(n)} {of}{why}" for (n, why), of in zip(found, of_them, strict=False)], "and"
    )


@register.simple_tag(takes_context=True)
def becomes(context: template.Context, rule: RuleDefinition) -> SafeString:
    """Return a rule as a sentence: 🌱 Sprout becomes 🌿 Sapling when citations ≥ 3, counted over all time."""
    model = rule.lifecycle_model
    step = format_html(
        "<b>{}</b> becomes <b>{}</b>",
        tier(context, model, rule.from_tier),
        tier(context, model, rule.to_tier),
    )
    if not rule.criteria:
        return format_html("{} when … no criterion can be read yet.", step)
    parts = [criterion(line) for line in rule.criteria]
    any_of = "any of " if rule.logic == Logic.ANY and len(parts) > 1 else ""
    over = ", counted over all time" if _all_time(rule) else ""
    return format_html("{} when {}{}{}.", step, any_of, _listed(parts, "or" if any_of else "and"), over)


def _all_time(rule: RuleDefinition) -> bool:
    counted = [c for c in rule.criteria if (signal := SIGNALS.get(c.signal)) and signal.column]
    return bool(counted) and all(c.period == Period.ALL_TIME for c in counted)


def _listed(parts: list[SafeString], conjunction: str) -> SafeString:
    if len(parts) == 1:
        return parts[0]
    first = format_html_join(", ", "{}", ((part,) for part in parts[:-1]))
    return format_html("{} {} {}", first, conjunction, parts[-1])


@register.filter
def criteria_changes(changes: Comparison) -> SafeString:
    """Return the criteria of a version, those that came and went marked as such."""
    conjunction = " or " if changes.logic == Logic.ANY else " and "
    fates = [Fate.KEPT, *(change.fate for change in changes.criteria), Fate.KEPT]
    pieces = []
    for index, change in enumerate(changes.criteria):
        before, fate, after = fates[index : index + 3]
        # What took the place of another stands beside it, and what only went needs no conjunction.
        beside = (before is Fate.REMOVED and fate is Fate.ADDED) or (
            fate is Fate.REMOVED and after is not Fate.ADDED
        )
        pieces.append(("" if index == 0 else " " if beside else conjunction, _marked(change)))
    return format_html_join("", "{}{}", pieces)


@register.filter
def moved_criteria(changes: Comparison) -> SafeString:
    """Return only the criteria that came or went."""
    return format_html_join(mark_safe(", "), "{}", ((_marked(change),) for change in changes.moved_criteria))


@register.filter
def setting_changes(changes: Comparison) -> SafeString:
    """Return what else changed, each with before and after."""
    return format_html_join(mark_safe("; "), "{}", ((_setting(change),) for change in changes.settings))


def _marked(change: CriterionFate) -> SafeString:
    if change.fate is Fate.KEPT:
        return format_html("{}", change.text)
    element = mark_safe("ins" if change.fate is Fate.ADDED else "del")
    word = "added" if change.fate is Fate.ADDED else "removed"
    return format_html(
        '<{}><span class="visually-hidden">{}: </span>{}</{}>', element, word, change.text, element
    )


def _setting(change: Change) -> SafeString:
    before = format_html('<del><span class="visually-hidden">was: </span>{}</del> ', change.before)
    after = format_html('<ins><span class="visually-hidden">now: </span>{}</ins>', change.after)
    return format_html(
        "{} {}{}", change.what, before if change.before else "", after if change.after else "removed"
    )


@register.filter
def actuals(evidence: list[dict[str, Any]]) -> SafeString:
    """Return what a sprout's signals are, in short: citations 25 and unique sessions 7."""
    parts = (
        (signal_words(line["signal"]), value_words(line["signal"], line["actual"]))
        for line in evidence[:_FEW]
    )
    return format_html('<span class="num">{}</span>', format_html_join("", "<span>{} {}</span>", parts))


@register.simple_tag
def near_miss_link(miss: NearMiss, definition: RuleDefinition) -> SafeString:
    """Return a link to a sprout, with the signal that it misses beside its folder."""
    address = reverse("console:sprout", args=(miss.sprout_id,))
    missed = definition.criteria[miss.criterion]
    folder, slash, name = miss.title.rpartition("/")
    said = f"{signal_words(missed.signal)} {period_words(missed)}".strip()
    return format_html(
        '<a class="path" href="{}"><span class="path-file">{}</span>'
        '<span class="path-dir">{}</span><span class="path-dir">{}</span></a>',
        address,
        breakable(name or miss.title),
        said,
        breakable(f"{folder}/" if name and slash else ""),
    )


@register.filter
def needed(miss: NearMiss, definition: RuleDefinition) -> str:
    """Return what a sprout would need; strict comparisons of scores and days say more than or less than."""
    criterion = definition.criteria[miss.criterion]
    strict = miss.gap == 0 or not SIGNALS[criterion.signal].integral
    sign = (
        f"{criterion.operator}\u00a0" if criterion.operator in {Operator.GT, Operator.LT} and strict else ""
    )
    return sign + format_number(round(miss.needed, 4))


@register.filter
def actual(miss: NearMiss, definition: RuleDefinition) -> str:
    """Return what a sprout has of the signal that it misses."""
    return value_words(definition.criteria[miss.criterion].signal, miss.actual)


@register.filter
def gap(miss: NearMiss, definition: RuleDefinition) -> str:
    """Return by how much a sprout is off; see `off_by`."""
    return off_by(miss, definition.criteria[miss.criterion].signal)
