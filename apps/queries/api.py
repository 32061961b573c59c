"""REST: what the core lab asks the sites, and what they answer."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.requests import PersonsApiRequest
from apps.intake.models import Submission
from apps.queries import services
from apps.queries.models import Query
from apps.queries.serializers import AskSerializer, QuerySerializer, QueryWithThreadSerializer, TextSerializer


class QueryFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(field_name="status", choices=Query.Status.choices)
    trial = django_filters.CharFilter(field_name="submission__visit__subject__site__trial__protocol_number")
    site = django_filters.CharFilter(field_name="submission__visit__subject__site__number")
    visit = django_filters.NumberFilter(field_name="submission__visit")

    class Meta:
        model = Query
        fields = ("submission", "finding_code")


class QueryViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Queries, the oldest first; one of them with its thread."""

    queryset = Query.objects.none()
    filterset_class = QueryFilter
    lookup_field = "uuid"

    def get_queryset(self) -> QuerySet[Query]:
        return Query.objects.visible_to(self.request.user).with_context().order_by("opened_at", "pk")

    def get_serializer_class(self) -> type[QuerySerializer]:
        return QuerySerializer if self.action == "list" else QueryWithThreadSerializer

    @extend_schema(request=AskSerializer, responses={201: QueryWithThreadSerializer})
    def create(self, request: PersonsApiRequest) -> Response:
        """Ask the site about a submission that waits for a decision."""
        given = AskSerializer(data=request.data)
        submission: Any = given.fields["submission"]
        submission.queryset = Submission.objects.visible_to(request.user).with_context()
        given.is_valid(raise_exception=True)
        return self._answer(services.ask(**given.validated_data, by=request.user), status.HTTP_201_CREATED)

    @extend_schema(request=TextSerializer, responses=QueryWithThreadSerializer)
    @action(detail=True, methods=["post"])
    def answer(self, request: PersonsApiRequest, uuid: str) -> Response:
        """Answer in words; a coordinator's step."""
        query = self.get_object()
        services.answer(query, self._text(request), by=request.user)
        return self._answer(query)

    @extend_schema(request=TextSerializer, responses=QueryWithThreadSerializer)
    @action(detail=True, methods=["post"], url_path="ask-again")
    def ask_again(self, request: PersonsApiRequest, uuid: str) -> Response:
        """Say what the answer leaves open."""
        query = self.get_object()
        services.ask_again(query, self._text(request), by=request.user)
        return self._answer(query)

    @extend_schema(request=TextSerializer, responses=QueryWithThreadSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: PersonsApiRequest, uuid: str) -> Response:
        """Settle a query; without an answer it needs a text that says why."""
        query = self.get_object()
        services.close(query, text=self._text(request), by=request.user)
        return self._answer(query)

    @extend_schema(request=TextSerializer, responses=QueryWithThreadSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: PersonsApiRequest, uuid: str) -> Response:
        """Take back a query that should not have been asked; the text says why."""
        query = self.get_object()
        services.cancel(query, self._text(request), by=request.user)
        return self._answer(query)

    @extend_schema(request=None, responses=QueryWithThreadSerializer)
    @action(detail=True, methods=["post"])
    def remind(self, request: PersonsApiRequest, uuid: str) -> Response:
        """Remind the site of an open query, at most once a day."""
        query = self.get_object()
        services.remind(query, by=request.user)
        return self._answer(query)

    def _text(self, request: Request) -> str:
        given = TextSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return str(given.validated_data["text"])

    def _answer(self, query: Query, code: int = status.HTTP_200_OK) -> Response:
        return Response(QueryWithThreadSerializer(self.get_queryset().get(pk=query.pk)).data, status=code)
