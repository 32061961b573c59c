"""The addresses of this app."""

from django.urls import path

from apps.imageqc import views

app_name = "imageqc"
urlpatterns = [
    path("submissions/<int:pk>/slots/<int:required_pk>/", views.choose_slot, name="choose-slot"),
    path("submissions/<int:pk>/digest/", views.digest, name="digest"),
    path("submissions/<int:pk>/series/<uuid:uuid>/declare/", views.declare, name="declare"),
    path("series/<uuid:uuid>/maps/<str:module>-<str:plane>.png", views.explanation, name="explanation"),
    path("bundle/", views.bundle, name="bundle"),
]
