"""Quick search: one box for sprouts, rules, models, runs, events, people and pages, by name or by number."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from advancement.views.access import allows
from advancement.views.search_hits import MOST, VIEW_PEOPLE, Hit, as_uuid, hits_of, near_hits_of, numbered

_LONGEST: Final = 200


@allows(GET=None)
def search(request: HttpRequest) -> HttpResponse:
    """Show what fits, else what nearly does; a full id or the number of a run leads there at once."""
    text = " ".join(request.GET.get("q", "")[:_LONGEST].split())
    exact = bool(numbered(text) or as_uuid(text))
    hits = list(hits_of(request, text)) if text else []
    partly = "HX-Request" in request.headers
    if not partly and len(hits) == 1 and exact:
        return redirect(hits[0].address)
    more = _more_sprouts(text, hits)
    near = not hits and not exact and bool(text)
    context = {
        "title": "Search",
        "q": text,
        "hits": list(near_hits_of(request, text)) if near else hits,
        "near": near,
        "more_sprouts": more,
        "most": MOST,
        "finds_people": request.user.has_perm(VIEW_PEOPLE),
    }
    return render(request, "console/parts/hits.html" if partly else "console/search.html", context)


def _more_sprouts(text: str, hits: list[Hit]) -> str:
    """Return the address of the list of all sprouts found where these are too many; drop the last then."""
    found = [hit for hit in hits if hit.kind == "Sprout"]
    if len(found) <= MOST:
        return ""
    hits.remove(found[-1])
    return f"{reverse('console:sprouts')}?{urlencode({'q': text})}"
