"""Visits, submissions and what was found in them, as the API gives them.

Labels, findings and slots belong to apps.imageqc, which is above this app; they are read through the relations.
"""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.imaging.vocabulary import PICTURES
from apps.intake.models import ReceivedFile, Series, Submission
from apps.intake.permissions import may_edit
from apps.intake.selectors import VISIT_STATES
from apps.trials.models import Visit


class VisitSerializer(serializers.ModelSerializer):
    trial = serializers.CharField(source="subject.site.trial.protocol_number")
    site = serializers.CharField(source="subject.site.number")
    subject = serializers.CharField(source="subject.screening_number")
    visit_type = serializers.CharField(source="visit_type.name")
    state = serializers.ChoiceField(choices=VISIT_STATES)
    submission = serializers.IntegerField(source="latest_submission", allow_null=True)

    class Meta:
        model = Visit
        fields = (
            "id",
            "trial",
            "site",
            "subject",
            "visit_type",
            "target_on",
            "opens_on",
            "closes_on",
            "state",
            "submission",
        )


class NewSubmissionSerializer(serializers.Serializer):
    visit = serializers.IntegerField(help_text="Primary key of the visit.")


class UploadSerializer(serializers.Serializer):
    files = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True), help_text="DICOM files or zips of them.", allow_empty=False
    )
    more = serializers.BooleanField(
        default=False, help_text="True while more requests of the same upload follow; the check starts with the last."
    )


class ReasonSerializer(serializers.Serializer):
    reason = serializers.CharField(default="", allow_blank=True)


class OutcomeSerializer(serializers.Serializer):
    name = serializers.CharField()
    kept = serializers.BooleanField()
    sentence = serializers.CharField()


class AnswerSerializer(serializers.Serializer):
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment]  # of the answer, not of the field
    score = serializers.FloatField()
    scores = serializers.DictField(child=serializers.FloatField())
    planes = serializers.DictField(child=serializers.DictField(child=serializers.FloatField()))
    abstained = serializers.BooleanField()
    reason = serializers.CharField()


class FindingSerializer(serializers.Serializer):
    code = serializers.CharField()
    severity = serializers.CharField()
    sentence = serializers.CharField()
    expected = serializers.CharField()
    found = serializers.CharField()
    where = serializers.CharField()


class SeriesSerializer(serializers.ModelSerializer):
    state = serializers.ChoiceField(source="status", choices=Series.Status.choices)
    n_instances = serializers.SerializerMethodField()
    body_part = serializers.SerializerMethodField()
    contrast = serializers.SerializerMethodField()
    bundle = serializers.SerializerMethodField()
    findings = FindingSerializer(many=True)
    thumbnails = serializers.SerializerMethodField()

    class Meta:
        model = Series
        fields = (
            "id",
            "series_uid",
            "number",
            "description",
            "modality",
            "state",
            "failure",
            "unused_because",
            "n_instances",
            "body_part",
            "contrast",
            "bundle",
            "findings",
            "header",
            "geometry",
            "thumbnails",
        )

    def get_n_instances(self, series: Series) -> int:
        return len(series.instances.all())

    @extend_schema_field(AnswerSerializer(allow_null=True))
    def get_body_part(self, series: Series) -> dict[str, Any] | None:
        said = self._classification(series)
        return said.body_part if said else None

    @extend_schema_field(AnswerSerializer(allow_null=True))
    def get_contrast(self, series: Series) -> dict[str, Any] | None:
        said = self._classification(series)
        return said.contrast if said else None

    def get_bundle(self, series: Series) -> dict[str, str] | None:
        said = self._classification(series)
        return said.answer.bundle if said else None

    def get_thumbnails(self, series: Series) -> dict[str, str]:
        if not series.has_pictures:
            return {}
        request = self.context["request"]
        return {name: request.build_absolute_uri(reverse("api-picture", args=(series.uuid, name))) for name in PICTURES}

    def _classification(self, series: Series) -> Any:
        said = series.classifications.all()
        return next((each for each in said if each.digest_sha256 == series.digest_sha256), None)


class SlotSerializer(serializers.Serializer):
    slot = serializers.CharField(source="required.slot")
    title = serializers.CharField(source="required.spec.title")
    required = serializers.DictField(source="spec_json")  # type: ignore[assignment]  # of the slot, as above
    state = serializers.CharField()
    series = serializers.IntegerField(source="series_id", allow_null=True)
    series_uid = serializers.CharField(source="series.series_uid", default=None, allow_null=True)
    sentence = serializers.CharField()
    suggested_series = serializers.IntegerField(source="suggested_series_id", allow_null=True)
    findings = FindingSerializer(many=True)


class RefusedFileSerializer(serializers.Serializer):
    name = serializers.CharField()
    reason = serializers.CharField()


class SubmissionLineSerializer(serializers.ModelSerializer):
    """A submission in a list; its own address gives series, slots and findings."""

    state = serializers.ChoiceField(source="status", choices=Submission.Status.choices)
    protocol = serializers.CharField(source="protocol.version")

    class Meta:
        model = Submission
        fields: tuple[str, ...] = (
            "id",
            "visit",
            "state",
            "protocol",
            "replaces",
            "created_at",
            "transferred_at",
            "decided_at",
            "blockers",
        )


class SubmissionSerializer(SubmissionLineSerializer):
    """A submission with all that was found in it."""

    n_files = serializers.SerializerMethodField()
    refused_files = serializers.SerializerMethodField()
    series = SeriesSerializer(many=True)
    slots = SlotSerializer(many=True)
    findings = serializers.SerializerMethodField(help_text="Of the submission as a whole.")

    class Meta(SubmissionLineSerializer.Meta):
        fields = (
            *SubmissionLineSerializer.Meta.fields,
            "transfer_reason",
            "n_files",
            "refused_files",
            "series",
            "slots",
            "findings",
        )

    def get_n_files(self, submission: Submission) -> int:
        return submission.files.count()

    @extend_schema_field(RefusedFileSerializer(many=True))
    def get_refused_files(self, submission: Submission) -> list[dict[str, str]]:
        if may_edit(self.context["request"].user, submission):
            return [refusal for file in submission.files.refused() for refusal in file.refusals]
        # Sites name folders after patients, and members of a zip are named in its reason: not for the core lab.
        alone = submission.files.filter(status=ReceivedFile.Status.REFUSED)
        return [{"name": "", "reason": refusal["reason"]} for file in alone for refusal in file.refusals]

    @extend_schema_field(FindingSerializer(many=True))
    def get_findings(self, submission: Submission) -> list[dict[str, str]]:
        return list(FindingSerializer(submission.findings.filter(series=None), many=True).data)
