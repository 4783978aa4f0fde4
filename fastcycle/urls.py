"""Routes of the site: the admin, what an operator does, and all that monitoring shows."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

admin.autodiscover()

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("trading.urls")),
    path("", include("monitoring.urls")),
]
