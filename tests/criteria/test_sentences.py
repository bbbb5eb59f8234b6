"""Criteria and rules in words."""

import pytest

from advancement.criteria.rules import RuleDefinition
from advancement.criteria.sentences import count_words, criterion_sentence, rule_sentence
from tests.criteria.cast import criterion, make_rule


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("citations >= 3", "citations ≥ 3"),
        ("uniqueSessions < 10000", "unique sessions < 10,000"),
        ("queryDiversity <= 0.6", "query diversity ≤ 0.6"),
        ("views == 1234.5", "views = 1,234.5"),
        ("searchAppearances > 5 last_30d", "search appearances > 5 in the last 30 days"),
        ("views > 5 last_7d", "views > 5 in the last 7 days"),
        ("daysInTier >= 2.5 last_7d", "days in tier ≥ 2.5"),
        ("views => inf last_90d", "views => inf in last_90d"),
    ],
)
def test_a_criterion_reads_as_words(text: str, sentence: str) -> None:
    assert criterion_sentence(criterion(text)) == sentence


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("retrievals", 15, "15 retrievals"),
        ("retrievals", 1, "1 retrieval"),
        ("uniqueLenses", 1, "1 unique lens"),
        ("uniqueQueries", 1, "1 unique query"),
        ("searchAppearances", 0, "0 search appearances"),
        ("daysActive", 1, "1 day active"),
        ("utilityScore", 1, "1 utility score"),
        ("sightings", 1, "1 sightings"),
    ],
)
def test_a_figure_is_named_as_one_or_as_many(name: str, value: float, words: str) -> None:
    assert count_words(name, value) == words


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (make_rule("views >= 1"), "sprout → sapling when views ≥ 1"),
        (make_rule("views >= 1", logic="OR"), "sprout → sapling when views ≥ 1"),
        (make_rule("views >= 1", "citations > 2"), "sprout → sapling when views ≥ 1 and citations > 2"),
        (
            make_rule("views >= 1", "citations > 2", "upvotes > 0", logic="OR"),
            "sprout → sapling when any of views ≥ 1, citations > 2 or upvotes > 0",
        ),
        (make_rule(), "sprout → sapling never: it has no criteria"),
    ],
)
def test_a_rule_reads_as_words(rule: RuleDefinition, sentence: str) -> None:
    assert rule_sentence(rule) == sentence
