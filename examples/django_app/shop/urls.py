"""Two views: the page of the example's own, and the demonstration's pages."""

from __future__ import annotations

from django.urls import path, re_path

from . import views

urlpatterns = [path("desk", views.desk), re_path("", views.shop)]
