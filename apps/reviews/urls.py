"""The addresses of this app."""

from django.urls import path

from apps.reviews import views

app_name = "reviews"

urlpatterns = [
    path("", views.worklist_page, name="worklist"),
    path("claim-next/", views.claim_next, name="claim-next"),
    path("<int:pk>/", views.case_page, name="case"),
    path("<int:pk>/claim/", views.claim, name="claim"),
    path("<int:pk>/release/", views.release, name="release"),
    path("<int:pk>/beat/", views.beat, name="beat"),
    path("<int:pk>/decide/", views.decide, name="decide"),
    path("<int:pk>/correct/", views.correct, name="correct"),
]
