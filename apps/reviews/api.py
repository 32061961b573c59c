"""REST: the review desk."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from apps.accounts.identity import confirm
from apps.accounts.requests import PersonsApiRequest
from apps.intake.models import Series
from apps.reviews import services
from apps.reviews.api_rounds import ReopenMixin
from apps.reviews.models import ReviewCase
from apps.reviews.serializers import (
    CaseOnTheDeskSerializer,
    CorrectionSerializer,
    ReviewCaseSerializer,
    SeriesVerdictSerializer,
    VerdictSerializer,
)


class ReviewCaseFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(field_name="status", choices=ReviewCase.Status.choices)

    class Meta:
        model = ReviewCase
        fields = ("ai_disagrees", "abstained", "resubmitted")


class ReviewCaseViewSet(ReopenMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """The worklist in due order, and one case with all its evidence."""

    queryset = ReviewCase.objects.none()
    filterset_class = ReviewCaseFilter

    def get_queryset(self) -> QuerySet[ReviewCase]:
        user = self.request.user
        return ReviewCase.objects.visible_to(user).not_kept_from(user).with_context().in_due_order()

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Leave cases with hidden labels out where a filter would tell what the AI found."""
        asks_the_ai = {"ai_disagrees", "abstained"} & set(self.request.query_params)
        among = queryset & ReviewCase.objects.with_open_labels() if asks_the_ai else queryset
        return super().filter_queryset(among)

    def get_serializer_class(self) -> type[ReviewCaseSerializer]:
        return ReviewCaseSerializer if self.action == "list" else CaseOnTheDeskSerializer

    @extend_schema(request=None, responses={200: CaseOnTheDeskSerializer, 204: None})
    @action(detail=False, methods=["post"], url_path="claim-next")
    def claim_next(self, request: PersonsApiRequest) -> Response:
        """Take the case that is due first; 204 when nothing waits, the case at hand when you hold one."""
        case = services.claim_next(by=request.user)
        return self._answer(case) if case else Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=CaseOnTheDeskSerializer)
    @action(detail=True, methods=["post"])
    def claim(self, request: PersonsApiRequest, pk: int) -> Response:
        case = self.get_object()
        services.claim(case, by=request.user)
        return self._answer(case)

    @extend_schema(request=None, responses=CaseOnTheDeskSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: PersonsApiRequest, pk: int) -> Response:
        """Put a case back into the queue undecided."""
        case = self.get_object()
        services.release(case, by=request.user)
        return self._answer(case)

    @extend_schema(request=CorrectionSerializer, responses=CaseOnTheDeskSerializer)
    @action(detail=True, methods=["post"])
    def label(self, request: PersonsApiRequest, pk: int) -> Response:
        """Set the label of a series that you see on the pictures; the ensemble's stays beside it."""
        case = self.get_object()
        given = CorrectionSerializer(data=request.data)
        series: Any = given.fields["series"]
        series.queryset = Series.objects.filter(submission=case.submission)
        given.is_valid(raise_exception=True)
        services.correct_label(case, **given.validated_data, by=request.user)
        return self._answer(case)

    @extend_schema(request=VerdictSerializer, responses=CaseOnTheDeskSerializer)
    @action(detail=True, methods=["post"])
    def decision(self, request: PersonsApiRequest, pk: int) -> Response:
        """Decide on the case at hand and sign it with your password; all but a plain accept need a reason."""
        case = self.get_object()
        given = VerdictSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        password = values.pop("password")
        services.on_the_desk(case, request.user)
        services.require_complete(case, **values)
        confirmed = confirm(request._request, request.user, password)
        services.decide(case, **values, by=request.user, confirmed=confirmed)
        return self._answer(case)

    @extend_schema(request=SeriesVerdictSerializer, responses=CaseOnTheDeskSerializer)
    @action(detail=True, methods=["post"], url_path="series-verdict")
    def series_verdict(self, request: PersonsApiRequest, pk: int) -> Response:
        """Say what becomes of one series of the case at hand; the newest word counts."""
        case = self.get_object()
        given = SeriesVerdictSerializer(data=request.data)
        series: Any = given.fields["series"]
        series.queryset = Series.objects.filter(submission=case.submission)
        given.is_valid(raise_exception=True)
        services.judge_series(case, **given.validated_data, by=request.user)
        return self._answer(case)

    def _answer(self, case: ReviewCase) -> Response:
        return Response(self.get_serializer(get_object_or_404(self.get_queryset(), pk=case.pk)).data)
