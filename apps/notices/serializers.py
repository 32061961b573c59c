from rest_framework import serializers

from apps.notices.kinds import KINDS
from apps.notices.models import Notice


class NoticeSerializer(serializers.ModelSerializer):
    kind = serializers.ChoiceField(choices=[(kind, kind) for kind in KINDS])
    visit = serializers.IntegerField(source="submission.visit_id")
    trial = serializers.CharField(source="submission.visit.trial.protocol_number")
    site = serializers.CharField(source="submission.visit.site.number")
    next_step = serializers.SerializerMethodField()

    class Meta:
        model = Notice
        fields = (
            "id",
            "kind",
            "submission",
            "visit",
            "trial",
            "site",
            "sentence",
            "next_step",
            "created_at",
            "read_at",
            "mailed_at",
        )

    def get_next_step(self, notice: Notice) -> str:
        return KINDS[notice.kind].next_step
