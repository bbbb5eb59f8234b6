"""What is done with every request before a page sees it."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import BadRequest
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import patch_cache_control

from advancement.criteria.errors import AdvancementError
from advancement.views.errors import bad_request, no_database, not_found, refused

_log = logging.getLogger(__name__)

# The forms of the records refuse NUL with messages of their own.
_RECORDS = "/admin/"


class RefuseNul:
    """Refuses addresses and fields with a NUL character, which PostgreSQL cannot even compare with."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Refuse paths, parameters and fields; what files hold is for those to judge who read them."""
        try:
            _refuse_nul(request)
        # Answered here: an exception that leaves a middleware is logged with its whole traceback.
        except Http404 as error:
            return not_found(request, error)
        except BadRequest as error:
            return bad_request(request, error)
        return self._get_response(request)


def _refuse_nul(request: HttpRequest) -> None:
    if "\0" in request.path_info:
        raise Http404("There is no such page.")
    in_records = request.path_info.startswith(_RECORDS)
    for name, values in request.GET.lists():
        if "\0" in name or (not (in_records and name == "q") and any("\0" in text for text in values)):
            raise BadRequest("A parameter contains a NUL character.")
    if request.method == "POST" and not in_records:
        for name, values in request.POST.lists():
            if "\0" in name or any("\0" in str(text) for text in values):
                raise BadRequest("A field contains a NUL character; remove it and send the form again.")


class KeepPrivate:
    """Keeps what was made for one person out of shared caches, and has it asked for anew each time."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Say so on every answer that says nothing of its own about caches."""
        response = self._get_response(request)
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_cache=True)
        return response


class ErrorPages:
    """Says what is not there, or that the database is not, in the console's look; under DEBUG, too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer for an address that no page has."""
        response = self._get_response(request)
        if response.status_code == HTTPStatus.NOT_FOUND and request.resolver_match is None:
            return not_found(request, Http404())
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer for the page that failed."""
        if isinstance(error, Http404):
            return not_found(request, error)
        if isinstance(error, AdvancementError):
            return refused(request, error)
        if isinstance(error, OperationalError | InterfaceError):
            _log.error("%s: the database failed: %s", request.path, str(error).strip())
            return no_database(error)
        return None


class LocalTime:
    """Shows times in the zone that the browser named in its cookie `timezone`; in UTC without one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Activate the zone for this request alone."""
        with timezone.override(_zone(request.COOKIES.get("timezone", ""))):
            return self._get_response(request)


def _zone(name: str) -> ZoneInfo | None:
    """Return the zone of that name, None (which stands for the default) when there is none."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
