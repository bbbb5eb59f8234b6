"""The TierBadge for other sites: as a picture and as JSON, for anybody who knows a sprout's id."""

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final
from unicodedata import east_asian_width
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from advancement.badges import TierBadge, tier_badges
from advancement.models import Sprout

# Seconds that a picture may be shown without asking again; ✨ ends a day after the advancement.
_MAX_AGE: Final = 300
# About how wide a letter of 11 px is, and one of a script whose letters are squares; the text is set so wide.
_LETTER, _SQUARE = 6.6, 11.5
# What XML cannot hold, however it is written.
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@require_safe
def badge_svg(request: HttpRequest, sprout_id: str) -> HttpResponse:
    """Answer with the badge as a picture, its reason as the tooltip; also where there is none."""
    try:
        return _answer(request, sprout_id, _svg)
    except Http404 as nothing:
        response = _svg(TierBadge("", "No badge", "❔", None, False, str(nothing)))
        response.status_code = 404
        return _for_other_sites(response)


@require_safe
def badge_json(request: HttpRequest, sprout_id: str) -> HttpResponse:
    """Answer with tier, label, emoji, advanced_at and reason; also where there is none, with JSON."""
    try:
        return _answer(request, sprout_id, _json)
    except Http404 as nothing:
        return _for_other_sites(JsonResponse({"error": str(nothing)}, status=404))


def badge_snippet(request: HttpRequest, sprout_id: UUID) -> dict[str, str]:
    """Return the address of a sprout's badge and the HTML that shows it; nothing where badges are off."""
    if not settings.BADGES:
        return {}
    address = reverse("badge_svg", args=(sprout_id,))
    whole = (
        f"{settings.CONSOLE_URL.rstrip('/')}{address}"
        if settings.CONSOLE_URL
        else request.build_absolute_uri(address)
    )
    return {
        "badge_address": address,
        "badge_html": f'<img src="{whole}" alt="Tier" height="24">',
    }


def _answer(request: HttpRequest, sprout_id: str, made: Callable[[TierBadge], HttpResponse]) -> HttpResponse:
    if not settings.BADGES:
        raise Http404("Badges are switched off here.")
    key = _uuid(sprout_id)
    sprout = Sprout.objects.filter(pk=key).first() if key else None
    if sprout is None:
        raise Http404(f"There is no sprout {sprout_id}.")
    response = made(tier_badges([sprout])[sprout.pk])
    response["Cache-Control"] = f"public, max-age={_MAX_AGE}"
    etag = f'"{sha256(response.content).hexdigest()[:32]}"'
    response["ETag"] = etag
    _for_other_sites(response)
    return get_conditional_response(request, etag=etag, response=response) or response


def _for_other_sites(response: HttpResponse) -> HttpResponse:
    """Let other sites read it as well as show it."""
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _uuid(text: str) -> UUID | None:
    """Return the id that an address names, in large or small letters; None where it can be none."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None


def _json(badge: TierBadge) -> HttpResponse:
    fields: dict[str, Any] = {
        "tier": badge.tier,
        "label": badge.label,
        "emoji": badge.emoji,
        "advanced_at": badge.advanced_at.isoformat() if badge.advanced_at else None,
        "sparkles": badge.sparkles,
        "reason": badge.reason,
    }
    return JsonResponse(fields, json_dumps_params={"ensure_ascii": False})


def _svg(badge: TierBadge) -> HttpResponse:
    icons = 1 + badge.sparkles
    text = round(sum(_SQUARE if east_asian_width(c) in "WF" else _LETTER for c in badge.label))
    picture = render_to_string(
        "console/badge.svg",
        {
            "badge": badge,
            "width": 20 + text + 18 * icons,
            "text": text,
            "text_at": 28,
            "sparkle_at": 32 + text,
        },
    )
    return HttpResponse(_NOT_XML.sub("\ufffd", picture), content_type="image/svg+xml; charset=utf-8")
