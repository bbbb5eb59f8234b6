"""What is shown instead of a page: a sentence that says what is wrong and what to do."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from advancement.criteria.errors import AdvancementError
from advancement.criteria.wording import join_words
from advancement.database.busy import is_busy
from advancement.rights import roles_with
from advancement.views.access import RightMissing


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The request itself makes no sense."""
    return _page(request, 400, "This request cannot be understood", str(exception))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Whoever asks may not do this; name the right and the roles that have it."""
    text = str(exception) or "Your account lacks the right to this."
    if isinstance(exception, RightMissing):
        roles = join_words(roles_with(exception.right), "or")
        text = f"{text} The role {roles} may; whoever manages the accounts can give it to you."
    return _page(request, 403, "You may not do this", text)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form came without the token that shows that it is ours: it is older than the sign-in, most often."""
    text = (
        "The page with this form was opened before you signed in, or your browser keeps no cookies. "
        "Nothing was done. Go back, load the page again and send the form once more."
    )
    return _page(request, 403, "This form has expired", text)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """There is nothing at this address; the exception may say what was looked for."""
    said = exception.args[0] if exception.args else ""
    text = said if isinstance(said, str) and said else "There is nothing at this address."
    return _page(request, 404, "Not found", text)


def refused(request: HttpRequest, error: AdvancementError) -> HttpResponse:
    """What was asked for is not possible, or not any more; pages that can say so themselves do."""
    return _page(request, 409, "This cannot be done", f"{error} Nothing was changed.")


def server_error(request: HttpRequest) -> HttpResponse:
    """A defect; nothing here may depend on what just failed."""
    return render(None, "console/500.html", status=500)


def no_database(error: Exception) -> HttpResponse:
    """The database was busy for too long, or is not there; nothing here may ask it for anything."""
    response = render(None, "console/503.html", {"busy": is_busy(error)}, status=503)
    response.headers["Retry-After"] = "10"
    return response


def _page(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    context: dict[str, Any] = {"title": title, "text": text, "status": status}
    part = "console/parts/error.html" if request.headers.get("HX-Request") else "console/error.html"
    return render(request, part, context, status=status)
