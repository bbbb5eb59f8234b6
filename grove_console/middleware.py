"""What is done with every request before a page sees it."""

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

# The forms of the records refuse NUL with messages of their own.
_RECORDS = "/admin/"


class RefuseNul:
    """Refuses addresses and fields with a NUL character, which PostgreSQL cannot even compare with."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Refuse paths, parameters and fields; what files hold is for those to judge who read them."""
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
