"""Whatever happened before, a rollback does what a plain stack of moves says."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from advancement.models import AdvancementEvent, Run, Sprout
from tests.criteria.cast import make_rule
from tests.factories import CREATED, add_rules, finished_run, make_sprout
from tests.rollback.cast import buckets, override, rollback, tier

TIERS = ("sprout", "sapling", "tree", "grove")
RULES = (
    make_rule("citations >= 1", slug="one"),
    make_rule("citations >= 2", slug="two", from_tier="sapling", to_tier="tree"),
    make_rule("citations >= 3", slug="three", from_tier="tree", to_tier="grove"),
)

actions = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.sampled_from([("sprout",), ("sapling",), ("tree",), TIERS])),
        st.tuples(st.just("override"), st.integers(1, 3), st.sampled_from(TIERS)),
        st.tuples(st.just("rollback"), st.sampled_from(["one", "two", "three", ""]), st.booleans()),
        st.tuples(st.just("undo"), st.integers(0, 5)),
    ),
    min_size=2,
    max_size=12,
)


@dataclass
class Step:
    """A move that stands: what it moved from, and by which rule; None is a person."""

    former: str
    rule: str | None


@dataclass
class History:
    """What happened to one sprout, as a stack of moves."""

    sprout: Sprout
    tier: str = "sprout"
    stack: list[Step] = field(default_factory=list)
    last_run: int = 0
    taken_back: dict[int, list[tuple[Step, str]]] = field(default_factory=dict)

    def push(self, to: str, rule: str | None, run: Run) -> None:
        self.stack.append(Step(self.tier, rule))
        self.tier, self.last_run = to, run.pk

    def roll_back(self, rule: str, unwind: bool, run: Run) -> int:
        """Take back from the top, down to the lowest step that can be reached."""

        def in_scope(step: Step) -> bool:
            return step.rule is not None and (not rule or step.rule == rule)

        def passable(step: Step) -> bool:
            return in_scope(step) or (unwind and step.rule is not None)

        depth = 0
        for reached, step in enumerate(reversed(self.stack), start=1):
            if not passable(step):
                break
            if in_scope(step):
                depth = reached
        taken = []
        for _ in range(depth):
            step = self.stack.pop()
            taken.append((step, self.tier))
            self.tier = step.former
        if taken:
            self.taken_back[run.pk], self.last_run = taken, run.pk
        return depth

    def undo(self, undone: Run, run: Run) -> int:
        """Put back what a rollback took, unless anything happened since."""
        if self.last_run != undone.pk or undone.pk not in self.taken_back:
            return 0
        taken = self.taken_back[undone.pk]
        for step, to in reversed(taken):
            self.stack.append(step)
            self.tier = to
        self.last_run = run.pk
        return len(taken)


class Grove:
    """Does things to three sprouts for real, and says what the stacks expect of it."""

    def __init__(self) -> None:
        Sprout.objects.all().delete()  # those of an example that failed
        self.histories = {number: History(make_sprout(signals={"citations": number})) for number in (1, 2, 3)}
        self.rollbacks: list[Run] = []

    def run(self, from_tiers: tuple[str, ...]) -> None:
        run = finished_run(from_tiers=from_tiers)
        for citations, history in self.histories.items():
            rule = next((rule for rule in RULES if rule.from_tier == history.tier), None)
            if rule and rule.from_tier in from_tiers and citations >= rule.criteria[0].threshold:
                history.push(rule.to_tier, rule.slug, run)

    def override(self, number: int, to: str) -> None:
        history = self.histories[number]
        if history.tier != to:
            history.push(to, None, override(history.sprout, to))

    def rollback(self, rule: str, unwind: bool) -> None:
        run = rollback(rule=rule, since=None if rule else CREATED, unwind=unwind)
        self.rollbacks.append(run)
        self.expect(run, [history.roll_back(rule, unwind, run) for history in self.histories.values()])

    def undo(self, which: int) -> None:
        if self.rollbacks:
            undone = self.rollbacks[which % len(self.rollbacks)]
            run = rollback(undoes=undone.pk)
            self.expect(run, [history.undo(undone, run) for history in self.histories.values()])

    def expect(self, run: Run, reverted: list[int]) -> None:
        assert buckets(run).get("reverted", 0) == sum(reverted)

    def check(self) -> None:
        for history in self.histories.values():
            assert tier(history.sprout) == history.tier
            events = AdvancementEvent.objects.filter(sprout_id=history.sprout.pk).order_by("revision")
            assert [event.revision for event in events] == list(range(1, history.sprout.revision + 1))


@pytest.mark.django_db
@given(actions=actions)
@example(
    actions=[
        ("run", ("sprout",)),
        ("run", ("sapling",)),
        ("override", 2, "sapling"),
        ("run", ("sapling",)),
        ("rollback", "one", True),
    ]
)
@settings(max_examples=60)
def test_rollbacks_and_undos_agree_with_a_stack_of_moves(actions: list[tuple[Any, ...]]) -> None:
    add_rules(*RULES)
    grove = Grove()
    for name, *arguments in actions:
        getattr(grove, name)(*arguments)
        grove.check()
    Sprout.objects.all().delete()
