"""Rules come back from JSON as they went in, and anything else is refused with its place."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advancement.criteria.rule_json import RuleFileError, rules_from_json, rules_to_json
from advancement.criteria.rules import CriterionDefinition, Logic, Operator, RuleDefinition
from advancement.criteria.signals import SIGNALS, Period
from tests.criteria.cast import make_rule

ITEM: dict[str, Any] = {
    "id": "a-rule",
    "title": "A rule",
    "lifecycleModelId": "botanical",
    "fromTier": "sprout",
    "toTier": "sapling",
    "isEnabled": True,
    "criteria": [{"signal": "citations", "operator": ">=", "threshold": 3}],
}
TEXT = json.dumps([ITEM])


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(RuleFileError) as refused:
        rules_from_json(text)
    return refused.value.problems


def with_threshold(literal: str) -> str:
    return TEXT.replace('"threshold": 3', f'"threshold": {literal}')


def test_what_may_be_missing_has_its_default() -> None:
    [rule] = rules_from_json(json.dumps([{key: ITEM[key] for key in ITEM if key != "isEnabled"}]))
    assert rule == make_rule("citations >= 3", enabled=False)


def test_a_byte_order_mark_and_surrounding_space_are_ignored() -> None:
    assert rules_from_json(f"\ufeff\n{TEXT}\n") == rules_from_json(TEXT)


def test_it_writes_keys_in_order_and_whole_numbers_without_a_point() -> None:
    written = rules_to_json([make_rule("citations >= 3", "queryDiversity > 0.25 last_7d", title="Né 🌱")])
    assert written.startswith('[\n  {\n    "id": "a-rule",\n    "title": "Né 🌱",\n    "description": "",\n')
    assert written.endswith("\n]\n")
    assert '"threshold": 3,' in written
    [item] = json.loads(written)
    assert list(item) == [
        "id",
        "title",
        "description",
        "lifecycleModelId",
        "fromTier",
        "toTier",
        "logicOperator",
        "isEnabled",
        "priority",
        "criteria",
    ]
    assert list(item["criteria"][0]) == ["signal", "operator", "threshold", "period"]


def test_a_threshold_that_is_not_finite_is_not_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        rules_to_json([make_rule("citations >= nan")])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "The file is empty; it must hold a JSON list of rules."),
        (
            "[\n  {,}]",
            "The file is not JSON: Expecting property name enclosed in double quotes at line 2, column 4.",
        ),
        ("{}", "The file must hold a JSON list of rules, but it holds an object."),
        ("null", "The file must hold a JSON list of rules, but it holds null."),
        ("[3]", "Rule 1 must be an object, but it is a number."),
        ("[" * 100_000, "The file is nested too deeply to be a list of rules."),
        ("[" * 100_000 + "]" * 100_000, "The file is nested too deeply to be a list of rules."),
    ],
)
def test_a_file_that_is_no_list_of_rules_is_refused(text: str, problem: str) -> None:
    assert problems_of(text) == (problem,)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "x"}, 'Rule 1 ("a-rule") has unknown key "name".'),
        ({"title": None}, 'Rule 1 ("a-rule"), key "title" must be a text, but it is null.'),
        ({"id": 7}, 'Rule 1, key "id" must be a text, but it is a number.'),
        ({"isEnabled": 1}, 'Rule 1 ("a-rule"), key "isEnabled" must be true or false, but it is a number.'),
        ({"priority": True}, 'Rule 1 ("a-rule"), key "priority" must be a whole number, but it is true.'),
        (
            {"maxMoves": "3"},
            'Rule 1 ("a-rule"), key "maxMoves" must be a whole number, but it is the text "3".',
        ),
        ({"priority": 1.5}, 'Rule 1 ("a-rule"), key "priority" must be a whole number, but it is a number.'),
        ({"criteria": {}}, 'Rule 1 ("a-rule"), key "criteria" must be a list, but it is an object.'),
        ({"criteria": [[]]}, 'Rule 1 ("a-rule"), criterion 1 must be an object, but it is a list.'),
        (
            {"criteria": [{"signal": "views"}]},
            'Rule 1 ("a-rule"), criterion 1 lacks keys "operator" and "threshold".',
        ),
        ({"title": "a\0b"}, 'Rule 1 ("a-rule"), key "title" contains a NUL character.'),
        (
            {"description": "\ud800"},
            (
                'Rule 1 ("a-rule"), key "description" '
                "contains half of a surrogate pair, which UTF-8 cannot hold."
            ),
        ),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(changes: dict[str, Any], problem: str) -> None:
    assert problems_of(json.dumps([ITEM | changes])) == (problem,)


@pytest.mark.parametrize(
    "literal",
    ["true", "null", '"3"', "NaN", "-Infinity", "1e999", "-1e999", "9" * 400, "9" * 5000],
    ids=lambda literal: literal[:9],
)
def test_a_threshold_that_is_no_usable_number_is_refused(literal: str) -> None:
    [problem] = problems_of(with_threshold(literal))
    assert problem.startswith('Rule 1 ("a-rule"), criterion 1, key "threshold" ')


def test_a_priority_too_long_to_parse_is_refused() -> None:
    [problem] = problems_of(TEXT.replace('"id"', f'"priority": {"9" * 5000}, "id"'))
    assert '"priority" is too large' in problem


def test_a_key_given_twice_is_refused() -> None:
    [problem] = problems_of(TEXT.replace('"id"', '"title": "Other", "id"'))
    assert problem == 'Rule 1 ("a-rule") repeats key "title".'


def test_an_id_given_twice_is_refused() -> None:
    [problem] = problems_of(json.dumps([ITEM, ITEM]))
    assert problem == 'Rule 2 has the same id as rule 1, "a-rule"; rename one.'


def test_all_problems_are_found_at_once() -> None:
    broken = [ITEM | {"id": "b", "title": 3, "isEnabled": "yes"}, 4, ITEM | {"criteria": [5]}]
    assert len(problems_of(json.dumps(broken))) == 4


def test_the_text_of_the_error_stays_short_and_printable() -> None:
    with pytest.raises(RuleFileError) as refused:
        rules_from_json(json.dumps([{"\u202e\ud800" * 5000: 1}] * 1000))
    lines = str(refused.value).splitlines()
    assert lines[-1] == "There are 1,980 more problems."
    assert all(line.isprintable() and len(line) < 300 for line in lines)


def test_of_very_many_unknown_keys_some_are_listed() -> None:
    [problem] = problems_of(json.dumps([ITEM | {str(number): 1 for number in range(1010)}]))
    assert problem.endswith('"8", "9" and 1,000 more.')


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
criteria = st.builds(
    CriterionDefinition,
    signal=st.sampled_from(list(SIGNALS)),
    operator=st.sampled_from(list(Operator)),
    threshold=st.floats(allow_nan=False, allow_infinity=False),
    period=st.sampled_from(list(Period)),
)
any_rule = st.builds(
    RuleDefinition,
    slug=st.text("abc-_1", min_size=1, max_size=20),
    title=texts,
    lifecycle_model=texts,
    from_tier=texts,
    to_tier=texts,
    criteria=st.lists(criteria, max_size=3).map(tuple),
    description=texts,
    logic=st.sampled_from(list(Logic)),
    enabled=st.booleans(),
    priority=st.integers(0, 32_767),
    max_moves=st.none() | st.integers(1, 10_000),
)


@given(st.lists(any_rule, max_size=4, unique_by=lambda rule: rule.slug))
def test_rules_come_back_as_they_went_in(rules: list[RuleDefinition]) -> None:
    assert rules_from_json(rules_to_json(rules)) == rules


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(list(ITEM)) | st.text(), inner),
)


@given(json_values)
def test_whatever_json_holds_it_is_read_or_refused(value: object) -> None:
    with suppress(RuleFileError):
        rules_from_json(json.dumps(value))
