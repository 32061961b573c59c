"""Operators' pages: how a trial's cases are reviewed, and its own list of reasons."""

from typing import Any

from django import forms
from django.contrib import admin

from apps.audit.admin import AuditedAdmin
from apps.imaging.rules import RULES
from apps.reviews.models import ReturnReason, ReviewPolicy
from apps.reviews.selectors.worklist import finding_words


class ReviewPolicyForm(forms.ModelForm):
    """Findings are chosen from those that the rules can make."""

    second_review_findings = forms.MultipleChoiceField(
        required=False, help_text="Cases with one of these findings always get a second review."
    )

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        codes = sorted({rule.code for rules in RULES.values() for rule in rules})
        self.fields["second_review_findings"].choices = [(code, finding_words(code)) for code in codes]  # type: ignore[attr-defined]


@admin.register(ReviewPolicy)
class ReviewPolicyAdmin(AuditedAdmin):
    form = ReviewPolicyForm
    list_display = (
        "trial",
        "review_within_hours",
        "hidden_share",
        "seeded_share",
        "second_review_share",
        "sign_each_decision",
    )
    fieldsets = (
        (None, {"fields": ("trial", "review_within_hours", "query_reminder_days", "sign_each_decision")}),
        ("Time", {"fields": ("idle_after_seconds", "back_to_queue_minutes")}),
        (
            "How well the reviews do",
            {"fields": ("hidden_share", "seeded_share", "second_review_share", "second_review_findings")},
        ),
    )

    def get_readonly_fields(self, request: Any, obj: ReviewPolicy | None = None) -> tuple[str, ...]:
        """A policy stays with its trial."""
        return ("trial",) if obj else ()


@admin.register(ReturnReason)
class ReturnReasonAdmin(AuditedAdmin):
    """A reason is retired, never deleted: earlier decisions name it."""

    list_display = ("trial", "position", "code", "sentence", "retired")
    list_filter = ("trial", "retired")
