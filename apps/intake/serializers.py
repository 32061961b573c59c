"""Visits, submissions and what was found in them, as the API gives them.

Labels, findings and slots belong to apps.imageqc, which is above this app; they are read through the relations.
"""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.imaging.vocabulary import PICTURES
from apps.intake.blinding import labels_are_hidden, labels_are_hidden_beside_the_desk
from apps.intake.models import Declaration, Receipt, ReceivedFile, Series, Submission
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
    distance = serializers.FloatField(
        allow_null=True, help_text="From the training pictures, 0 (alike) to 2; empty where it was not measured."
    )
    silent = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Classes of the module that are never a label; labels that were kept without them do not say.",
    )
    activations = serializers.DictField(
        child=serializers.ListField(child=serializers.ListField(child=serializers.IntegerField())),
        help_text="Per plane where in the picture the evidence for the voted class lies: rows of values 0 to 255.",
    )
    maps = serializers.DictField(
        child=serializers.CharField(), help_text="Per plane the address of the picture with that evidence over it."
    )


class FindingSerializer(serializers.Serializer):
    code = serializers.CharField()
    severity = serializers.CharField()
    sentence = serializers.CharField()
    expected = serializers.CharField()
    found = serializers.CharField()
    where = serializers.CharField()


class DeclarationSerializer(serializers.ModelSerializer):
    class Meta:
        model = Declaration
        fields = ("body_part", "contrast", "note", "declared_at")


class SeriesSerializer(serializers.ModelSerializer):
    state = serializers.ChoiceField(source="status", choices=Series.Status.choices)
    n_instances = serializers.SerializerMethodField(help_text="Announced by the site, or here.")
    n_instances_here = serializers.SerializerMethodField()
    body_part = serializers.SerializerMethodField()
    contrast = serializers.SerializerMethodField()
    coverage = serializers.SerializerMethodField()
    bundle = serializers.SerializerMethodField()
    provenance = serializers.SerializerMethodField()
    findings = FindingSerializer(many=True)
    declarations = DeclarationSerializer(many=True, help_text="What the site says that it is, the last one last.")
    thumbnails = serializers.SerializerMethodField()

    class Meta:
        model = Series
        fields = (
            "id",
            "series_uid",
            "number",
            "description",
            "modality",
            "origin",
            "to_send",
            "state",
            "failure",
            "unused_because",
            "n_instances",
            "n_instances_here",
            "received",
            "body_part",
            "contrast",
            "declarations",
            "coverage",
            "bundle",
            "provenance",
            "findings",
            "header",
            "geometry",
            "thumbnails",
        )

    def get_n_instances(self, series: Series) -> int:
        return len(series.instances.all())

    def get_n_instances_here(self, series: Series) -> int:
        return sum(instance.file_id is not None for instance in series.instances.all())

    @extend_schema_field(AnswerSerializer(allow_null=True))
    def get_body_part(self, series: Series) -> dict[str, Any] | None:
        return self._answer(series, "body_part")

    @extend_schema_field(AnswerSerializer(allow_null=True))
    def get_contrast(self, series: Series) -> dict[str, Any] | None:
        return self._answer(series, "contrast")

    def get_coverage(self, series: Series) -> dict[str, Any] | None:
        said = self._classification(series)
        return said.coverage if said else None

    def get_bundle(self, series: Series) -> dict[str, str] | None:
        said = self._classification(series)
        return said.bundle if said else None

    def get_provenance(self, series: Series) -> dict[str, Any] | None:
        said = self._classification(series)
        return said.provenance if said else None

    def get_thumbnails(self, series: Series) -> dict[str, str]:
        if not series.has_pictures:
            return {}
        request = self.context["request"]
        return {name: request.build_absolute_uri(reverse("api-picture", args=(series.uuid, name))) for name in PICTURES}

    def _answer(self, series: Series, module: str) -> dict[str, Any] | None:
        said = self._classification(series)
        if said is None:
            return None
        stored = {"distance": None, "activations": {}, **said.answers[module]}
        address = self.context["request"].build_absolute_uri
        maps = {
            plane: address(reverse("api-explanation", args=(series.uuid, module, plane)))
            for plane in stored["activations"]
            if said.picture_of(module, plane)
        }
        return {**stored, "maps": maps}

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


class ReceiptSerializer(serializers.ModelSerializer):
    class Meta:
        model = Receipt
        fields: tuple[str, ...] = ("sha256", "issued_at", "content")


class ReceiptLineSerializer(ReceiptSerializer):
    """That a receipt was issued; its own address gives what it says."""

    class Meta(ReceiptSerializer.Meta):
        fields = ("sha256", "issued_at")


class SubmissionSerializer(SubmissionLineSerializer):
    """A submission with all that was found in it."""

    receipt = serializers.SerializerMethodField(help_text="Empty until everything of a transfer from the site is here.")

    n_files = serializers.SerializerMethodField()
    refused_files = serializers.SerializerMethodField()
    series = SeriesSerializer(many=True)
    slots = SlotSerializer(many=True)
    findings = serializers.SerializerMethodField(help_text="Of the submission as a whole.")

    class Meta(SubmissionLineSerializer.Meta):
        fields = (
            *SubmissionLineSerializer.Meta.fields,
            "transfer_reason",
            "receipt",
            "n_files",
            "refused_files",
            "series",
            "slots",
            "findings",
        )

    def to_representation(self, instance: Submission) -> dict[str, Any]:
        """Return the submission, without all that comes from the AI's labels for whom they are hidden from."""
        told = super().to_representation(instance)
        are_hidden = labels_are_hidden if self.parent else labels_are_hidden_beside_the_desk
        if not are_hidden(self.context["request"].user, instance.pk):
            return told
        of_the_ai = dict.fromkeys(("body_part", "contrast", "coverage", "bundle", "provenance"))
        rest = {"findings": [], "unused_because": "", "received": {}}
        series = [{**each, **of_the_ai, **rest} for each in told["series"]]
        return {**told, "series": series, "slots": [], "blockers": []}

    @extend_schema_field(ReceiptLineSerializer(allow_null=True))
    def get_receipt(self, submission: Submission) -> dict[str, Any] | None:
        receipt = getattr(submission, "receipt", None)
        return dict(ReceiptLineSerializer(receipt).data) if receipt else None

    def get_n_files(self, submission: Submission) -> int:
        return submission.files.count()

    @extend_schema_field(RefusedFileSerializer(many=True))
    def get_refused_files(self, submission: Submission) -> list[dict[str, str]]:
        if may_edit(self.context["request"].user, submission):
            return [refusal for file in submission.files.refused() for refusal in file.refusals]
        # Sites name folders after patients, and members of a zip are named in its reason: not for the core lab.
        alone = submission.files.filter(status__in=ReceivedFile.LEFT_OUT)
        return [{"name": "", "reason": refusal["reason"]} for file in alone for refusal in file.refusals]

    @extend_schema_field(FindingSerializer(many=True))
    def get_findings(self, submission: Submission) -> list[dict[str, str]]:
        return list(FindingSerializer(submission.findings.filter(series=None), many=True).data)
