"""The addresses of this app."""

from django.urls import path

from apps.reviews import (
    views_case,
    views_deciding,
    views_prefetch,
    views_rounds,
    views_time,
    views_wall,
    views_worklist,
)

app_name = "reviews"

urlpatterns = [
    path("", views_worklist.worklist_page, name="worklist"),
    path("wall/", views_wall.wall_page, name="wall"),
    path("claim-next/", views_worklist.claim_next, name="claim-next"),
    path("upcoming/", views_prefetch.upcoming, name="upcoming"),
    path("<int:pk>/", views_case.case_page, name="case"),
    path("<int:pk>/claim/", views_worklist.claim, name="claim"),
    path("<int:pk>/release/", views_worklist.release, name="release"),
    path("<int:pk>/take-over/", views_worklist.take_over, name="take-over"),
    path("<int:pk>/put-back/", views_worklist.put_back, name="put-back"),
    path("views/", views_worklist.save_view, name="save-view"),
    path("views/<int:pk>/rename/", views_worklist.rename_view, name="rename-view"),
    path("views/<int:pk>/delete/", views_worklist.delete_view, name="delete-view"),
    path("<int:pk>/beat/", views_time.beat, name="beat"),
    path("<int:pk>/decide/", views_deciding.decide, name="decide"),
    path("<int:pk>/correct/", views_deciding.correct, name="correct"),
    path("<int:pk>/judge/", views_deciding.judge, name="judge"),
    path("<int:pk>/annotate/", views_deciding.annotate, name="annotate"),
    path("annotations/<int:pk>.png", views_deciding.annotated, name="annotated"),
    path("<int:pk>/time/", views_time.correct, name="correct-time"),
    path("<int:pk>/reopen/", views_rounds.reopen, name="reopen"),
    path("visits/<int:pk>/last-returns/", views_case.returns, name="last-returns"),
]
