"""The addresses of this app."""

from django.urls import path

from apps.intake import views

app_name = "intake"
urlpatterns = [
    path("visits/", views.visits, name="visits"),
    path("visits/<int:pk>/", views.visit, name="visit"),
    path("visits/<int:pk>/begin/", views.begin, name="begin"),
    path("submissions/<int:pk>/", views.submission, name="submission"),
    path("submissions/<int:pk>/progress/", views.progress, name="progress"),
    path("submissions/<int:pk>/files/", views.files, name="files"),
    path("submissions/<int:pk>/received/", views.received, name="received"),
    path("submissions/<int:pk>/check/", views.check, name="check"),
    path("submissions/<int:pk>/transfer/", views.transfer, name="transfer"),
    path("submissions/<int:pk>/withdraw/", views.withdraw, name="withdraw"),
    path("series/<uuid:uuid>/pictures/<str:name>.png", views.picture, name="picture"),
]
