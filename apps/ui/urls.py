"""The addresses of this app."""

from django.urls import path

from apps.ui import views

app_name = "ui"
urlpatterns = [
    path("", views.home, name="home"),
    path("help/", views.help_page, name="help"),
]
