"""What is done with every request before a page sees it."""

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

# Django's search form refuses NUL with a message of its own.
_CHECKED_ELSEWHERE = {"q"}


class RefuseNul:
    """Refuses addresses with a NUL character, which PostgreSQL cannot even compare with."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Refuse paths and parameters."""
        if "\0" in request.path_info:
            raise Http404("There is no such page.")
        for name, values in request.GET.lists():
            if "\0" in name or (name not in _CHECKED_ELSEWHERE and any("\0" in value for value in values)):
                raise BadRequest("A parameter contains a NUL character.")
        return self._get_response(request)


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
