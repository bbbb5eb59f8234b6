"""The console's addresses, and one that is broken."""

from typing import NoReturn

from django.http import HttpRequest
from django.urls import path

from grove_console.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


def broken(request: HttpRequest) -> NoReturn:
    raise RuntimeError("This page is broken on purpose.")


urlpatterns = [path("broken/", broken), *urlpatterns]
