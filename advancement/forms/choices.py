"""What the selects of a rule's form offer; what was chosen is always among it, valid or not."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.utils.text import slugify

from advancement.criteria.rules import Lifecycles, Operator
from advancement.criteria.sentences import SYMBOLS, signal_words
from advancement.criteria.signals import SIGNALS, WINDOW_DAYS, Unit
from advancement.criteria.slugs import MAX_SLUG_LENGTH
from advancement.criteria.validation import RESERVED_SLUGS
from advancement.forms.rules import RuleEntry
from advancement.models import AdvancementRule, LifecycleModel, Tier

Choice = tuple[str, str]
"""A value and its label."""

_GROUPS: Final = {Unit.COUNT: "Counts", Unit.SCORE: "Scores from 0 to 1", Unit.DAYS: "Days"}

SIGNAL_GROUPS: Final[tuple[tuple[str, tuple[Choice, ...]], ...]] = tuple(
    (
        label,
        tuple((s.name, signal_words(s.name).capitalize()) for s in SIGNALS.values() if s.unit is unit),
    )
    for unit, label in _GROUPS.items()
)
OPERATORS: Final[tuple[Choice, ...]] = tuple((o.value, SYMBOLS[o]) for o in Operator)
PERIODS: Final[tuple[Choice, ...]] = tuple(
    (period.value, f"Last {days} days" if days else "All time") for period, days in WINDOW_DAYS.items()
)


@dataclass(frozen=True)
class TierChoices:
    """The models and tiers to choose from; tiers lead forward only. `archived`: the chosen model is."""

    models: tuple[Choice, ...]
    from_tiers: tuple[Choice, ...]
    to_tiers: tuple[Choice, ...]
    archived: bool


def tier_choices(entry: RuleEntry, models: Iterable[LifecycleModel], tiers: Iterable[Tier]) -> TierChoices:
    """Return what the form offers, given every model and every tier in order of position."""
    known = list(models)
    archived = {model.pk for model in known if model.archived_at}
    offered = [
        (model.pk, f"{model.label} (archived)" if model.pk in archived else model.label)
        for model in known
        if model.pk not in archived or model.pk == entry.lifecycle_model
    ]
    ladder = [(tier.slug, str(tier)) for tier in tiers if tier.lifecycle_model_id == entry.lifecycle_model]
    slugs = [slug for slug, _ in ladder]
    after = slugs.index(entry.from_tier) + 1 if entry.from_tier in slugs else 1
    return TierChoices(
        models=with_chosen(offered, entry.lifecycle_model, "unknown"),
        from_tiers=with_chosen(ladder[:-1], entry.from_tier, _fault(entry.from_tier, slugs, "the last tier")),
        to_tiers=with_chosen(
            ladder[after:], entry.to_tier, _fault(entry.to_tier, slugs, "not after the from tier")
        ),
        archived=entry.lifecycle_model in archived,
    )


def _fault(slug: str, slugs: list[str], otherwise: str) -> str:
    return otherwise if slug in slugs else "unknown"


def with_chosen(choices: Iterable[Choice], value: str, fault: str) -> tuple[Choice, ...]:
    """Return choices with the chosen value among them, marked with what is wrong with it if it is not."""
    offered = tuple(choices)
    if not value or value in (there for there, _ in offered):
        return offered
    return (*offered, (value, f"{value} ({fault})"))


def suggested_slug(entry: RuleEntry) -> str:
    """Return a slug that no rule has, made of the title or else of the tiers."""
    base = slugify(entry.title) or slugify(f"{entry.from_tier} to {entry.to_tier}")
    base = base[: MAX_SLUG_LENGTH - 6].strip("-_") or "rule"
    taken = set(AdvancementRule.objects.filter(id__startswith=base).values_list("id", flat=True))
    taken |= RESERVED_SLUGS
    numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
    return base if base not in taken else next(slug for slug in numbered if slug not in taken)


def blank_entry(model: str, from_tier: str, ladders: Lifecycles, preferred: Iterable[str]) -> RuleEntry:
    """Return the form of a new rule: of the model and tier asked for, else of what runs look at first.

    It is of one of these ladders, without a model asked for of the first.
    """
    if model not in ladders:
        model = next(iter(ladders), "")
    tiers = ladders.get(model, ())
    start = next((tier for tier in (from_tier, *preferred) if tier in tiers[:-1]), "")
    return RuleEntry(lifecycle_model=model, from_tier=start)
