"""The addresses of this app."""

from django.urls import path

from apps.queries import views, views_asking, views_steps

app_name = "queries"
urlpatterns = [
    path("", views.queries, name="list"),
    path("ask-several/", views_asking.ask_several, name="ask-several"),
    path("close-several/", views_steps.close_several, name="close-several"),
    path("submissions/<int:pk>/", views_asking.of_submission, name="of-submission"),
    path("submissions/<int:pk>/ask/", views_asking.ask, name="ask"),
    path("visits/<int:pk>/", views.of_visit, name="of-visit"),
    path("<uuid:uuid>/", views.query, name="query"),
    path("<uuid:uuid>/answer/", views_steps.answer, name="answer"),
    path("<uuid:uuid>/ask-again/", views_steps.ask_again, name="ask-again"),
    path("<uuid:uuid>/remind/", views_steps.remind, name="remind"),
    path("<uuid:uuid>/close/", views_steps.close, name="close"),
    path("<uuid:uuid>/cancel/", views_steps.cancel, name="cancel"),
]
