"""What the pages of a study read from the person."""

from typing import Any

from django import forms

from apps.accounts.models import User
from apps.accounts.permissions import Person
from apps.imaging.vocabulary import LONGEST_CLASS_NAME
from apps.protocols.labels import body_part_choices, known_labels
from apps.studies.candidates import ScanFilter
from apps.studies.models import WASHOUT_DAYS, ReadingStudy
from apps.studies.permissions import possible_readers, trials_to_study
from apps.studies.references import MODULES
from apps.studies.services.planning import LONGEST_WASHOUT_DAYS, MOST_SCANS
from apps.trials.models import Site, Trial
from apps.ui.words import label_words


class PlanForm(forms.Form):
    """Name and washout of a study."""

    name = forms.CharField(
        max_length=80, help_text="People see it with their readings: say what is read, not what is expected."
    )
    washout_days = forms.IntegerField(
        label="Washout, days",
        min_value=0,
        max_value=LONGEST_WASHOUT_DAYS,
        initial=WASHOUT_DAYS,
        help_text="From an analyst’s last reading in the first arm to the opening of the second.",
    )


class NewStudyForm(PlanForm):
    """A study to plan, of one of the trials that the person manages."""

    trial = forms.ModelChoiceField(Trial.objects.none(), empty_label=None)
    field_order = ("trial", "name", "washout_days")

    def __init__(self, *args: Any, person: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["trial"].queryset = trials_to_study(person)  # type: ignore[attr-defined]


class ScanFilterForm(forms.Form):
    """Which scans may be added; what is not understood filters nothing."""

    site = forms.ModelChoiceField(Site.objects.none(), required=False, empty_label="All sites")
    body_part = forms.ChoiceField(required=False, label="AI body part")
    contrast = forms.ChoiceField(required=False, label="AI contrast")
    with_reference = forms.BooleanField(required=False, label="Decided at review")
    abstained = forms.BooleanField(required=False, label="AI not sure")

    def __init__(self, query: Any, *, study: ReadingStudy) -> None:
        super().__init__(query)
        self.fields["site"].queryset = Site.objects.filter(trial=study.trial_id)  # type: ignore[attr-defined]
        self.fields["body_part"].choices = [  # type: ignore[attr-defined]
            ("", "All"),
            *((label, label_words(label)) for label, _ in body_part_choices()),
        ]
        self.fields["contrast"].choices = [  # type: ignore[attr-defined]
            ("", "All"),
            *((label, label_words(label)) for label in known_labels("contrast")),
        ]
        self.full_clean()

    @property
    def narrowed(self) -> ScanFilter:
        """The filters that were understood."""
        given = self.cleaned_data
        return ScanFilter(
            site=given.get("site"),
            body_part=given.get("body_part", ""),
            contrast=given.get("contrast", ""),
            with_reference=given.get("with_reference", False),
            abstained=given.get("abstained", False),
        )

    @property
    def query(self) -> dict[str, Any]:
        """The filters as hidden fields carry them on."""
        chosen = self.narrowed
        pairs = {
            "site": chosen.site and chosen.site.pk,
            "body_part": chosen.body_part,
            "contrast": chosen.contrast,
            "with_reference": chosen.with_reference and "on",
            "abstained": chosen.abstained and "on",
        }
        return {name: value for name, value in pairs.items() if value}


class AddScansForm(forms.Form):
    """How many of the scans that the filter shows: all, or so many at random."""

    how = forms.ChoiceField(choices=[("all", "All"), ("random", "At random")])
    n = forms.IntegerField(min_value=1, max_value=MOST_SCANS, required=False)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("how") == "random" and not given.get("n"):
            raise forms.ValidationError(f"Say how many scans to draw: 1 to {MOST_SCANS}.")
        return given


class ReadersForm(forms.Form):
    """Who reads."""

    analysts = forms.ModelMultipleChoiceField(
        User.objects.none(), required=False, widget=forms.CheckboxSelectMultiple, label="Analysts"
    )

    def __init__(self, *args: Any, study: ReadingStudy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["analysts"].queryset = possible_readers(study)  # type: ignore[attr-defined]


class ScanChoiceForm(forms.Form):
    """The ticked scans of a draft."""

    scan = forms.TypedMultipleChoiceField(coerce=int)

    def __init__(self, *args: Any, study: ReadingStudy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scan"].choices = [  # type: ignore[attr-defined]
            (pk, pk) for pk in study.scans.values_list("pk", flat=True)
        ]


def references_given(posted: Any, study: ReadingStudy) -> dict[int, dict[str, str]]:
    """Return per scan and module the reference label that was chosen; what is no field of the page is left out."""
    given: dict[int, dict[str, str]] = {}
    for pk in study.scans.values_list("pk", flat=True):
        labels = {module: posted[f"{module}-{pk}"] for module in MODULES if f"{module}-{pk}" in posted}
        if labels:
            given[pk] = labels
    return given


class ReadingForm(forms.Form):
    """What the analyst sees on a scan."""

    body_part = forms.CharField(max_length=LONGEST_CLASS_NAME)
    contrast = forms.CharField(max_length=LONGEST_CLASS_NAME)
