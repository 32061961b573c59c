"""REST: what a site's own software needs to send images and to read what was found."""

import django_filters
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action, api_view
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer

from apps.accounts.requests import PersonsApiRequest
from apps.intake import services
from apps.intake.models import Receipt, Submission
from apps.intake.pictures import picture_response
from apps.intake.selectors import VISIT_STATES, visits_with_state
from apps.intake.serializers import (
    NewSubmissionSerializer,
    OutcomeSerializer,
    ReasonSerializer,
    ReceiptSerializer,
    SubmissionLineSerializer,
    SubmissionSerializer,
    UploadSerializer,
    VisitSerializer,
)
from apps.trials.models import Visit


@extend_schema(responses={(200, "image/png"): OpenApiTypes.BINARY})
@api_view(["GET"])
def picture(request: Request, uuid: str, name: str) -> HttpResponse:
    """One picture of a series, as the `thumbnails` of a submission name them."""
    return picture_response(request, uuid, name)


class VisitFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=[(state, state) for state in VISIT_STATES])
    trial = django_filters.CharFilter(field_name="subject__site__trial__protocol_number")
    site = django_filters.CharFilter(field_name="subject__site__number")
    subject = django_filters.CharFilter(field_name="subject__screening_number")


class SubmissionFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(field_name="status", choices=Submission.Status.choices)

    class Meta:
        model = Submission
        fields = ("visit",)


class VisitViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """The visits of your sites or trials, soonest deadline first."""

    serializer_class = VisitSerializer
    filterset_class = VisitFilter
    queryset = Visit.objects.none()

    def get_queryset(self) -> QuerySet[Visit]:
        return visits_with_state(self.request.user)


class SubmissionViewSet(
    mixins.CreateModelMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet
):
    """Send a visit's images, read what the check found, transfer."""

    queryset = Submission.objects.none()
    filterset_class = SubmissionFilter

    def get_serializer_class(self) -> type[ModelSerializer]:
        return SubmissionLineSerializer if self.action == "list" else SubmissionSerializer

    def get_queryset(self) -> QuerySet[Submission]:
        visible = Submission.objects.visible_to(self.request.user).with_context()
        if self.action == "list":
            return visible
        return visible.prefetch_related(
            "receipt",
            "series__instances",
            "series__classifications",
            "series__findings",
            "series__declarations",
            "slots__required",
            "slots__series",
        )

    @extend_schema(request=NewSubmissionSerializer, responses={201: SubmissionSerializer})
    def create(self, request: PersonsApiRequest) -> Response:  # type: ignore[override]  # a person asks, nobody else
        """Begin the submission of a visit; the one that is open already is answered as it is."""
        asked = NewSubmissionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        visit = get_object_or_404(Visit.objects.visible_to(request.user), pk=asked.validated_data["visit"])
        submission = services.begin_submission(visit, by=request.user)
        return self._answer(submission, status.HTTP_201_CREATED)

    @extend_schema(request=UploadSerializer, responses={202: OutcomeSerializer(many=True)})
    @action(detail=True, methods=["post"], parser_classes=[MultiPartParser])
    def files(self, request: PersonsApiRequest, pk: int) -> Response:
        """Add files. The same bytes are kept once, so a broken upload can be sent again as a whole."""
        submission = self.get_object()
        upload = UploadSerializer(data=request.data)
        upload.is_valid(raise_exception=True)
        outcomes = services.receive_files(
            submission,
            [(file.name, file) for file in upload.validated_data["files"]],
            by=request.user,
            more_to_come=upload.validated_data["more"],
        )
        return Response(OutcomeSerializer(outcomes, many=True).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses={202: SubmissionSerializer})
    @action(detail=True, methods=["post"])
    def check(self, request: PersonsApiRequest, pk: int) -> Response:
        """Check what has arrived, also again."""
        submission = self.get_object()
        services.start_check(submission, by=request.user)
        return self._answer(submission, status.HTTP_202_ACCEPTED)

    @extend_schema(request=ReasonSerializer, responses=SubmissionSerializer)
    @action(detail=True, methods=["post"])
    def transfer(self, request: PersonsApiRequest, pk: int) -> Response:
        """Hand the submission to the core lab; what the check blocks needs a reason."""
        submission = self.get_object()
        services.transfer(submission, by=request.user, because=self._reason(request))
        return self._answer(submission)

    @extend_schema(request=ReasonSerializer, responses=SubmissionSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: PersonsApiRequest, pk: int) -> Response:
        """Take back a submission that has not been transferred."""
        submission = self.get_object()
        services.withdraw(submission, by=request.user, because=self._reason(request))
        return self._answer(submission)

    @extend_schema(responses=ReceiptSerializer)
    @action(detail=True, methods=["get"])
    def receipt(self, request: PersonsApiRequest, pk: int) -> Response:
        """The proof that everything of a transfer arrived, with the SHA-256 of each image."""
        return Response(ReceiptSerializer(get_object_or_404(Receipt, submission=self.get_object())).data)

    def _reason(self, request: PersonsApiRequest) -> str:
        given = ReasonSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return given.validated_data["reason"]

    def _answer(self, submission: Submission, code: int = status.HTTP_200_OK) -> Response:
        fresh = self.get_queryset().get(pk=submission.pk)
        return Response(self.get_serializer(fresh).data, status=code)
