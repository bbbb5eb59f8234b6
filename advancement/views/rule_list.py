"""The rules as the list shows them: each with its figures and what is wrong with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, prefetch_related_objects
from django.utils import timezone

from advancement.criteria.rules import DEFAULT_PRIORITY, RuleDefinition
from advancement.criteria.validation import Problem, check_rule, check_rule_set, unnamed
from advancement.criteria.wording import age_words
from advancement.evaluation.counts import Moments, count_sprouts, moments, outdated
from advancement.evaluation.gate import stopped_rules
from advancement.models import AdvancementEvent, AdvancementRule, RuleCount, RuleVersion, Tier
from advancement.models.events import AdvancementEventType
from advancement.remembered import counted_lately
from advancement.rulebook.reading import switches
from advancement.runs.guardrails import share_exceeded

RECENTLY: Final = timedelta(days=7)

Tiers = Mapping[tuple[str, str], Tier]


@dataclass
class Row:
    """One rule as the list shows it; `version` is its active one, or its draft as long as it has no other."""

    rule: AdvancementRule
    version: RuleVersion
    definition: RuleDefinition
    problems: list[Problem]
    shadowed: Problem | None = None
    stopped: str = ""
    model_label: str = ""
    recently: int = 0
    switched: bool = False
    outdated: bool = False
    overlaps: list[tuple[str, int]] = field(default_factory=list)
    changed_since_run: bool = False

    @property
    def slug(self) -> str:
        """The rule's slug."""
        return self.rule.pk

    @property
    def on(self) -> bool:
        """Whether runs use it."""
        return self.switchable and self.version.enabled

    @property
    def switchable(self) -> bool:
        """Whether it can be switched on or off: a draft is activated, an archived rule brought back."""
        return self.rule.active_version_id is not None and not self.rule.archived_at

    @property
    def invalid(self) -> bool:
        """Whether runs would leave it out."""
        return any(problem.blocks != "nothing" for problem in self.problems)

    @property
    def countable(self) -> bool:
        """Whether it names nothing unknown, so that its matches can be counted."""
        return all(problem.blocks != "saving" for problem in self.problems)

    @property
    def draft_waits(self) -> bool:
        """Whether there is a draft that nobody activated yet."""
        return self.rule.draft_version_id is not None

    @cached_property
    def count(self) -> RuleCount | None:
        """What it matched when it was counted last; None when it was not yet."""
        return None if self.rule.archived_at else getattr(self.version, "count", None)

    @property
    def never_matched(self) -> bool:
        """Whether nothing met it at the last count and nothing was ever advanced by it, though it could."""
        if not self.switchable or self.invalid or self.shadowed or self.count is None:
            return False
        return not self.count.matches and not getattr(self.rule, "ever", True)

    @property
    def share_exceeded(self) -> bool:
        """Whether it would move more of its tier than the guardrail lets a run move."""
        return self.count is not None and share_exceeded(self.count.movable, self.count.candidates)

    @property
    def scheduled(self) -> bool:
        """Whether scheduled runs look at its tier."""
        return self.version.from_tier in settings.ADVANCEMENT_FROM_TIERS

    @property
    def priority(self) -> str:
        """Its priority in words where that is not the usual one, else empty."""
        return "" if self.version.priority == DEFAULT_PRIORITY else f"Priority {self.version.priority:,}"

    @property
    def reasons(self) -> list[str]:
        """What is wrong with it, as sentences."""
        found = [unnamed(problem) for problem in self.problems]
        if self.shadowed:
            found.append(unnamed(self.shadowed))
        return [*found, self.stopped] if self.stopped else found


class RuleList:
    """All rules, read with a number of queries that does not grow with them."""

    def __init__(self, tiers: Tiers) -> None:
        self._tiers = tiers
        self._ladders: dict[str, list[str]] = {}
        for (model, slug), _ in sorted(tiers.items(), key=lambda item: item[1].position):
            self._ladders.setdefault(model, []).append(slug)
        self.moments: Moments = moments()
        self.rows = sorted(self._rows(), key=self._order)
        self._judge()

    @cached_property
    def current(self) -> list[Row]:
        """The rules that are not archived."""
        return [row for row in self.rows if not row.rule.archived_at]

    @property
    def on(self) -> int:
        """How many rules are on."""
        return sum(row.on for row in self.current)

    @property
    def off(self) -> int:
        """How many rules are off."""
        return sum(row.switchable and not row.on for row in self.current)

    @property
    def drafts(self) -> int:
        """How many rules are drafts so far, neither on nor off."""
        return sum(not row.switchable for row in self.current)

    @cached_property
    def stale(self) -> bool:
        """Whether some figure is missing or out of date."""
        return any(row.outdated for row in self.current)

    @cached_property
    def counted_at(self) -> datetime | None:
        """When the oldest of the figures shown was counted; None while there are none."""
        return min((row.count.as_of for row in self.current if row.count), default=None)

    @property
    def counted_ago(self) -> str:
        """How long ago that was, in words."""
        if self.counted_at is None:
            return "never"
        age = timezone.now() - self.counted_at
        return "just now" if age < timedelta(minutes=1) else f"{age_words(age)} ago"

    @cached_property
    def models(self) -> list[tuple[str, str]]:
        """The lifecycle models that rules are of, with their labels, in order."""
        labels = {row.version.lifecycle_model_id: row.model_label for row in self.rows}
        return sorted(labels.items(), key=lambda item: item[1])

    def from_tiers(self, model: str) -> list[tuple[str, str]]:
        """Return the from tiers of the rules, of one model or of all, with their labels, in order."""
        rows = [row for row in self.rows if not model or row.version.lifecycle_model_id == model]
        found: dict[str, str] = {}
        for row in rows:
            slug = row.version.from_tier
            tier = self._tiers.get((row.version.lifecycle_model_id, slug))
            found.setdefault(slug, f"{tier.emoji} {tier.label}".strip() if tier else slug)
        return list(found.items())

    def finish(self, rows: Sequence[Row]) -> None:
        """Add the figures of rules that are about to be shown, and whether their version is but a switch."""
        counted = counted_lately("advanced-recently", _advanced_recently)
        switched = switches(row.version for row in rows)
        for row in rows:
            row.recently = counted.get(row.slug, 0)
            row.switched = row.version.pk in switched

    def _rows(self) -> Iterator[Row]:
        events = AdvancementEvent.objects.filter(rule_id=OuterRef("pk"))
        rules = AdvancementRule.objects.select_related(
            "active_version__count", "draft_version__count"
        ).annotate(ever=Exists(events))
        shown = [(rule, rule.active_version or rule.draft_version) for rule in rules]
        prefetch_related_objects([version for _, version in shown if version], "criteria")
        labels = {model: tier.lifecycle_model.label for (model, _), tier in self._tiers.items()}
        for rule, version in shown:
            if version:
                definition, model = version.definition, version.lifecycle_model_id
                problems = check_rule(definition, self._ladders)
                yield Row(rule, version, definition, problems, model_label=labels.get(model, model))

    def _order(self, row: Row) -> tuple[str, int, int, str]:
        version = row.version
        tier = self._tiers.get((version.lifecycle_model_id, version.from_tier))
        return (version.lifecycle_model_id, tier.position if tier else 1 << 15, version.priority, row.slug)

    def _judge(self) -> None:
        """Compare the rules in use with each other, with the health of the signals and with the last run."""
        used = [row for row in self.current if row.on and not row.invalid]
        definitions = [row.definition for row in used]
        shadowed = {problem.rule: problem for problem in check_rule_set(definitions)}
        stopped = stopped_rules(definitions, timezone.now()) if definitions else {}
        titles = {row.slug: (row.definition.order, row.version.title) for row in used}
        for row in used:
            row.shadowed, row.stopped = shadowed.get(row.slug), stopped.get(row.slug, "")
            activated = row.rule.activated_at or row.version.created_at
            row.changed_since_run = bool(self.moments.planned and activated > self.moments.planned)
        countable = [row for row in self.current if row.countable]
        old = outdated(
            (row.version for row in countable), self.moments.changed, count_sprouts(), timezone.now()
        )
        for row in countable:
            row.outdated = (row.version.lifecycle_model_id, row.version.from_tier) in old
            row.overlaps = list(_overlaps(row, titles))


def _overlaps(row: Row, used: Mapping[str, tuple[tuple[int, str], str]]) -> Iterator[tuple[str, int]]:
    """Yield the title of each earlier rule in use that some of a rule's matches also meet, with how many."""
    for line in row.count.overlaps if row.count else ():
        found = used.get(line["rule"])
        if found and found[0] < row.definition.order:
            yield found[1], line["count"]


def _advanced_recently() -> dict[str, int]:
    """Return how many advancements each rule has made of late."""
    events = AdvancementEvent.objects.filter(
        timestamp__gte=timezone.now() - RECENTLY, event_type=AdvancementEventType.AUTO_ADVANCEMENT
    )
    return dict(events.order_by().values_list("rule_id").annotate(count=Count("pk")))
