"""The addresses of this app."""

from django.urls import path

from apps.notices import views

app_name = "notices"
urlpatterns = [
    path("", views.notices, name="list"),
    path("count/", views.count, name="count"),
    path("read/", views.read_all, name="read-all"),
    path("settings/", views.mail_settings, name="settings"),
]
