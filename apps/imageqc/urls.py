"""The addresses of this app."""

from django.urls import path

from apps.imageqc import views

app_name = "imageqc"
urlpatterns = [
    path("submissions/<int:pk>/slots/<int:required_pk>/", views.choose_slot, name="choose-slot"),
]
