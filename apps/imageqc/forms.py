from django import forms

from apps.imageqc.services.declaring import LONGEST_NOTE, labels_to_declare
from apps.intake.models import Series, Submission


class ChooseSlotForm(forms.Form):
    """Which series of the submission stands for a required series; empty leaves it to the check."""

    series = forms.ModelChoiceField(Series.objects.none(), required=False)
    note = forms.CharField(required=False, max_length=LONGEST_NOTE)

    def __init__(self, *args: object, submission: Submission, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["series"].queryset = submission.series.all()  # type: ignore[attr-defined]


class DeclarationForm(forms.Form):
    """What the coordinator says that a series is; empty says nothing of it."""

    body_part = forms.ChoiceField(required=False, choices=lambda: _choices("body_part"))
    contrast = forms.ChoiceField(required=False, choices=lambda: _choices("contrast"))
    note = forms.CharField(required=False, max_length=LONGEST_NOTE)


def _choices(module: str) -> list[tuple[str, str]]:
    return [("", ""), *((label, label) for label in labels_to_declare(module))]
