"""manage.py import_rules: who did it is kept, and what is refused is named."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from advancement.management.base import system_user
from advancement.models import AdvancementRule, RuleVersion

pytestmark = pytest.mark.django_db

A_RULE: dict[str, Any] = {
    "id": "a-rule",
    "title": "A rule",
    "lifecycleModelId": "botanical",
    "fromTier": "sprout",
    "toTier": "sapling",
    "isEnabled": True,
    "criteria": [{"signal": "citations", "operator": ">=", "threshold": 3}],
}


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Any:
    def pipe(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    return pipe


def test_a_version_knows_who_imported_it(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text(json.dumps([A_RULE]))
    call_command("import_rules", str(file))
    assert RuleVersion.objects.get().created_by == system_user()


@pytest.mark.parametrize("text", ["[{]", "[{}]", json.dumps([A_RULE | {"toTier": "seed"}])])
def test_what_is_wrong_on_standard_input_is_named_and_nothing_is_kept(piped: Any, text: str) -> None:
    piped(text)
    with pytest.raises(CommandError) as refusal:
        call_command("import_rules", "-")
    assert str(refusal.value).splitlines()[-1] == "Nothing of stdin was kept."
    assert not AdvancementRule.objects.exists()


def test_a_fault_of_standard_input_as_a_whole_names_it(piped: Any) -> None:
    piped("PK\x03\x04")
    with pytest.raises(CommandError, match=r"^stdin: "):
        call_command("import_rules", "-")
