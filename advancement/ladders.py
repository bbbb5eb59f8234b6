"""Lifecycle models as ladders of tiers: those to start from, what stands against a change, saving one."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from advancement.criteria.errors import AdvancementError
from advancement.criteria.texts import as_read
from advancement.criteria.wording import isolated, join_words, quoted
from advancement.database.locks import lock_models
from advancement.models import LifecycleModel, RuleVersion, Sprout, Tier
from advancement.rulebook.reading import active_versions

MOST_TIERS: Final = 50


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


@dataclass(frozen=True)
class Rung:
    """A tier of a ladder that is to be saved; `there` when the model has it already."""

    slug: str
    label: str
    emoji: str
    there: bool = False


def load_ladder(slug: str, *, using: str = "default") -> LifecycleModel:
    """Add one of the examples with its tiers; raise AdvancementError when it is unknown or there already."""
    ladder = next((ladder for ladder in EXAMPLES if ladder.slug == slug), None)
    if ladder is None:
        raise AdvancementError(f"There is no example {quoted(slug)}.")
    return add_ladder(ladder.slug, ladder.label, [Rung(*tier) for tier in ladder.tiers], using=using)


class LadderChanged(AdvancementError):
    """Somebody else changed this lifecycle model meanwhile; look at it as it is now, then change it again."""


class Taken(AdvancementError):
    """Another lifecycle model has this slug or this label; `field` says which of them."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def add_ladder(slug: str, label: str, rungs: Sequence[Rung], *, using: str = "default") -> LifecycleModel:
    """Add a lifecycle model with its tiers; raise Taken when there is one of that slug or label."""
    models = LifecycleModel.objects.using(using)
    with transaction.atomic(using=using):
        lock_models(using)
        if models.filter(pk=slug).exists():
            raise Taken("slug", f"The lifecycle model {quoted(slug)} is there already; choose another slug.")
        check_label(label, using=using)
        _check_height(rungs, 0)
        model = models.create(slug=slug, label=label)
        _place(model, {}, rungs, using)
    return model


def check_label(label: str, *, but: str = "", using: str = "default") -> None:
    """Raise Taken when people could not tell a label from that of a model other than `but`.

    Within a transaction: until it ends, nobody else names a model.
    """
    lock_models(using)
    others = dict(LifecycleModel.objects.using(using).exclude(pk=but).values_list("pk", "label"))
    for slug, other in others.items():
        if as_read(other) == as_read(label):
            raise Taken(
                "label",
                f"The lifecycle model {quoted(slug)} is called {quoted(other)}; choose another label.",
            )


def _check_height(rungs: Sequence[Rung], before: int) -> None:
    if len(rungs) > (most := max(MOST_TIERS, before)):
        raise AdvancementError(too_high(len(rungs), most))


def too_high(tiers: int, most: int) -> str:
    """Say that a ladder has too many tiers."""
    return f"A ladder has {most} tiers at most, and this one {tiers}: leave some out."


def as_seen(label: str, tiers: Iterable[Tier]) -> str:
    """Return what stands for a model and its tiers as somebody sees them; it changes with what they say."""
    said = [label, *((tier.slug, tier.label, tier.emoji) for tier in tiers)]
    return sha256(json.dumps(said).encode()).hexdigest()


def change_ladder(slug: str, label: str, rungs: Sequence[Rung], *, seen: str) -> LifecycleModel:
    """Give a lifecycle model this label and these tiers, in this order; those that are missing are deleted.

    `seen` is that of `as_seen` when whoever changes them looked. Raise LadderChanged when it is another by
    now, Taken when another model has a label that is new here, AdvancementError when a tier that is in use
    would be deleted, a rule would lead backward, or there would be too many tiers. Names and numbers of
    tiers that an older ladder has already may stay.
    """
    with transaction.atomic():
        lock_models()
        model = LifecycleModel.objects.select_for_update().get(pk=slug)
        # Locked, so that what is found out stays true: an import locks the tiers that it fills.
        there = {
            tier.slug: tier
            for tier in Tier.objects.select_for_update().filter(lifecycle_model=slug).order_by("position")
        }
        if as_seen(model.label, there.values()) != seen:
            raise LadderChanged
        if label != model.label:
            check_label(label, but=slug)
        _check_height(rungs, len(there))
        missing = [tier for key, tier in there.items() if key not in {rung.slug for rung in rungs}]
        if uses := [sentence for tier in missing for sentence in uses_of_tier(tier)]:
            raise AdvancementError(" ".join(uses))
        order = {rung.slug: position for position, rung in enumerate(rungs)}
        if turned := turned_rules(slug, order):
            raise AdvancementError(turned_words(turned))
        Tier.objects.filter(pk__in=[tier.pk for tier in missing]).delete()
        model.label = label
        model.save(update_fields=["label"])
        _place(model, there, rungs, "default")
    return model


def current_models() -> QuerySet[LifecycleModel]:
    """Return the models in use and the archived ones that still hold sprouts, which runs go on moving."""
    holding = Exists(Sprout.objects.filter(lifecycle_model=OuterRef("pk")))
    return LifecycleModel.objects.filter(Q(archived_at__isnull=True) | holding).prefetch_related("tiers")


def archive_model(slug: str) -> bool:
    """Keep new sprouts and new rules out of a model; return False when it was archived before.

    Its sprouts stay, and its rules that are on go on moving them.
    """
    in_use = LifecycleModel.objects.filter(pk=slug, archived_at__isnull=True)
    return bool(in_use.update(archived_at=timezone.now()))


def take_up_model(slug: str) -> bool:
    """Let new sprouts and new rules into a model again; return False when it was not archived."""
    archived = LifecycleModel.objects.filter(pk=slug, archived_at__isnull=False)
    return bool(archived.update(archived_at=None))


def _place(model: LifecycleModel, there: Mapping[str, Tier], rungs: Sequence[Rung], using: str) -> None:
    """Save the tiers of a model in this order."""
    tiers = Tier.objects.using(using)
    kept = [there[rung.slug] for rung in rungs if rung.slug in there]
    # A position has one tier at each moment: the kept ones first go behind all others.
    behind = max([len(rungs), *(tier.position + 1 for tier in there.values())])
    for offset, tier in enumerate(kept):
        tiers.filter(pk=tier.pk).update(position=behind + offset)
    for position, rung in enumerate(rungs):
        values = {"label": rung.label, "emoji": rung.emoji, "position": position}
        if rung.slug in there:
            tiers.filter(pk=there[rung.slug].pk).update(**values)
        else:
            tiers.create(lifecycle_model=model, slug=rung.slug, **values)


def uses_of_tier(tier: Tier) -> Iterator[str]:
    """Yield a sentence with the remedy for each thing that keeps a tier from being deleted."""
    held = Sprout.objects.filter(lifecycle_model=tier.lifecycle_model_id, tier=tier.slug)
    if count := held.count():
        sprouts = f"{count:,} {'sprout' if count == 1 else 'sprouts'}"
        yield (
            f"The tier {_called(tier.label)} holds {sprouts}: move {'it' if count == 1 else 'them'} to "
            "another tier first, with a rule or an override."
        )
    for version in active_versions():
        names = {version.from_tier, version.to_tier}
        if version.lifecycle_model_id == tier.lifecycle_model_id and tier.slug in names:
            yield (
                f"The tier {_called(tier.label)} is named by the rule {_called(version.title)}, which is on: "
                "switch it off first."
            )


def turned_rules(model: str, positions: Mapping[str, int]) -> list[RuleVersion]:
    """Return the enabled rules of a model that lead forward now and backward with its tiers placed so.

    `positions` are those of the tiers that change their place, or of all.
    """
    before = dict(Tier.objects.filter(lifecycle_model=model).values_list("slug", "position"))
    after = {**before, **positions}
    turned = []
    for version in active_versions():
        start, end = version.from_tier, version.to_tier
        if version.lifecycle_model_id != model or not before.keys() >= {start, end}:
            continue
        if before[start] < before[end] and after[start] > after[end]:
            turned.append(version)
    return turned


def turned_words(rules: Sequence[RuleVersion]) -> str:
    """Say why tiers may not be placed so."""
    named = join_words([_called(rule.title) for rule in rules], "and")
    one = len(rules) == 1
    return (
        f"There, the {'rule' if one else 'rules'} {named}, which {'is' if one else 'are'} on, would lead "
        f"backward. Rules only lead forward: switch {'it' if one else 'them'} off first."
    )


def _called(name: str) -> str:
    return f"“{isolated(name)}”"
