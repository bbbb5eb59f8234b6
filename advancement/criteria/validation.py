"""Judge rules: what is refused, what cannot be enabled, and what deserves a warning."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, Literal

from advancement.criteria.intervals import Box, boxes_of, finite, implies, interval_of, key_of
from advancement.criteria.rules import CriterionDefinition, Lifecycles, Logic, Operator, RuleDefinition
from advancement.criteria.sentences import criterion_sentence, signal_words
from advancement.criteria.signals import SIGNALS, Period, Signal
from advancement.criteria.slugs import MAX_SLUG_LENGTH, SLUG_WORDS, is_slug
from advancement.criteria.texts import written
from advancement.criteria.wording import advice, format_number, quoted, storage_obstacle

MAX_TITLE_LENGTH: Final = 200
MAX_PRIORITY: Final = 32_767
# As many as the database's integer columns hold.
MAX_MOVES: Final = 2_147_483_647
# Keeps the SQL of a rule far below SQLite's limit on the depth of an expression.
MAX_CRITERIA: Final = 100

Blocks = Literal["saving", "enabling", "nothing"]


@dataclass(frozen=True)
class Problem:
    """What is wrong with a rule, in a sentence that names the rule, the place and the remedy.

    `blocks` says what it prevents: "saving" refuses the rule either way, "enabling" lets it be kept
    disabled, "nothing" is a warning. `field` is where a form shows it, such as
    `criteria.1.threshold`, counted from zero.
    """

    code: str
    rule: str
    message: str
    field: str | None = None
    blocks: Blocks = "saving"


def check_rule(rule: RuleDefinition, lifecycles: Lifecycles) -> list[Problem]:
    """Return all that is wrong with one rule by itself, whether or not it is enabled."""
    problems = [*_check_texts(rule), *_check_settings(rule), *_check_tiers(rule, lifecycles)]
    for index in range(len(rule.criteria)):
        problems += _check_criterion(rule, index)
    return [*problems, *_check_repeated(rule), *_check_meetable(rule)]


def split_by_validity(
    rules: Iterable[RuleDefinition], lifecycles: Lifecycles
) -> tuple[list[RuleDefinition], dict[str, str]]:
    """Return the rules that a run can use, in their order, and the reason of each other one by slug."""
    usable: list[RuleDefinition] = []
    reasons: dict[str, str] = {}
    for rule in rules:
        stops = [unnamed(problem) for problem in check_rule(rule, lifecycles) if problem.blocks != "nothing"]
        if stops:
            reasons[rule.slug] = " ".join(stops)
        else:
            usable.append(rule)
    return usable, reasons


def unnamed(problem: Problem) -> str:
    """Return a problem's sentence for a place where the rule is named already."""
    sentence = problem.message.removeprefix(f"Rule {quoted(problem.rule)}: ")
    return sentence[:1].upper() + sentence[1:]


def _problem(
    code: str, rule: RuleDefinition, message: str, field: str | None = None, blocks: Blocks = "saving"
) -> Problem:
    return Problem(code, rule.slug, f"Rule {quoted(rule.slug)}: {message}", field, blocks)


# Pages beside those of the rules, which their addresses would hide.
RESERVED_SLUGS: Final = frozenset({"count", "export", "import", "new", "preview"})


def _check_texts(rule: RuleDefinition) -> Iterator[Problem]:
    if not is_slug(rule.slug):
        requirement = f"1 to {MAX_SLUG_LENGTH} {SLUG_WORDS}"
        yield _problem("bad-slug", rule, f"its id must consist of {requirement}; choose another.", "slug")
    if rule.slug in RESERVED_SLUGS:
        message = "its id is the address of a page of the console; choose another."
        yield _problem("reserved-slug", rule, message, "slug")
    if not written(rule.title):
        yield _problem("no-title", rule, "it has no title; give it one.", "title")
    elif len(rule.title) > MAX_TITLE_LENGTH:
        message = f"its title has more than {MAX_TITLE_LENGTH} characters; shorten it."
        yield _problem("long-title", rule, message, "title")
    for field, text in (("title", rule.title), ("description", rule.description)):
        if obstacle := storage_obstacle(text):
            message = f"its {field} contains {obstacle}; remove that."
            yield _problem("unstorable-text", rule, message, field)


def _check_settings(rule: RuleDefinition) -> Iterator[Problem]:
    if not 0 <= rule.priority <= MAX_PRIORITY:
        message = f"its priority must be a whole number from 0 to {format_number(MAX_PRIORITY)}; change it."
        yield _problem("bad-priority", rule, message, "priority")
    if rule.max_moves is not None and not 1 <= rule.max_moves <= MAX_MOVES:
        message = (
            f"its guardrail must be a whole number from 1 to {format_number(MAX_MOVES)}; "
            "change it, or leave it out."
        )
        yield _problem("bad-guardrail", rule, message, "max_moves")
    if rule.logic not in list(Logic):
        message = f"the logic operator {quoted(rule.logic)} is unknown; {advice(rule.logic, Logic)}"
        yield _problem("unknown-logic", rule, message, "logic")
    if not rule.criteria:
        message = "it has no criteria, so nothing could ever meet it; add at least one."
        yield _problem("no-criteria", rule, message, "criteria")
    if len(rule.criteria) > MAX_CRITERIA:
        message = f"it has more than {MAX_CRITERIA} criteria; split it into several rules."
        yield _problem("too-many-criteria", rule, message, "criteria")


def _check_tiers(rule: RuleDefinition, lifecycles: Lifecycles) -> Iterator[Problem]:
    tiers = lifecycles.get(rule.lifecycle_model)
    if tiers is None:
        remedy = advice(rule.lifecycle_model, lifecycles)
        message = f"the lifecycle model {quoted(rule.lifecycle_model)} is unknown; {remedy}"
        if not rule.lifecycle_model:
            message = "no lifecycle model is chosen; a rule needs one."
        yield _problem("unknown-model", rule, message, "lifecycle_model")
        return
    known = True
    for field, tier in (("from_tier", rule.from_tier), ("to_tier", rule.to_tier)):
        if tier not in tiers:
            known = False
            what = f"the {field.replace('_', ' ')} {quoted(tier)}"
            model = quoted(rule.lifecycle_model)
            message = f"{what} is unknown to the lifecycle model {model}; {advice(tier, tiers)}"
            yield _problem("unknown-tier", rule, message, field)
    if known:
        yield from _check_direction(rule, tiers)


def _check_direction(rule: RuleDefinition, tiers: Sequence[str]) -> Iterator[Problem]:
    if rule.from_tier == rule.to_tier:
        message = f"it moves from {quoted(rule.from_tier)} to the same tier; choose a later one."
        yield _problem("same-tier", rule, message, "to_tier")
    elif tiers.index(rule.to_tier) < tiers.index(rule.from_tier):
        step = f"from {quoted(rule.from_tier)} back to {quoted(rule.to_tier)}"
        message = f"it moves {step}, but rules only move forward; choose a later tier."
        yield _problem("backward-move", rule, message, "to_tier")


def _check_criterion(rule: RuleDefinition, index: int) -> Iterator[Problem]:
    criterion = rule.criteria[index]
    names: tuple[tuple[str, str, Collection[str]], ...] = (
        ("signal", criterion.signal, SIGNALS),
        ("operator", criterion.operator, list(Operator)),
        ("period", criterion.period, list(Period)),
    )
    for field, name, valid in names:
        if name not in valid:
            message = f"criterion {index + 1} has the unknown {field} {quoted(name)}; {advice(name, valid)}"
            yield _problem(f"unknown-{field}", rule, message, f"criteria.{index}.{field}")
    if fault := _threshold_fault(criterion):
        code, what = fault
        message = f"the threshold of criterion {index + 1} {what}."
        yield _problem(code, rule, message, f"criteria.{index}.threshold")


def _threshold_fault(criterion: CriterionDefinition) -> tuple[str, str] | None:
    threshold = finite(criterion.threshold)
    if threshold is None:
        return "non-finite-threshold", "is not a finite number; give it a number"
    signal = SIGNALS.get(criterion.signal)
    if signal is None or signal.low <= threshold <= signal.high:
        return None
    given = f"is {format_number(threshold)}, outside the range of {signal_words(signal.name)}"
    return "threshold-out-of-range", f"{given}; choose one from {_range_words(signal)}"


def _range_words(signal: Signal) -> str:
    return f"{format_number(signal.low)} to {format_number(signal.high)}"


def _check_repeated(rule: RuleDefinition) -> Iterator[Problem]:
    first_at: dict[object, int] = {}
    for index, criterion in enumerate(rule.criteria):
        first = first_at.setdefault(_identity(criterion), index)
        if first != index:
            message = f"criterion {index + 1} says the same as criterion {first + 1}; remove one of them."
            yield _problem("repeated-criterion", rule, message, f"criteria.{index}", "nothing")


def _identity(criterion: CriterionDefinition) -> object:
    # Equal for criteria that say the same; numbers compare as doubles.
    return (key_of(criterion), criterion.operator, finite(criterion.threshold))


def _check_meetable(rule: RuleDefinition) -> Iterator[Problem]:
    impossible = {i: reason for i, c in enumerate(rule.criteria) if (reason := _why_impossible(c))}
    blocks: Blocks = "enabling"
    if rule.logic != Logic.ALL and len(impossible) < len(rule.criteria):
        blocks = "nothing"
    for index, reason in impossible.items():
        place = f"criterion {index + 1} ({criterion_sentence(rule.criteria[index])})"
        message = f"{place} can never be met, because {reason}; change its operator or threshold."
        yield _problem("unmeetable", rule, message, f"criteria.{index}", blocks)
    if rule.logic == Logic.ALL:
        yield from _check_contradictions(rule)


def _why_impossible(criterion: CriterionDefinition) -> str | None:
    interval = interval_of(criterion)
    if interval is None or not interval.empty or _threshold_fault(criterion):
        return None
    signal = SIGNALS[criterion.signal]
    name = signal_words(signal.name)
    if signal.integral and not float(criterion.threshold).is_integer():
        return f"{name} is always a whole number"
    return f"{name} is never outside {_range_words(signal)}"


def _check_contradictions(rule: RuleDefinition) -> Iterator[Problem]:
    # Intervals that meet pair by pair have a value in common, so looking at pairs misses nothing.
    meetable = [
        (index, key_of(criterion), interval)
        for index, criterion in enumerate(rule.criteria)
        if (interval := interval_of(criterion)) and not interval.empty
    ]
    reported: set[tuple[str, str]] = set()
    for (first, key, one), (second, other_key, other) in combinations(meetable, 2):
        if key != other_key or key in reported or not (one & other).empty:
            continue
        reported.add(key)
        what = f"criterion {first + 1} ({criterion_sentence(rule.criteria[first])})"
        that = f"criterion {second + 1} ({criterion_sentence(rule.criteria[second])})"
        message = f"{what} and {that} can never be met together; change or remove one of them."
        yield _problem("contradiction", rule, message, f"criteria.{second}", "enabling")


@dataclass(frozen=True)
class _Competitor:
    """A rule with what it takes to compare it with others."""

    rule: RuleDefinition
    content: object
    boxes: list[Box] | None


def check_rule_set(rules: Sequence[RuleDefinition]) -> list[Problem]:
    """Return a warning for each enabled rule that can never win, and the earlier rule that is why.

    Rules compete when they share lifecycle model and from tier, in order of priority, then slug. A
    rule is named once: as a duplicate, or as shadowed when whatever meets it also meets one earlier
    rule. No shadowing is claimed of or by a rule with unknown names or that nothing can meet. Pass
    rules that are valid otherwise, since a run leaves out those that are not.
    """
    competitors: dict[tuple[str, str], list[_Competitor]] = defaultdict(list)
    problems: list[Problem] = []
    for rule in sorted((rule for rule in rules if rule.enabled), key=lambda rule: rule.order):
        competitor = _Competitor(rule, _content(rule), boxes_of(rule))
        earlier = competitors[rule.lifecycle_model, rule.from_tier]
        problems += _compare(competitor, earlier)
        earlier.append(competitor)
    return problems


def _content(rule: RuleDefinition) -> object:
    return rule.to_tier, rule.logic, frozenset(map(_identity, rule.criteria))


def _compare(later: _Competitor, earlier: Sequence[_Competitor]) -> Iterator[Problem]:
    for other in earlier:
        if other.content == later.content:
            message = (
                f"it says exactly the same as rule {quoted(other.rule.slug)}; delete or disable one of them."
            )
            yield _problem("duplicate-rule", later.rule, message, blocks="nothing")
            return
    for other in earlier:
        if implies(later.boxes or (), other.boxes or ()):
            yield _problem("shadowed-rule", later.rule, _shadow_message(other.rule), blocks="nothing")
            return


def _shadow_message(earlier: RuleDefinition) -> str:
    return (
        f"it can never win, because whatever meets it also meets rule {quoted(earlier.slug)}, which "
        "comes first; give it a lower priority number than that rule, or change its criteria."
    )
