"""REST: what became of what a site sent."""

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from apps.accounts.requests import PersonsApiRequest
from apps.notices import services
from apps.notices.kinds import KINDS
from apps.notices.models import Notice
from apps.notices.serializers import NoticeSerializer


class NoticeFilter(django_filters.FilterSet):
    unread = django_filters.BooleanFilter(field_name="read_at", lookup_expr="isnull")
    kind = django_filters.ChoiceFilter(choices=[(kind, kind) for kind in KINDS])

    class Meta:
        model = Notice
        fields = ("submission",)


class NoticeViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Your notices, newest first."""

    queryset = Notice.objects.none()
    serializer_class = NoticeSerializer
    filterset_class = NoticeFilter

    def get_queryset(self) -> QuerySet[Notice]:
        return Notice.objects.visible_to(self.request.user).with_context()

    @extend_schema(request=None, responses=NoticeSerializer)
    @action(detail=True, methods=["post"])
    def read(self, request: PersonsApiRequest, pk: int) -> Response:
        """Mark a notice as read; the time of the first mark stays."""
        notice = self.get_object()
        services.mark_read(Notice.objects.filter(pk=notice.pk), by=request.user)
        return Response(self.get_serializer(self.get_object()).data)
