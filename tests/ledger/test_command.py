"""`manage.py verify_ledger` for people, for programs, and for a head that was kept."""

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from advancement.models import AdvancementEvent, Seal, Sprout
from tests.ledger.conftest import Grove, past_the_triggers

pytestmark = pytest.mark.django_db


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    call_command("verify_ledger", *arguments)
    return capsys.readouterr().out


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(printed(capsys, "--json", *arguments))


def test_a_sound_ledger_is_a_table_and_ends_with_the_head(
    grove: Grove, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(capsys).splitlines()
    assert " ".join(lines[2].split()) == "Each sprout is in the tier that its events lead to │ 3 │ –"
    assert lines[-1] == f"Head of the seals, to be kept elsewhere: 1:{Seal.objects.get().hash}"


def test_an_empty_one_says_that_there_are_no_seals(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys).splitlines()[-1] == "There are no seals yet."
    assert answer(capsys)["head"] == {"seal": 0, "hash": "0" * 64}


def test_findings_are_listed_and_the_command_fails(grove: Grove, capsys: pytest.CaptureFixture[str]) -> None:
    Sprout.objects.filter(pk=grove.stayed.pk).update(tier="tree\x1b[0m")
    with pytest.raises(CommandError, match=r"^The ledger does not hold: 1 finding\.$"):
        printed(capsys)
    out = capsys.readouterr().out
    assert "Each sprout is in the tier that its events lead to? Not here:" in out
    assert f"  The sprout {grove.stayed.pk} is in tree\\x1b[0m, but has no events and began in sprout." in out


def test_as_json_it_is_one_object(grove: Grove, capsys: pytest.CaptureFixture[str]) -> None:
    head = {"seal": 1, "hash": Seal.objects.get().hash}
    found = answer(capsys)
    assert (found["ok"], found["head"], found["expected_head"]) == (True, head, None)
    assert found["checks"][0] == {"check": "tiers", "checked": 3, "found": 0, "findings": []}
    Sprout.objects.filter(pk=grove.stayed.pk).update(tier="tree")
    with pytest.raises(CommandError):
        answer(capsys)
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert (found["checks"][0]["found"], len(found["checks"][0]["findings"])) == (1, 1)


def test_a_kept_head_is_confirmed(grove: Grove, capsys: pytest.CaptureFixture[str]) -> None:
    head = Seal.objects.get()
    assert "The chain still has the head that was kept, of seal 1." in printed(capsys, "--head", str(head))
    expected = {"seal": 1, "hash": head.hash, "ok": True, "finding": None}
    assert answer(capsys, "--head", str(head).upper())["expected_head"] == expected


def test_a_kept_head_that_is_not_in_the_chain_fails_the_command(
    grove: Grove, capsys: pytest.CaptureFixture[str]
) -> None:
    for head, fault in (
        (f"1:{'f' * 64}", "Seal 1 has another hash than the one that was kept: the chain was rewritten."),
        (f"5:{'f' * 64}", "There is no seal 5, though its hash was kept: the chain ends before it."),
    ):
        with pytest.raises(CommandError, match="1 finding"):
            printed(capsys, "--head", head)
        assert fault in capsys.readouterr().out
        with pytest.raises(CommandError):
            answer(capsys, "--head", head)
        found = json.loads(capsys.readouterr().out)
        assert (found["ok"], found["expected_head"]["ok"]) == (False, False)
        assert found["expected_head"]["finding"] == fault


@pytest.mark.parametrize("head", ["1", "1:abc", f"x:{'f' * 64}", f"-1:{'f' * 64}", ""])
def test_what_is_no_head_is_wrong_usage(head: str) -> None:
    with pytest.raises(CommandError, match="is not a head; give one as verify_ledger prints it"):
        call_command("verify_ledger", f"--head={head}")


def test_it_writes_nothing(grove: Grove, capsys: pytest.CaptureFixture[str]) -> None:
    with past_the_triggers():
        Seal.objects.all().delete()
    before = list(AdvancementEvent.objects.values())
    printed(capsys)
    assert not Seal.objects.exists()
    assert list(AdvancementEvent.objects.values()) == before
