"""What a rule would do, while somebody is still writing it: parts of the page, which write nothing."""

from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django_htmx.http import reswap, trigger_client_event

from advancement.criteria.changes import Fate, compare
from advancement.criteria.intervals import key_of
from advancement.criteria.rules import CriterionDefinition, RuleDefinition
from advancement.criteria.sentences import SYMBOLS
from advancement.criteria.signals import SIGNALS
from advancement.criteria.validation import check_rule_set, unnamed
from advancement.criteria.wording import format_number, percent_words
from advancement.evaluation.histogram import histogram
from advancement.evaluation.preview import MatchCount, count_matches, preview_details
from advancement.forms.choices import OPERATORS, PERIODS, Choice, suggested_slug, with_chosen
from advancement.forms.rules import CriterionEntry, Fault, Reading, RuleEntry, read_rule
from advancement.models import RuleVersion, SignalRefresh
from advancement.rights import Right
from advancement.rulebook.errors import RulesRefused
from advancement.rulebook.reading import current_rules, lifecycles
from advancement.runs.guardrails import LEAST_CANDIDATES, share_exceeded
from advancement.views.access import allows
from advancement.views.histograms import draw
from advancement.views.rule_stored import StoredRule, find_rule, with_titles


@dataclass(frozen=True)
class Row:
    """A criterion of the form with what is known of it; `alone` is how many sprouts meet it by itself."""

    index: int
    entry: CriterionEntry
    errors: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    alone: int | None = None
    in_active: str = ""

    @property
    def number(self) -> int:
        """Its number for people."""
        return self.index + 1

    @property
    def ids(self) -> dict[str, str]:
        """The ids of its fields and buttons in the page."""
        return {part: f"criterion-{self.index}-{part}" for part in ("signal", "up", "down", "remove")}

    @property
    def typed_errors(self) -> tuple[Fault, ...]:
        """The errors in what was typed; what is not typed yet is none while somebody is at it."""
        return tuple(fault for fault in self.errors if not fault.empty)

    @property
    def unknown_signal(self) -> str | None:
        """The signal that was chosen if the catalogue has none of that name."""
        return None if self.entry.signal in SIGNALS else self.entry.signal

    @property
    def operators(self) -> tuple[Choice, ...]:
        """The operators to choose from."""
        return with_chosen(OPERATORS, self.entry.operator, "unknown")

    @property
    def periods(self) -> tuple[Choice, ...]:
        """The periods to choose from."""
        return with_chosen(PERIODS, self.entry.period, "unknown")

    @property
    def description(self) -> str:
        """What its signal counts."""
        signal = SIGNALS.get(self.entry.signal)
        return signal.description if signal else ""

    @property
    def wrong(self) -> frozenset[str]:
        """Its fields that have an error."""
        return frozenset(fault.field_id.rpartition("-")[2] for fault in self.errors)


@dataclass(frozen=True)
class Subject:
    """The form that a preview is about; `suggestion` is the slug of a new rule that is given none."""

    entry: RuleEntry
    reading: Reading
    stored: StoredRule | None
    suggestion: str = ""

    @property
    def active(self) -> RuleVersion | None:
        """The version that runs use now."""
        return self.stored.active if self.stored else None

    @property
    def rows(self) -> list[Row]:
        """The criteria with their faults."""
        return rows_of(self.entry, self.reading, self.active)

    @property
    def waiting(self) -> bool:
        """Whether all that keeps it from being counted is not filled in yet."""
        return all(fault.empty for fault in self.reading.uncounted)

    @property
    def unsaved(self) -> bool:
        """Whether it says anything else than what is stored."""
        if self.stored is None:
            return True
        return bool(self.reading.errors) or self.reading.definition != self.stored.shown.definition


def subject_of(data: QueryDict) -> Subject:
    """Return the form that was sent; of a rule that is stored when it was opened with one of its versions."""
    entry = RuleEntry.from_data(data)
    return read_subject(entry, find_rule(entry.slug) if entry.based_on else None)


def read_subject(entry: RuleEntry, stored: StoredRule | None) -> Subject:
    """Return what a form means, of a new rule without a slug under the one that it would get."""
    suggestion = "" if stored else suggested_slug(entry)
    named = replace(entry, slug=entry.slug.strip() or suggestion)
    return Subject(entry, read_rule(named, lifecycles()), stored, suggestion)


def rows_of(
    entry: RuleEntry, reading: Reading, active: RuleVersion | None, alone: tuple[int, ...] = ()
) -> list[Row]:
    """Return the criteria of a form, each with its faults and with what is known of it."""
    criteria = iter(reading.definition.criteria)
    counts = iter(alone)
    faulty = {fault.row for fault in reading.errors}
    rows = []
    for index, line in enumerate(entry.criteria):
        readable = index not in faulty
        rows.append(
            Row(
                index,
                line,
                errors=tuple(fault for fault in reading.errors if fault.row == index),
                warnings=tuple(fault for fault in reading.warnings if fault.row == index),
                alone=next(counts, None) if readable else None,
                in_active=_in_active(next(criteria), active) if readable and active else "",
            )
        )
    return rows


def _in_active(criterion: CriterionDefinition, active: RuleVersion) -> str:
    """Say what the active version asks of the same signal and period, where it is something else."""
    same = [c for c in active.definition.criteria if key_of(c) == key_of(criterion)]
    if same == [criterion]:
        return ""
    asks = " and ".join(f"{SYMBOLS[c.operator]}\u00a0{format_number(c.threshold)}" for c in same)
    return f"Version {active.number}: {asks or 'not in the rule'}."


def count_context(subject: Subject) -> dict[str, Any]:
    """Count what a rule would match; `count` is None where that cannot be said."""
    context: dict[str, Any] = {"subject": subject, "count": None, "max_share": max_share()}
    context["refresh"] = _refresh_behind(subject.reading.definition)
    if subject.reading.uncounted:
        return context
    started = perf_counter()
    try:
        count = count_matches(subject.reading.definition)
    except RulesRefused:  # A tier or model went away since it was read.
        return context
    took = round(1000 * (perf_counter() - started))
    return context | {"count": count, "took": took, **guardrails(subject.reading.definition, count)}


def _refresh_behind(definition: RuleDefinition) -> SignalRefresh | None:
    return SignalRefresh.objects.behind({criterion.period for criterion in definition.criteria})


def max_share() -> str:
    """Return the share above which the guardrail holds a run, empty when it is off."""
    share = settings.ADVANCEMENT_MAX_SHARE
    return percent_words(share) if share < 1 else ""


def guardrails(definition: RuleDefinition, count: MatchCount) -> dict[str, bool]:
    """Say which guardrails would hold a run that moves all matches of a rule that it may move."""
    most = settings.ADVANCEMENT_MAX_MOVES
    return {
        "share_applies": count.candidates >= LEAST_CANDIDATES,
        "over_share": share_exceeded(count.movable, count.candidates),
        "over_moves": most is not None and count.movable > most,
        "over_own": definition.max_moves is not None and count.movable > definition.max_moves,
    }


def details_context(subject: Subject, *, exact: bool = False) -> dict[str, Any]:
    """Say in detail what a rule would do; `details` is None where that cannot be said.

    `exact` figures may take seconds in a large grove, see `preview_details`.
    """
    context: dict[str, Any] = {"subject": subject, "details": None}
    if subject.reading.uncounted:
        return context
    try:
        details = preview_details(subject.reading.definition, active=subject.active, exact=exact)
    except RulesRefused:
        return context
    return context | {
        "details": details,
        "refresh": _refresh_behind(subject.reading.definition),
        "rows": rows_of(subject.entry, subject.reading, subject.active, details.alone),
        "first": with_titles(details.also_earlier),
        "set_warnings": set_warnings(subject.reading.definition),
    }


def set_warnings(definition: RuleDefinition) -> list[str]:
    """Say which rules could never win, were this one on as it stands, and could before."""
    others = [rule for rule in current_rules() if rule.slug != definition.slug]
    known = {problem.message for problem in check_rule_set(others)}
    found = check_rule_set([*others, replace(definition, enabled=True)])
    return [
        unnamed(problem) if problem.rule == definition.slug else problem.message
        for problem in found
        if problem.message not in known
    ]


def chart_context(subject: Subject, index: str) -> dict[str, Any]:
    """Draw the values of one criterion's signal; `chart` is None where that cannot be done."""
    context: dict[str, Any] = {"subject": subject, "chart": None, "charted": 0}
    criteria = subject.reading.definition.criteria
    if subject.reading.uncounted or not criteria:
        return context
    number = int(index) if index.isascii() and index.isdigit() and len(index) < 4 else 0
    number = min(number, len(criteria) - 1)
    try:
        chart = draw(histogram(subject.reading.definition, number))
    except RulesRefused:
        return context
    return context | {"chart": chart, "charted": number}


def removed_criteria(subject: Subject) -> list[str]:
    """Return the criteria of the active version that the form no longer has, in words."""
    if subject.active is None:
        return []
    changes = compare(subject.active.definition, subject.reading.definition)
    return [change.text for change in changes.criteria if change.fate is Fate.REMOVED]


@allows(GET=Right.VIEW_RULES, POST=Right.VIEW_RULES)
def count(request: HttpRequest) -> HttpResponse:
    """Answer with the sentence and how many sprouts would match; keep the last count while it is invalid."""
    data = request.POST if request.method == "POST" else request.GET
    subject = subject_of(data)
    context = count_context(subject) | {
        "live": True,
        "strict": "refused" in data,
        "looking": "looking" in data,
        "rows": subject.rows,
        "removed": removed_criteria(subject),
    }
    if subject.suggestion:
        context["slug_suggestion"] = subject.suggestion
    response = render(request, "console/rule_editor/count_answer.html", context)
    if context["count"] is None:
        return reswap(response, "none")
    return trigger_client_event(response, "rule-counted", after="settle")


@allows(GET=Right.VIEW_RULES, POST=Right.VIEW_RULES)
def details(request: HttpRequest) -> HttpResponse:
    """Answer with what the rule would do, criterion by criterion and sprout by sprout.

    Figures from a sample are followed by exact ones, which are asked for when nobody types for a moment.
    """
    data = request.POST if request.method == "POST" else request.GET
    exact = request.method == "POST" and "exact" in data
    subject = subject_of(data)
    context = details_context(subject, exact=exact) | {
        "live": True,
        "exact": exact,
        "looking": "looking" in data,
    }
    found = context["details"]
    if found is None:
        return reswap(render(request, "console/rule_editor/details_answer.html", context), "none")
    if exact:
        context |= {"count": found.count, "max_share": max_share()}
        context |= guardrails(subject.reading.definition, found.count)
    response = render(request, "console/rule_editor/details_answer.html", context)
    return trigger_client_event(response, "rule-exact", after="settle") if exact else response


@allows(GET=Right.VIEW_RULES, POST=Right.VIEW_RULES)
def chart(request: HttpRequest) -> HttpResponse:
    """Answer with the histogram of one criterion's signal, and how many would match at other thresholds."""
    data = request.POST if request.method == "POST" else request.GET
    context = chart_context(subject_of(data), data.get("chart", ""))
    response = render(request, "console/rule_editor/chart.html", context)
    return reswap(response, "none") if context["chart"] is None else response
