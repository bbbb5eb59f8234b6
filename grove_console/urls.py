"""Addresses: the console, Django's admin underneath it, and what a supervisor asks."""

from django.contrib import admin
from django.urls import include, path

from advancement.views import badges, errors, probes, sign_in

urlpatterns = [
    path("", include("advancement.urls")),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("badge/<str:sprout_id>.svg", badges.badge_svg, name="badge_svg"),
    path("badge/<str:sprout_id>.json", badges.badge_json, name="badge_json"),
    path("admin/login/", sign_in.sign_in, name="sign_in"),
    path("admin/", admin.site.urls),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.server_error
