from typing import Any

from rest_framework import serializers

from apps.intake.models import Series
from apps.intake.serializers import SubmissionSerializer
from apps.reviews.models import Decision, LabelCorrection, ReviewCase, SeriesDecision, Signature
from apps.reviews.selectors.shown import hides_labels
from apps.reviews.selectors.shown_json import as_shown_in_json
from apps.reviews.signing import what_changed


class SignatureSerializer(serializers.ModelSerializer):
    signer = serializers.CharField(source="signer.username")
    holds = serializers.SerializerMethodField(help_text="Nothing that was signed has changed, and it is not void.")

    class Meta:
        model = Signature
        fields = ("signer", "printed_name", "meaning", "signed_at", "record_sha256", "holds")

    def get_holds(self, signature: Signature) -> bool:
        return not hasattr(signature, "voiding") and not what_changed(signature)


class DecisionSerializer(serializers.ModelSerializer):
    decided_by = serializers.CharField(source="decided_by.username")
    signature = SignatureSerializer(default=None, allow_null=True)

    class Meta:
        model = Decision
        fields = ("verdict", "reasons", "note", "decided_by", "decided_at", "active_seconds", "signature")


class ReviewCaseSerializer(serializers.ModelSerializer):
    state = serializers.ChoiceField(source="status", choices=ReviewCase.Status.choices)
    trial = serializers.CharField(source="submission.visit.subject.site.trial.protocol_number")
    site = serializers.CharField(source="submission.visit.subject.site.number")
    subject = serializers.CharField(source="submission.visit.subject.screening_number")
    visit_type = serializers.CharField(source="submission.visit.visit_type.name")
    holder = serializers.CharField(source="holder.username", default=None, allow_null=True)

    class Meta:
        model = ReviewCase
        fields: tuple[str, ...] = (
            "id",
            "state",
            "submission",
            "trial",
            "site",
            "subject",
            "visit_type",
            "due_at",
            "resubmitted",
            "ai_disagrees",
            "abstained",
            "holder",
        )

    def to_representation(self, instance: ReviewCase) -> dict[str, Any]:
        """Return the case without what the AI thinks of it where its labels are hidden."""
        told = super().to_representation(instance)
        return {**told, "ai_disagrees": None, "abstained": None} if hides_labels(instance) else told


class CaseOnTheDeskSerializer(ReviewCaseSerializer):
    submission = SubmissionSerializer()
    decision = DecisionSerializer(default=None, allow_null=True)

    class Meta(ReviewCaseSerializer.Meta):
        fields = (*ReviewCaseSerializer.Meta.fields, "decision")

    def to_representation(self, instance: ReviewCase) -> dict[str, Any]:
        """Return the case as the page shows it: with hidden labels, or one that is wrong on purpose."""
        told = super().to_representation(instance)
        return {**told, "submission": as_shown_in_json(instance, told["submission"])}


class VerdictSerializer(serializers.Serializer):
    verdict = serializers.ChoiceField(
        choices=Decision.Verdict.choices,
        error_messages={
            "invalid_choice": f"“{{input}}” is no verdict. Choose one of: {', '.join(Decision.Verdict.values)}."
        },
    )
    reasons = serializers.ListField(child=serializers.CharField(max_length=40), default=list)
    note = serializers.CharField(default="", allow_blank=True)
    password = serializers.CharField(
        write_only=True,
        trim_whitespace=False,
        help_text="Your password: a decision is a signature.",
        error_messages={"required": "Sign with your password: a decision is a signature."},
    )


class SeriesVerdictSerializer(serializers.Serializer):
    series = serializers.PrimaryKeyRelatedField(queryset=Series.objects.none())
    verdict = serializers.ChoiceField(choices=SeriesDecision.Verdict.choices)
    reasons = serializers.ListField(child=serializers.CharField(max_length=40), default=list)
    note = serializers.CharField(default="", allow_blank=True)


class CorrectionSerializer(serializers.ModelSerializer):
    series = serializers.PrimaryKeyRelatedField(queryset=Series.objects.none())

    class Meta:
        model = LabelCorrection
        fields = ("series", "module", "label")
