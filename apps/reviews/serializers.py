from typing import Any

from rest_framework import serializers

from apps.intake.models import Series
from apps.intake.serializers import SubmissionSerializer
from apps.reviews.models import Decision, LabelCorrection, ReviewCase
from apps.reviews.selectors.shown import hides_labels
from apps.reviews.selectors.shown_json import as_shown_in_json


class DecisionSerializer(serializers.ModelSerializer):
    decided_by = serializers.CharField(source="decided_by.username")

    class Meta:
        model = Decision
        fields = ("verdict", "reasons", "note", "decided_by", "decided_at", "active_seconds")


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


class CorrectionSerializer(serializers.ModelSerializer):
    series = serializers.PrimaryKeyRelatedField(queryset=Series.objects.none())

    class Meta:
        model = LabelCorrection
        fields = ("series", "module", "label")
