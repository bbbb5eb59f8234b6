"""All that most templates need: tiers, titles, rules by name, and the tags of the other modules with them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator

from advancement.models import Tier
from advancement.templatetags import badges, numbers, rule_words, times
from advancement.templatetags.badges import icon

register = template.Library()
for part in (badges, numbers, rule_words, times):
    register.tags |= part.register.tags
    register.filters |= part.register.filters


@register.simple_tag(takes_context=True)
def tier(context: template.Context, model: str, slug: str) -> SafeString:
    """Return a tier's emoji and label; one that its model does not have is shown by its slug."""
    found = _tiers(context).get((model, slug))
    emoji, label = (found.emoji, found.label) if found else ("❔", slug)
    return format_html(
        '<span class="tier"><span class="tier-emoji" aria-hidden="true">{}</span>{}</span>', emoji, label
    )


@register.simple_tag(takes_context=True)
def tier_move(context: template.Context, model: str, from_tier: str, to_tier: str) -> SafeString:
    """Return a move from a tier to another."""
    return format_html('<span class="tier-move">{}</span>', tier_steps(context, model, [from_tier, to_tier]))


def tier_steps(context: template.Context, model: str, tiers: Sequence[str]) -> SafeString:
    """Return tiers with arrows between them; where a line ends, the arrow goes on with what it leads to."""
    step = '<span class="tier-step">{}<span class="visually-hidden">to</span>{}</span>'
    others = ((icon("arrow"), tier(context, model, slug)) for slug in tiers[1:])
    return format_html("{}{}", tier(context, model, tiers[0]), format_html_join("", step, others))


@register.simple_tag(takes_context=True)
def rule_link(context: template.Context, slug: str) -> SafeString:
    """Return a link to a rule by its title."""
    address = reverse("console:rule", args=(slug,))
    return format_html('<a href="{}">{}</a>', address, rule_name(context, slug))


@register.simple_tag(takes_context=True)
def rule_name(context: template.Context, slug: str) -> str:
    """Return a rule's title; one that is not stored goes by its slug."""
    titles: dict[str, str] = context["console"].rule_titles
    return titles.get(slug, slug)


def _tiers(context: template.Context) -> dict[tuple[str, str], Tier]:
    tiers: dict[tuple[str, str], Tier] = context["console"].tiers
    return tiers


# Longer titles are cut where many stand below one another; what a tooltip shows is longer, and has an end.
_LONGEST_TITLE: Final = 200
_LONGEST_TOOLTIP: Final = 1_000


@register.filter
def path(title: str) -> SafeString:
    """Return a sprout's title; of one that is a path, the file is loud and the folder quiet.

    A long one is cut, with the whole as its tooltip.
    """
    if len(title) > _LONGEST_TITLE:
        whole, cut = (Truncator(title).chars(most) for most in (_LONGEST_TOOLTIP, _LONGEST_TITLE))
        return format_html('<span class="path-file" title="{}">{}</span>', whole, breakable(cut))
    folder, slash, name = title.rpartition("/")
    if not slash or not name:
        return format_html('<span class="path-file">{}</span>', breakable(title))
    file, place = breakable(name), breakable(f"{folder}/")
    return format_html('<span class="path-file">{}</span><span class="path-dir">{}</span>', file, place)


@register.filter
def breakable(text: str) -> SafeString:
    """Return a text that may be broken after an underscore or a slash as well, before a word is."""
    parts = re.split(r"(?<=[_/])(?=.)", text)
    return format_html_join(mark_safe("<wbr>"), "{}", ((part,) for part in parts))


@register.simple_tag
def sprout_link(sprout_id: UUID | str, title: str | None) -> SafeString:
    """Return a link to a sprout's page; one that was deleted is named by its id, without a link."""
    if title is None:
        return format_html('<span class="path">{}</span>', path(f"deleted/{sprout_id}"))
    address = reverse("console:sprout", args=(sprout_id,))
    return format_html('<a class="path" href="{}">{}</a>', address, path(title))


@register.filter
def get(mapping: Mapping[Any, Any], key: Any) -> Any:
    """Return what a mapping has under a key, None when it has nothing."""
    return mapping.get(key)
