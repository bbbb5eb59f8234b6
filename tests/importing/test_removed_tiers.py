"""A tier that is removed while an import fills it, or filled while it is removed."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from advancement.importing import pipeline
from advancement.importing.sprouts import SproutImporter
from advancement.ladders import archive_model
from advancement.models import Sprout, Tier
from tests.factories import add_model
from tests.importing.conftest import NEW, SPROUT_HEADER, run

pytestmark = pytest.mark.django_db(transaction=True)
Write = Callable[..., str]

ROW = SPROUT_HEADER + f"{NEW},Oak,academic,draft,2026-01-01\n"


@pytest.fixture
def draft() -> Tier:
    add_model("academic", "draft", "paper")
    return Tier.objects.get(slug="draft")


def test_a_tier_removed_while_the_file_was_read_is_refused(
    draft: Tier, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = SproutImporter.checks

    def remove_first(self: SproutImporter, staging: Any) -> Any:
        Tier.objects.filter(pk=draft.pk).delete()
        return checks(self, staging)

    monkeypatch.setattr(SproutImporter, "checks", remove_first)
    result = run("import_sprouts", write(ROW))
    assert result.code == 1
    assert "the tier draft was removed from the lifecycle model academic" in result.err
    assert not Sprout.objects.exists()


def test_a_model_archived_while_the_file_was_read_takes_nothing_new(
    draft: Tier, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = SproutImporter.checks

    def archive_first(self: SproutImporter, staging: Any) -> Any:
        archive_model("academic")
        return checks(self, staging)

    monkeypatch.setattr(SproutImporter, "checks", archive_first)
    result = run("import_sprouts", write(ROW))
    assert result.code == 1
    assert "or that was archived, while this was read" in result.err
    assert not Sprout.objects.exists()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.parametrize("way", ["page", "list"])
def test_a_tier_that_an_import_fills_meanwhile_stays(
    draft: Tier, write: Write, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    merge, merged, go_on = SproutImporter.merge, Event(), Event()

    def merge_slowly(self: SproutImporter, staging: Any) -> Any:
        found = merge(self, staging)
        merged.set()
        assert go_on.wait(30)
        return found

    monkeypatch.setattr(SproutImporter, "merge", merge_slowly)
    monkeypatch.setattr(pipeline, "limit_idling", lambda using: None)
    with ThreadPoolExecutor() as pool:
        importing = pool.submit(_closing(lambda: run("import_sprouts", write(ROW))))
        assert merged.wait(30)
        deleting = pool.submit(_closing(lambda: _delete(draft, way)))
        time.sleep(1)
        go_on.set()
        assert importing.result(30).code == 0
        deleting.result(30)
    assert Tier.objects.filter(pk=draft.pk).exists()
    assert Sprout.objects.get().tier == "draft"


def test_an_unused_tier_can_still_be_deleted_either_way(draft: Tier) -> None:
    for tier, way in ((draft, "page"), (Tier.objects.get(slug="paper"), "list")):
        _delete(tier, way)
        assert not Tier.objects.filter(pk=tier.pk).exists()


def _delete(tier: Tier, way: str) -> None:
    client = Client()
    user, _ = User.objects.get_or_create(username="root", is_superuser=True, is_staff=True)
    client.force_login(user)
    if way == "page":
        client.post(reverse("admin:advancement_tier_delete", args=[tier.pk]), {"post": "yes"})
    else:
        action = {"action": "delete_selected", "_selected_action": [tier.pk], "post": "yes"}
        client.post(reverse("admin:advancement_tier_changelist"), action)


def _closing(function: Callable[[], Any]) -> Callable[[], Any]:
    def call() -> Any:
        try:
            return function()
        finally:
            connection.close()

    return call
