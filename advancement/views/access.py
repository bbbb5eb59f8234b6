"""Who may call a page: each names its methods and the right that each of them needs."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Final, Protocol

from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import Resolver404, resolve, reverse
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from advancement.rights import Right

_SAFE: Final = {"HEAD": "GET"}


class View(Protocol):
    """A page, or a part of one."""

    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer a request."""


class RightMissing(PermissionDenied):
    """Somebody who is signed in lacks the right that a page asks for."""

    def __init__(self, right: Right) -> None:
        super().__init__(f"You may not {right.words}.")
        self.right = right


def allows(**rights: Right | None) -> Callable[[View], View]:
    """Let a view be called with these methods alone, each by people with its right (None: any staff).

    Others are led to sign in, or are told which right they lack. Who opens the address of a form that was
    sent is led to the page above it. The rights are kept on the view as
    `rights`, by method.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            method = _SAFE.get(request.method or "", request.method or "")
            if method not in rights:
                return _to_its_page(request) if method == "GET" else HttpResponseNotAllowed(rights)
            if not (request.user.is_authenticated and request.user.is_staff):
                return _to_sign_in(request)
            right = rights[method]
            if right is not None:
                require(request, right)
            return view(request, *args, **kwargs)

        checked.rights = rights  # type: ignore[attr-defined]
        return checked

    return decorate


def require(request: HttpRequest, right: Right) -> None:
    """Raise RightMissing unless whoever asks has the right."""
    if not request.user.has_perm(right):
        raise RightMissing(right)


def may(user: "User | AnonymousUser", right: Right) -> bool:
    """Whether somebody has a right."""
    return user.is_authenticated and user.is_staff and user.has_perm(right)


def others_may(user: User | AnonymousUser, right: Right) -> bool:
    """Whether anybody else who may sign in has a right."""
    people = User.objects.with_perm(right, backend="django.contrib.auth.backends.ModelBackend")
    return people.filter(is_staff=True).exclude(username=user.get_username()).exists()


def _to_its_page(request: HttpRequest) -> HttpResponse:
    """Lead to the page that an address without one belongs to: the nearest above it that can be opened."""
    above = request.path_info
    while above != "/":
        above = above.rstrip("/").rpartition("/")[0] + "/"
        try:
            page = resolve(above)
        except Resolver404:
            continue
        if "GET" in getattr(page.func, "rights", {}):
            return HttpResponseRedirect(reverse(page.view_name, args=page.args, kwargs=page.kwargs))
    return HttpResponseRedirect(reverse("console:dashboard"))


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """Lead to the sign-in page, and from there back to this one.

    What a form sends without being left is refused instead: what was typed in it would be lost on the way.
    """
    if "HX-Request" in request.headers:
        if request.method == "POST":
            return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
        shown = HtmxDetails(request).current_url_abs_path or reverse("console:dashboard")
        return HttpResponseClientRedirect(redirect_to_login(shown, resolve_url("admin:login")).url)
    back = request.get_full_path() if request.method in {"GET", "HEAD"} else reverse("console:dashboard")
    return redirect_to_login(back, resolve_url("admin:login"))
