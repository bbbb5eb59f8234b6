"""Signing in: who comes by themselves ends on the dashboard, anybody else where they wanted to go."""

from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme


def sign_in(request: HttpRequest) -> HttpResponse:
    """Answer as the admin does, but for where it leads without an address to go to."""
    if request.method == "GET" and admin.site.has_permission(request):
        wanted = request.GET.get(REDIRECT_FIELD_NAME, "")
        here = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
        return redirect(wanted if here else "console:dashboard")
    if REDIRECT_FIELD_NAME in request.GET or REDIRECT_FIELD_NAME in request.POST:
        return admin.site.login(request)
    return admin.site.login(request, {REDIRECT_FIELD_NAME: reverse("console:dashboard")})
