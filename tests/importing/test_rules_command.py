"""`import_rules` refuses a file as a whole with a sentence and keeps nothing of it; warnings go to stderr."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advancement.importing import rules
from advancement.models import AdvancementRule, RuleVersion
from tests.factories import add_rule
from tests.importing.conftest import run
from tests.importing.test_bad_files import FAULTS

pytestmark = pytest.mark.django_db
Write = Callable[..., str]

# A JSON list is what rules come in, and they are no table.
NO_FAULTS_OF_RULES = {"a JSON list", "CSV for events"}


def rule_item(**changes: Any) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": "b-rule",
        "title": "B",
        "description": "",
        "lifecycleModelId": "botanical",
        "fromTier": "sprout",
        "toTier": "sapling",
        "logicOperator": "AND",
        "isEnabled": True,
        "criteria": [{"signal": "citations", "operator": ">=", "threshold": 5, "period": "all_time"}],
    }
    return item | changes


def criterion(**changes: Any) -> list[dict[str, Any]]:
    return [rule_item()["criteria"][0] | changes]


def all_rules() -> list[list[Any]]:
    return [list(rows.order_by("pk").values()) for rows in (AdvancementRule.objects, RuleVersion.objects)]


def refusal(path: str) -> str:
    """Import what must be refused and return the message, after checking that no rule was touched."""
    add_rule("citations >= 3")
    before = all_rules()
    result = run("import_rules", path)
    assert (result.code, result.out) == (1, "")
    told = run("import_rules", path, "--json")
    assert (told.code, told.err) == (1, result.err)
    assert told.json == {"error": result.err}
    assert all_rules() == before
    assert "Traceback" not in result.err
    return result.err


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in NO_FAULTS_OF_RULES])
def test_it_refuses(fault: str, write: Write) -> None:
    content, words = FAULTS[fault]
    path = write(content)
    message = refusal(path)
    assert message.startswith(path)
    assert words in message
    assert message.endswith(f"Nothing of {path} was kept.")


def test_it_names_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    assert "none.json: there is no such file; check the path." in refusal(str(tmp_path / "none.json"))
    assert "this is a directory" in run("import_rules", str(tmp_path)).err


def test_it_refuses_more_than_it_can_hold(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_CHARACTERS", 1000)
    path = write("[\n" + " " * 500 + "\n" + " " * 500 + "\n]")
    assert f"{path}, line 3: there are more than 16 MiB of rules; split the file." in refusal(path)


BAD = {
    "an unknown signal": (rule_item(criteria=criterion(signal="citation")), 'did you mean "citations"?'),
    "an unknown model": (rule_item(lifecycleModelId="botanic"), '"botanic"'),
    "an unknown tier": (rule_item(toTier="saplin"), '"sapling"'),
    "a step back": (rule_item(toTier="seed"), "seed"),
    "no criteria": (rule_item(criteria=[]), "criteri"),
    "an infinite threshold": (rule_item(criteria=criterion(threshold=float("inf"))), "Infinity"),
    "a threshold of 400 digits": (rule_item(criteria=criterion(threshold=10**400)), "too large a number"),
    "a bound that nothing meets": (rule_item(criteria=criterion(operator="<", threshold=0)), "b-rule"),
    "the id of another": (rule_item(id="c-rule"), "c-rule"),
    "no title": ({k: v for k, v in rule_item().items() if k != "title"}, "title"),
    "NUL in the title": (rule_item(title="a\0b"), "NUL"),
    "text for a rule": ("b-rule", "object"),
}


@pytest.mark.parametrize("fault", BAD)
def test_one_bad_rule_refuses_the_file(fault: str, write: Write) -> None:
    item, words = BAD[fault]
    assert words in refusal(write(json.dumps([rule_item(id="c-rule", title="C"), item])))


@pytest.mark.parametrize("text", ["{", "{}", "1", "[" * 100_000, '[{"id": "a", "id": "b"}]'])
def test_what_is_no_list_of_rules_is_refused(text: str, write: Write) -> None:
    refusal(write(text))


def test_warnings_go_to_stderr_and_the_rules_are_kept(write: Write) -> None:
    path = write(json.dumps([rule_item(), rule_item(id="c-rule")]))
    result = run("import_rules", path)
    assert (result.code, result.out) == (0, "2 rules read: 2 new, 0 changed, 0 unchanged.\n")
    assert result.err.startswith("Note: ")
    assert "c-rule" in result.err
    told = run("import_rules", path, "--json")
    assert (told.json["unchanged"], told.err) == (["b-rule", "c-rule"], "")
    assert [f"Note: {warning}\n" for warning in told.json["warnings"]] == [result.err]
