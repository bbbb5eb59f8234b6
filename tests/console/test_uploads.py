"""Import in the browser: a file is checked, shown with its problems, and imported when confirmed."""

import gzip
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from advancement.aggregation import refresh_signals
from advancement.criteria.errors import AdvancementError, LeaseLost
from advancement.database.clock import database_now
from advancement.importing import uploads
from advancement.leases import Held
from advancement.models import LifecycleModel, Sprout, Upload, UploadPart, UsageEvent
from tests.console.markup import markup
from tests.console.people import operator, viewer
from tests.console.runs_cast import words
from tests.factories import make_sprout

pytestmark = pytest.mark.django_db(transaction=True)

ID = uuid4()
GOOD = f"id,title,lifecycle_model,tier,created_at\n{ID},notes/oak.md,botanical,seed,2026-01-01T00:00:00Z\n"
BAD = GOOD.replace(str(ID), "no-id")
EVENT = (
    f'{{"id": "e1", "sproutId": "{ID}", "eventType": "sprout_viewed", '
    '"createdAt": "2026-01-02T00:00:00Z", "sessionId": "s"}'
)


def _send(client: Client, content: bytes | str, kind: str = "sprouts", name: str = "sprouts.csv") -> Any:
    data = content.encode() if isinstance(content, str) else content
    return client.post(reverse("console:imports"), {"kind": kind, "file": SimpleUploadedFile(name, data)})


def _page(client: Client) -> str:
    return markup(client.get(reverse("console:upload", args=[Upload.objects.latest("pk").pk])))


def _post(client: Client, name: str) -> Any:
    return client.post(reverse(f"console:{name}", args=[Upload.objects.latest("pk").pk]), follow=True)


def _post_skipping(client: Client) -> Any:
    address = reverse("console:confirm_upload", args=[Upload.objects.latest("pk").pk])
    return client.post(address, {"skip": "1"}, follow=True)


def _import(client: Client, content: str, **sent: str) -> dict[str, Any]:
    """Send, confirm and import; return what the check had said."""
    _send(client, content, **sent)
    uploads.work_on_uploads()
    checked = Upload.objects.latest("pk").outcome
    _post(client, "confirm_upload")
    uploads.work_on_uploads()
    assert checked is not None
    return checked


def test_a_file_is_checked_without_being_kept_and_imported_when_confirmed() -> None:
    client = operator()
    assert _send(client, GOOD).status_code == 302
    assert "It waits to be checked" in _page(client)
    uploads.work_on_uploads()
    assert not Sprout.objects.exists()
    assert "It can be imported; nothing is kept yet" in _page(client)
    _post(client, "confirm_upload")
    uploads.work_on_uploads()
    assert Sprout.objects.get().pk == ID
    assert "Imported" in _page(client)
    assert not UploadPart.objects.exists()


def test_problems_are_shown_with_the_name_of_the_file_and_the_line() -> None:
    client = operator()
    _send(client, GOOD + BAD.splitlines()[1] + "\n")
    uploads.work_on_uploads()
    page = _page(client)
    assert "sprouts.csv, line 3" in page
    assert "1 of 2 rows cannot be used" in page
    assert "does not wait for a decision" in markup(_post(client, "confirm_upload"))
    assert not Sprout.objects.exists()


def _rejects(client: Client, content: str) -> Any:
    return client.get(reverse("console:upload_rejects", args=[Upload.objects.latest("pk").pk, content]))


def test_the_good_rows_are_imported_and_the_bad_ones_handed_back_with_their_reasons() -> None:
    client = operator()
    _send(client, gzip.compress((GOOD + BAD.splitlines()[1] + "\n").encode()), name="s.csv.gz")
    uploads.work_on_uploads()
    page = _page(client)
    assert "Import the one good row" in page
    assert "What importing the good rows would do" in page
    assert '<span>New</span><span class="num">1</span>' in page
    assert not Sprout.objects.exists()
    _post_skipping(client)
    uploads.work_on_uploads()
    assert Sprout.objects.get().pk == ID
    page = _page(client)
    assert "Imported, without 1 bad row" in page
    rows, reasons = _rejects(client, "rejected"), _rejects(client, "reasons")
    assert rows["Content-Disposition"] == 'attachment; filename="bad-rows-s.csv"'
    assert b"".join(rows.streaming_content).decode() == BAD
    assert b"".join(reasons.streaming_content).startswith(b"s.csv.gz, line 3: id ")
    assert not UploadPart.objects.filter(content="file").exists()


def test_rows_that_turn_bad_after_the_check_are_not_left_out_unasked() -> None:
    client = operator()
    _send(client, GOOD)
    uploads.work_on_uploads()
    _post(client, "confirm_upload")
    botanical = LifecycleModel.objects.filter(pk="botanical")
    botanical.update(archived_at=database_now())
    uploads.work_on_uploads()
    botanical.update(archived_at=None)
    assert "Nothing was imported: 1 of 1 row cannot be used" in _page(client)
    assert "There is no good row in this file" in markup(_post_skipping(client))
    assert not Sprout.objects.exists()


def test_bad_rows_are_kept_for_a_week() -> None:
    client = operator()
    _send(client, GOOD + BAD.splitlines()[1] + "\n")
    uploads.work_on_uploads()
    _post_skipping(client)
    uploads.work_on_uploads()
    assert _rejects(client, "rejected").status_code == 200
    Upload.objects.update(uploaded_at=database_now() - timedelta(days=8))
    uploads.work_on_uploads()
    assert _rejects(client, "rejected").status_code == 404
    assert _rejects(client, "file").status_code == 404
    assert Upload.objects.get().status == "imported"


def test_the_samples_of_all_kinds_can_be_imported_one_after_the_other() -> None:
    client = operator()
    for kind, name in (("sprouts", "sprouts.csv"), ("events", "events.jsonl"), ("signals", "signals.csv")):
        sample = client.get(reverse("console:import_sample", args=[kind]))
        assert sample["Content-Disposition"] == f'attachment; filename="{name}"'
        importer = uploads.IMPORTERS[kind]
        text = b"".join(sample.streaming_content).decode()
        assert all(column in text for column in importer.required)
        checked = _import(client, text, kind=kind, name=name)
        assert (checked["inserted"], checked["problems"]) == (1, [])
    assert client.get(reverse("console:import_sample", args=["rules"])).status_code == 404


def test_a_compressed_file_of_several_parts_comes_out_whole() -> None:
    packed = gzip.compress(GOOD.encode())
    pieces = [packed[start : start + 7] for start in range(0, len(packed), 7)]
    upload = uploads.receive("sprouts", "s.csv.gz", pieces, by="anna")
    uploads.work_on_uploads()
    upload.refresh_from_db()
    assert upload.status == "checked"
    assert upload.outcome is not None
    assert upload.outcome["inserted"] == 1


def test_what_the_check_counts_is_what_the_import_does() -> None:
    client = operator()
    for unchanged in (0, 1):
        checked = _import(client, GOOD)
        imported = Upload.objects.latest("pk").outcome
        assert {**checked, "kept": True} == imported
        assert checked["unchanged"] == unchanged


def test_usage_events_come_in_as_well() -> None:
    client = operator()
    _import(client, GOOD)
    _import(client, EVENT, kind="events", name="events.jsonl")
    assert UsageEvent.objects.count() == 1


def test_a_dropped_file_is_deleted_and_not_imported() -> None:
    client = operator()
    _send(client, GOOD)
    uploads.work_on_uploads()
    assert "is dropped" in _post(client, "drop_upload").text
    assert not UploadPart.objects.exists()
    assert "does not wait for a decision" in _post(client, "confirm_upload").text


def test_a_file_that_nobody_decides_about_is_dropped_after_a_week() -> None:
    _send(operator(), GOOD)
    uploads.work_on_uploads()
    Upload.objects.update(uploaded_at=database_now() - timedelta(days=8))
    uploads.work_on_uploads()
    assert Upload.objects.get().status == "dropped"
    assert not UploadPart.objects.exists()


def _hold(until: timedelta) -> None:
    """Let somebody work on the newest file, whose lease ends then from now."""
    now = database_now()
    Upload.objects.update(worked_at=now, lease_token=1, lease_expires_at=now + until)


def test_a_file_that_somebody_works_on_is_left_alone_until_the_lease_is_over() -> None:
    client = operator()
    _send(client, GOOD)
    _hold(timedelta(minutes=1))
    assert "Checking every line of it, for" in _page(client)
    assert "Take back" not in _page(client)
    assert not uploads.something_uploaded()
    assert uploads.work_on_uploads() == []
    _hold(-timedelta(seconds=1))
    assert uploads.something_uploaded()
    assert "The worker that did this was lost" in _page(client)
    uploads.work_on_uploads()
    assert Upload.objects.get().status == "checked"


def test_a_file_that_waits_to_be_checked_can_be_taken_back() -> None:
    client = operator()
    _send(client, GOOD)
    assert "is dropped; nothing of it was imported" in _post(client, "take_back_upload").text
    assert uploads.work_on_uploads() == []
    assert not UploadPart.objects.exists()


@pytest.mark.parametrize(("content", "stands"), [(GOOD, "checked"), (GOOD + BAD.splitlines()[1], "refused")])
def test_an_import_that_waits_can_be_taken_back_and_decided_about_again(content: str, stands: str) -> None:
    client = operator()
    _send(client, content)
    uploads.work_on_uploads()
    _post_skipping(client)
    _post(client, "take_back_upload")
    assert Upload.objects.get().status == stands
    assert uploads.work_on_uploads() == []
    _post_skipping(client)
    uploads.work_on_uploads()
    assert Sprout.objects.count() == 1


def test_what_somebody_works_on_cannot_be_taken_back() -> None:
    client = operator()
    _send(client, GOOD)
    _hold(timedelta(minutes=1))
    for name in ("take_back_upload", "start_upload_again"):
        assert "does not wait to be worked on" in _post(client, name).text
    assert Upload.objects.get().status == "checking"


def test_one_whose_worker_was_lost_can_be_started_again_which_shuts_that_one_out() -> None:
    client = operator()
    _send(client, GOOD)
    _hold(-timedelta(seconds=1))
    former = Upload.objects.get()
    _post(client, "start_upload_again")
    with pytest.raises(LeaseLost), Held(former) as lease:
        lease.write(status="refused")
    assert "It waits to be checked" in _page(client)
    uploads.work_on_uploads()
    assert Upload.objects.get().status == "checked"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "The file is empty."), (b"x" * 20, "larger than")],
)
def test_an_empty_and_a_huge_file_are_refused_in_place(
    content: bytes, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_BYTES", 10)
    page = _send(operator(), content)
    assert page.status_code == 422
    assert sentence in page.text
    assert not Upload.objects.exists()


def test_nothing_is_kept_of_a_file_that_breaks_off() -> None:
    def broken() -> Iterator[bytes]:
        yield b"id"
        raise OSError("connection lost")

    with pytest.raises(OSError, match="lost"):
        uploads.receive("sprouts", "s.csv", broken(), by="anna")
    assert not Upload.objects.exists()
    assert not UploadPart.objects.exists()


def test_deciding_twice_is_told() -> None:
    upload = uploads.receive("sprouts", "s.csv", [GOOD.encode()], by="anna")
    uploads.work_on_uploads()
    uploads.confirm(upload.pk)
    for decide in (uploads.confirm, uploads.drop):
        with pytest.raises(AdvancementError):
            decide(upload.pk)


def test_who_may_not_import_sees_nothing_of_it() -> None:
    client = viewer()
    assert client.get(reverse("console:imports")).status_code == 403
    assert _send(client, GOOD).status_code == 403
    assert not Upload.objects.exists()


def test_a_link_to_import_usage_has_chosen_the_kind_already() -> None:
    page = operator().get(reverse("console:imports") + "?kind=events").text
    assert 'value="events" checked' in page


def test_imported_events_are_not_signals_before_the_next_refresh_which_is_offered() -> None:
    client = operator()
    _import(client, GOOD)
    _import(client, EVENT, kind="events", name="events.jsonl")
    page = _page(client)
    assert "Usage events are not signals yet" in page
    assert "Refresh signals</button>" in page
    refresh_signals()
    page = _page(client)
    assert "count these events already" in page
    assert "Refresh signals</button>" not in page


def test_the_help_of_signals_says_which_columns_have_to_be_there() -> None:
    said = words(operator().get(reverse("console:imports")))
    assert "period, one of sprout_id, document_id, one or more of retrieval_count, reference_count" in said


def test_after_an_import_of_sprouts_a_link_leads_to_them() -> None:
    client = operator()
    _send(client, GOOD)
    uploads.work_on_uploads()
    assert "To the sprouts" not in _page(client)
    _post(client, "confirm_upload")
    uploads.work_on_uploads()
    assert f'href="{reverse("console:sprouts")}">To the sprouts' in _page(client)


def test_what_good_rows_asked_for_and_did_not_get_stands_beside_the_figures() -> None:
    make_sprout(id=ID, tier="sapling")
    client = operator()
    _send(client, GOOD)
    uploads.work_on_uploads()
    assert "Tier differs, left as it is: 1 row." in _page(client)
