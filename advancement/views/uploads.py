"""Import in the browser: a file is kept and checked, shown with its problems, and imported when confirmed."""

from collections.abc import Iterable
from typing import Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header

from advancement.criteria.errors import AdvancementError
from advancement.criteria.wording import isolated, quoted
from advancement.database.clock import database_now
from advancement.importing.uploads import (
    IMPORTERS,
    MAX_BYTES,
    OPEN,
    confirm,
    drop,
    good_rows,
    pieces_of,
    receive,
    start_again,
    take_back,
)
from advancement.models.uploads import Upload, UploadContent, UploadKind, UploadStatus
from advancement.rights import Right
from advancement.runs.refreshing import events_wait
from advancement.runs.schedule import scheduler_fault
from advancement.runs.waking import RUNS_CLUSTER, wake_up
from advancement.views.access import allows

_SHOWN = 20


class UploadForm(forms.Form):
    """A file and what it holds."""

    kind = forms.ChoiceField(
        choices=UploadKind.choices, error_messages={"required": "Say what the file holds."}
    )
    file = forms.FileField(error_messages={"required": "Choose a file.", "empty": "The file is empty."})


@allows(GET=Right.IMPORT_DATA, POST=Right.IMPORT_DATA)
def imports(request: HttpRequest) -> HttpResponse:
    """Take a file to check; list the newest ones."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else None
    if form and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            upload = receive(
                form.cleaned_data["kind"], file.name, file.chunks(2**20), by=request.user.get_username()
            )
        except AdvancementError as error:
            form.add_error(None, str(error))
        else:
            wake_up(RUNS_CLUSTER)
            return redirect("console:upload", upload.pk)
    context = {
        "title": "Import",
        "form": form,
        # Templates call classes, so the fields are taken out of them here.
        "kinds": [
            (kind, importer.csv_allowed, importer.fields_in_words())
            for kind, importer in ((kind, IMPORTERS[kind]) for kind in UploadKind)
        ],
        "chosen": request.GET.get("kind") if request.GET.get("kind") in IMPORTERS else UploadKind.SPROUTS,
        "uploads": Upload.objects.order_by("-id")[:_SHOWN],
        "most": MAX_BYTES // 2**20,
    }
    return render(request, "console/imports.html", context, status=422 if form else 200)


@allows(GET=Right.IMPORT_DATA)
def sample(request: HttpRequest, kind: str) -> HttpResponseBase:
    """Give a file of a kind to start from."""
    if kind not in IMPORTERS:
        raise Http404(f"There is no kind of file called {quoted(kind)}.")
    importer = IMPORTERS[kind]
    ending = "csv" if importer.csv_allowed else "jsonl"
    return _download([importer.sample().encode()], f"{kind}.{ending}")


@allows(GET=Right.IMPORT_DATA)
def upload_rejects(request: HttpRequest, upload_id: int, content: str) -> HttpResponseBase:
    """Give the bad rows of a file, to be mended and imported again, or the reason of each."""
    found = _upload(upload_id)
    if content not in _REJECTS or not found.parts.filter(content=content).exists():
        raise Http404(f"There is nothing of that kind of {found.name}; bad rows are kept for a week.")
    name = f"{_REJECTS[content]}-{found.name.removesuffix('.gz')}"
    name = name if content == UploadContent.REJECTED else f"{name}.txt"
    return _download(pieces_of(found, content), name)


_REJECTS: Final[dict[str, str]] = {UploadContent.REJECTED: "bad-rows", UploadContent.REASONS: "reasons"}


def _download(pieces: Iterable[bytes], name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(pieces, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response


@allows(GET=Right.IMPORT_DATA)
def upload(request: HttpRequest, upload_id: int) -> HttpResponse:
    """Show what an import of the file would do, or did."""
    found = _upload(upload_id)
    working, now = found.status in OPEN, database_now()
    context = {
        "title": found.name,
        "upload": found,
        "working": working,
        "at_work": working and found.is_held(now),
        "lost": working and found.is_lost(now),
        "fault": scheduler_fault() if working else None,
        "events_wait": events_wait(),
        "good": good_rows(found),
        "rejects": found.parts.filter(content=UploadContent.REJECTED).exists(),
    }
    part = "console/parts/upload.html" if "HX-Request" in request.headers else "console/upload.html"
    return render(request, part, context)


@allows(POST=Right.IMPORT_DATA)
def confirm_upload(request: HttpRequest, upload_id: int) -> HttpResponse:
    """Let a checked file be imported, or its good rows alone."""
    return _decided(request, upload_id, importing=True)


@allows(POST=Right.IMPORT_DATA)
def drop_upload(request: HttpRequest, upload_id: int) -> HttpResponse:
    """Delete a file that was not imported."""
    return _decided(request, upload_id, importing=False)


@allows(POST=Right.IMPORT_DATA)
def take_back_upload(request: HttpRequest, upload_id: int) -> HttpResponse:
    """Let a file that nobody works on stand where it stood before."""
    found = _upload(upload_id)
    try:
        stands = take_back(found.pk)
        dropped = stands.status == UploadStatus.DROPPED
        said = "is dropped" if dropped else "waits for your decision again"
        messages.success(request, f"{isolated(found.name)} {said}; nothing of it was imported.")
    except AdvancementError as error:
        messages.error(request, str(error))
    return redirect("console:upload", found.pk)


@allows(POST=Right.IMPORT_DATA)
def start_upload_again(request: HttpRequest, upload_id: int) -> HttpResponse:
    """Let a file whose worker was lost be taken up now."""
    found = _upload(upload_id)
    try:
        start_again(found.pk)
        wake_up(RUNS_CLUSTER)
    except AdvancementError as error:
        messages.error(request, str(error))
    return redirect("console:upload", found.pk)


def _decided(request: HttpRequest, upload_id: int, *, importing: bool) -> HttpResponse:
    found = _upload(upload_id)
    try:
        if importing:
            confirm(found.pk, skip_bad_rows=request.POST.get("skip") == "1")
            wake_up(RUNS_CLUSTER)
        else:
            drop(found.pk)
            messages.success(request, f"{isolated(found.name)} is dropped; nothing of it was imported.")
    except AdvancementError as error:
        messages.error(request, str(error))
    return redirect("console:upload", found.pk)


def _upload(upload_id: int) -> Upload:
    found = Upload.objects.filter(pk=upload_id).first()
    if found is None:
        raise Http404(f"There is no upload {upload_id}.")
    return found
