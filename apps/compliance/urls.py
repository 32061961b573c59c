from django.urls import path

from apps.compliance import views

app_name = "compliance"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("<int:pk>/", views.trial, name="trial"),
    path("<int:pk>/sites.csv", views.trial_csv, name="csv"),
    path("<int:pk>/<slug:measure>/", views.visits, name="visits"),
]
