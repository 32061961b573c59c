"""The addresses of this app."""

from django.urls import path

from apps.intake import views, views_precheck, views_slices, views_transfer

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
    path("submissions/<int:pk>/profile/", views_precheck.profile, name="profile"),
    path("submissions/<int:pk>/describe/", views_precheck.describe, name="describe"),
    path("submissions/<int:pk>/transfer/", views.transfer, name="transfer"),
    path("submissions/<int:pk>/missing/", views_transfer.missing, name="missing"),
    path("submissions/<int:pk>/parts/", views_transfer.new_part, name="parts"),
    path("submissions/<int:pk>/parts/<uuid:uuid>/", views_transfer.part, name="part"),
    path("submissions/<int:pk>/stop/", views_transfer.stop, name="stop"),
    path("submissions/<int:pk>/receipt/", views_transfer.receipt, name="receipt"),
    path("submissions/<int:pk>/receipt.pdf", views_transfer.receipt_file, name="receipt-pdf"),
    path("submissions/<int:pk>/withdraw/", views.withdraw, name="withdraw"),
    path("series/<uuid:uuid>/pictures/<str:name>.png", views.picture, name="picture"),
    path("series/<uuid:uuid>/slices/", views_slices.stack, name="slices"),
    path("series/<uuid:uuid>/slices/<int:place>/", views_slices.slice_values, name="slice"),
]
