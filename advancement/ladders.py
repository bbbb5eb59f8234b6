"""Ladders to start from: lifecycle models that an installation may load beside its own."""

from dataclasses import dataclass
from typing import Final

from django.db import transaction

from advancement.criteria.errors import AdvancementError
from advancement.criteria.wording import quoted
from advancement.models import LifecycleModel, Tier


@dataclass(frozen=True)
class Ladder:
    """A lifecycle model to be: slug, label, and its tiers in order as (slug, label, emoji)."""

    slug: str
    label: str
    tiers: tuple[tuple[str, str, str], ...]


EXAMPLES: Final = (
    Ladder(
        "academic",
        "Academic",
        (
            ("draft", "Draft", "📝"),
            ("preprint", "Preprint", "📄"),
            ("under-review", "Under review", "🔍"),
            ("published", "Published", "📚"),
            ("canonical", "Canonical", "🏛️"),
        ),
    ),
    Ladder(
        "creative",
        "Creative",
        (
            ("spark", "Spark", "💡"),
            ("sketch", "Sketch", "✏️"),
            ("draft", "Draft", "📝"),
            ("piece", "Piece", "🎨"),
            ("collected", "Collected", "🖼️"),
        ),
    ),
    Ladder(
        "support",
        "Support answers",
        (
            ("reply", "Reply", "💬"),
            ("answer", "Answer", "🗒️"),
            ("article", "Article", "📰"),
            ("reference", "Reference", "📖"),
        ),
    ),
)


def load_ladder(slug: str, *, using: str = "default") -> LifecycleModel:
    """Add one of the examples with its tiers; raise AdvancementError when it is unknown or there already."""
    ladder = next((ladder for ladder in EXAMPLES if ladder.slug == slug), None)
    if ladder is None:
        raise AdvancementError(f"There is no example {quoted(slug)}.")
    with transaction.atomic(using=using):
        model, added = LifecycleModel.objects.using(using).get_or_create(
            slug=ladder.slug, defaults={"label": ladder.label}
        )
        if not added:
            raise AdvancementError(f"The lifecycle model {quoted(slug)} is there already.")
        Tier.objects.using(using).bulk_create(
            Tier(lifecycle_model=model, slug=tier, label=label, emoji=emoji, position=position)
            for position, (tier, label, emoji) in enumerate(ladder.tiers)
        )
    return model
