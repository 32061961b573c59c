from django.urls import path

from apps.compliance import views, views_agreement

app_name = "compliance"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("<int:pk>/", views.trial, name="trial"),
    path("<int:pk>/sites.csv", views.trial_csv, name="csv"),
    path("<int:pk>/agreement/", views_agreement.agreement_page, name="agreement"),
    path("<int:pk>/agreement/<slug:table>.csv", views_agreement.agreement_csv, name="agreement-csv"),
    path("<int:pk>/<slug:measure>/", views.visits, name="visits"),
]
