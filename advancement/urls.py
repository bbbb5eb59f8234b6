"""Addresses of the console's pages."""

from django.urls import path

from advancement.views import dashboard, health

app_name = "console"
urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("health/", health.health, name="health"),
]
