"""The addresses of this app."""

from django.urls import path

from apps.studies import views, views_reading

app_name = "studies"

urlpatterns = [
    path("", views.studies, name="studies"),
    path("new/", views.new, name="new"),
    path("<int:pk>/", views.study, name="study"),
    path("<int:pk>/change/", views.change, name="change"),
    path("<int:pk>/scans/add/", views.add_scans, name="add-scans"),
    path("<int:pk>/scans/remove/", views.remove_scans, name="remove-scans"),
    path("<int:pk>/references/", views.references, name="references"),
    path("<int:pk>/readers/", views.readers, name="readers"),
    path("<int:pk>/start/", views.start, name="start"),
    path("<int:pk>/close/", views.close, name="close"),
    path("<int:pk>/result/", views.study_result, name="result"),
    path("<int:pk>/readings.csv", views.result_csv, name="csv"),
    path("<int:pk>/begin/", views_reading.begin, name="begin"),
    path("readings/", views_reading.readings, name="readings"),
    path("readings/<int:pk>/", views_reading.reading, name="reading"),
    path("readings/<int:pk>/beat/", views_reading.beat, name="beat"),
    path("readings/<int:pk>/pause/", views_reading.pause, name="pause"),
    path("readings/<int:pk>/read/", views_reading.read, name="read"),
    path("readings/<int:pk>/<slug:name>.png", views_reading.picture, name="picture"),
]
