"""REST: reviews beyond the first."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from apps.accounts.requests import PersonsApiRequest
from apps.reviews.serializers import ReviewCaseSerializer
from apps.reviews.services.reopening import reopen


class ReopeningSerializer(serializers.Serializer):
    because = serializers.CharField(max_length=4000, help_text="Why the submission has to be looked at again.")


class ReopenMixin(GenericViewSet):
    """Reopening, for the cases of the review desk."""

    @extend_schema(request=ReopeningSerializer, responses={201: ReviewCaseSerializer})
    @action(detail=True, methods=["post"])
    def reopen(self, request: PersonsApiRequest, pk: int) -> Response:
        """Let a decision no longer stand; answers with the new case that waits. The old decision stays on record."""
        case = self.get_object()
        given = ReopeningSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        new = reopen(case, by=request.user, because=given.validated_data["because"])
        return Response(ReviewCaseSerializer(new).data, status=201)
