"""REST: the numbers of the compliance page."""

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.compliance.permissions import trials_managed_by
from apps.compliance.selectors import site_rows


class SiteComplianceSerializer(serializers.Serializer):
    site = serializers.CharField(source="site.number")
    name = serializers.CharField(source="site.name")
    counts = serializers.DictField(child=serializers.IntegerField())
    first_pass_rate = serializers.FloatField(allow_null=True, help_text="0 to 1, of the visits first decided.")
    median_turnaround = serializers.DurationField(allow_null=True, help_text="From transfer to decision.")


class ComplianceView(APIView):
    """What a trial manager watches, per site."""

    @extend_schema(responses=SiteComplianceSerializer(many=True))
    def get(self, request: Request, pk: int) -> Response:
        trial = get_object_or_404(trials_managed_by(request.user), pk=pk)
        rows = site_rows(trial, timezone.localdate())
        return Response(SiteComplianceSerializer(rows, many=True).data)
