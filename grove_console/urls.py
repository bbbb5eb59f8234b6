"""Addresses of the console."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from advancement import views

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="console"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("admin/", admin.site.urls),
]
