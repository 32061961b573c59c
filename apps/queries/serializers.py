from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.imaging.vocabulary import SHOWN_PICTURES
from apps.intake.models import Series, Submission
from apps.protocols.models import RequiredSeries
from apps.queries.drafts import SUBJECT_LENGTH
from apps.queries.models import Message, Query
from apps.queries.services.thread import LONGEST_TEXT


class MessageSerializer(serializers.ModelSerializer):
    author = serializers.CharField(source="author.username", default=None, allow_null=True)

    class Meta:
        model = Message
        fields = ("kind", "author", "text", "written_at")


class QuerySerializer(serializers.ModelSerializer):
    state = serializers.ChoiceField(source="status", choices=Query.Status.choices)
    trial = serializers.CharField(source="submission.visit.trial.protocol_number")
    site = serializers.CharField(source="submission.visit.site.number")
    visit = serializers.IntegerField(source="submission.visit_id")
    slot = serializers.CharField(source="required.slot", default=None, allow_null=True)
    series = serializers.UUIDField(source="series.uuid", default=None, allow_null=True)
    opened_by = serializers.CharField(source="opened_by.username")
    settled_by = serializers.CharField(source="settled_by.username", default=None, allow_null=True)

    class Meta:
        model = Query
        fields: tuple[str, ...] = (
            "uuid",
            "state",
            "subject",
            "trial",
            "site",
            "visit",
            "submission",
            "series",
            "slot",
            "finding_code",
            "reasons",
            "opened_by",
            "opened_at",
            "answered_at",
            "answered_by_submission",
            "settled_by",
            "settled_at",
            "reminders",
            "last_reminded_at",
        )


class QueryWithThreadSerializer(QuerySerializer):
    pictures = serializers.SerializerMethodField()
    messages = MessageSerializer(many=True)

    class Meta(QuerySerializer.Meta):
        fields = (*QuerySerializer.Meta.fields, "pictures", "messages")

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_pictures(self, query: Query) -> list[str]:
        """Return the addresses of the attached pictures."""
        uuids = dict(Series.objects.filter(submission=query.submission_id).values_list("pk", "uuid"))
        return [reverse("api-picture", args=(uuids[each["series"]], each["name"])) for each in query.pictures]


class PictureSerializer(serializers.Serializer):
    series = serializers.UUIDField()
    name = serializers.ChoiceField(choices=SHOWN_PICTURES)


class AskSerializer(serializers.Serializer):
    """A question about a submission; series by UUID, required series by the name of its slot."""

    submission = serializers.PrimaryKeyRelatedField(queryset=Submission.objects.none())
    subject = serializers.CharField(max_length=SUBJECT_LENGTH)
    text = serializers.CharField(max_length=LONGEST_TEXT)
    series = serializers.UUIDField(required=False, allow_null=True)
    slot = serializers.CharField(required=False, allow_null=True)
    finding_code = serializers.CharField(default="", allow_blank=True, max_length=40)
    pictures = PictureSerializer(many=True, default=list)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """Turn names into what they name; what is not of the submission is named."""
        submission = given["submission"]
        series = {each.uuid: each for each in submission.series.defer("digest")}
        wanted = [given["series"]] if given.get("series") else []
        unknown = [uuid for uuid in (*wanted, *(each["series"] for each in given["pictures"])) if uuid not in series]
        if unknown:
            raise serializers.ValidationError({"series": f"The submission has no series {unknown[0]}."})
        required = None
        if given.get("slot"):
            required = RequiredSeries.objects.filter(
                pk__in=submission.slots.values("required"), slot=given["slot"]
            ).first()
            if required is None:
                raise serializers.ValidationError({"slot": f"The visit has no required series {given['slot']!r}."})
        return {
            "submission": submission,
            "subject": given["subject"],
            "text": given["text"],
            "series": series[wanted[0]] if wanted else None,
            "required": required,
            "finding_code": given["finding_code"],
            "pictures": [(series[each["series"]].pk, each["name"]) for each in given["pictures"]],
        }


class TextSerializer(serializers.Serializer):
    text = serializers.CharField(max_length=LONGEST_TEXT, default="", allow_blank=True)
