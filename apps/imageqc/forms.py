from django import forms

from apps.intake.models import Series, Submission


class ChooseSlotForm(forms.Form):
    """Which series of the submission stands for a required series; empty leaves it to the check."""

    series = forms.ModelChoiceField(Series.objects.none(), required=False)

    def __init__(self, *args: object, submission: Submission, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["series"].queryset = submission.series.all()  # type: ignore[attr-defined]
