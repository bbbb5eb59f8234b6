"""Tags and filters of the rollback wizard's templates."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from advancement.criteria.wording import format_number
from advancement.models import AdvancementRule
from advancement.templatetags.console import tier_steps

register = template.Library()


class Bucket(Protocol):
    """A part of a sum."""

    @property
    def count(self) -> int:
        """How many are in it."""


@register.filter
def rule_title(rule: AdvancementRule) -> str:
    """Return a rule's title; its versions must have been read with it."""
    version = rule.active_version or rule.draft_version
    return version.title if version else rule.pk


@register.filter
def at(values: Mapping[str, Any], key: str) -> Any:
    """Return the value of a key, nothing when there is none."""
    return values.get(key, "")


@register.filter
def adding_up(buckets: Sequence[Bucket], more: int = 0) -> str:
    """Return the counts that a sum consists of, up to its sign: `111 + 4 = `. One alone needs no sum."""
    counts = [count for count in (*(bucket.count for bucket in buckets), more) if count]
    return f"{' + '.join(map(format_number, counts))} = " if len(counts) > 1 else ""


@register.simple_tag(takes_context=True)
def tier_path(context: template.Context, model: str, tiers: Sequence[str]) -> SafeString:
    """Return the way from a tier to another, with those in between."""
    css = "tier-move tier-path" if len(tiers) > 2 else "tier-move"
    return format_html('<span class="{}">{}</span>', css, tier_steps(context, model, tiers))
