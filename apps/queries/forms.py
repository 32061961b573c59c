from typing import Any

from django import forms
from django.utils.functional import cached_property

from apps.accounts.permissions import Person
from apps.imaging.vocabulary import SHOWN_PICTURES
from apps.intake.models import Series, Submission
from apps.protocols.models import RequiredSeries
from apps.queries.drafts import SUBJECT_LENGTH, Draft
from apps.queries.selectors import STANDINGS, UNSETTLED, Filters, findings_asked_about
from apps.queries.services.thread import LONGEST_TEXT
from apps.reviews.selectors import findings_to_choose
from apps.reviews.selectors.worklist import finding_words
from apps.trials.models import Site, Trial

WHOLE = "0-0"
"""The submission as a whole, where a question may be about a series or a slot of it."""


class ListForm(forms.Form):
    """The filters of the list; what is not understood filters nothing."""

    standing = forms.ChoiceField(choices=list(STANDINGS.items()), required=False)
    trial = forms.ModelChoiceField(Trial.objects.none(), required=False, empty_label="All trials")
    site = forms.ModelChoiceField(Site.objects.none(), required=False, empty_label="All sites")
    finding = forms.ChoiceField(required=False)

    def __init__(self, given: Any, *, person: Person) -> None:
        super().__init__(given)
        self.fields["trial"].queryset = Trial.objects.visible_to(person)  # type: ignore[attr-defined]
        self.fields["site"].queryset = Site.objects.visible_to(person).select_related("trial")  # type: ignore[attr-defined]
        codes = findings_asked_about(person)
        self.fields["finding"].choices = [  # type: ignore[attr-defined]
            ("", "Any finding"),
            *((code, finding_words(code)) for code in codes),
        ]
        self.full_clean()

    @property
    def filters(self) -> Filters:
        """The filters that were understood."""
        given = self.cleaned_data
        return Filters(
            standing=given.get("standing") or UNSETTLED,
            trial=given.get("trial"),
            site=given.get("site"),
            finding=given.get("finding", ""),
        )


class TextForm(forms.Form):
    """A text for the thread; the service says where one is needed."""

    text = forms.CharField(required=False, max_length=LONGEST_TEXT, strip=True)


class SeriesChoices:
    """What a question about a submission can be about, and the pictures that can go with it."""

    def __init__(self, submission: Submission) -> None:
        self.slots = list(submission.slots.select_related("required", "series").defer("series__digest"))
        self.series = list(submission.series.defer("digest"))

    @cached_property
    def about(self) -> list[tuple[str, str]]:
        """The choices: all of it, each slot with the series in it, each series that fills none."""
        used = {slot.series_id for slot in self.slots}
        return [
            (WHOLE, "The submission as a whole"),
            *(
                (f"{slot.series_id or 0}-{slot.required_id}", f"{slot.required}: {slot.series or 'no series'}")
                for slot in self.slots
            ),
            *((f"{series.pk}-0", series.title) for series in self.series if series.pk not in used),
        ]

    @cached_property
    def pictured(self) -> list[tuple[Series, list[tuple[str, str]]]]:
        """Per series with pictures the value of each choice and the picture's name."""
        return [
            (series, [(f"{series.pk}:{name}", name) for name in SHOWN_PICTURES])
            for series in self.series
            if series.digest_sha256
        ]


class AskForm(forms.Form):
    """A question about one submission."""

    subject = forms.CharField(
        label="Question in one line",
        max_length=SUBJECT_LENGTH,
        widget=forms.TextInput(attrs={"data-focus": "", "autocomplete": "off"}),
        error_messages={"required": "Write the question in one line."},
    )
    text = forms.CharField(
        label="Text for the site",
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 7}),
        help_text="No names, birth dates or hospital numbers: the site knows the subject by its screening number.",
        error_messages={"required": "Write what the site should say."},
    )
    about = forms.ChoiceField(label="About")
    finding_code = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    pictures = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, given: Any = None, *, choices: SeriesChoices, draft: Draft | None = None) -> None:
        initial = (
            {
                "subject": draft.subject,
                "text": draft.text,
                "about": draft.about,
                "finding_code": draft.finding_code,
                "pictures": [f"{pk}:{name}" for pk, name in draft.pictures],
            }
            if draft
            else None
        )
        super().__init__(given, initial=initial, auto_id="ask_%s")
        self.offered = choices
        self.fields["about"].choices = choices.about  # type: ignore[attr-defined]
        self.fields["pictures"].choices = [  # type: ignore[attr-defined]
            choice for _, pictures in choices.pictured for choice in pictures
        ]

    @property
    def picture_choices(self) -> list[tuple[Series, bool, list[tuple[str, str, bool]]]]:
        """Per series with pictures whether any is ticked, and of each its value, its name and whether it is."""
        ticked = set(self["pictures"].value() or ())
        return [
            (
                series,
                any(value in ticked for value, _ in pictures),
                [(value, name, value in ticked) for value, name in pictures],
            )
            for series, pictures in self.offered.pictured
        ]

    @property
    def question(self) -> dict[str, Any]:
        """What `ask` takes, beside the submission."""
        given = self.cleaned_data
        series, required = (int(key) for key in given["about"].split("-"))
        return {
            "subject": given["subject"],
            "text": given["text"],
            "series": next((each for each in self.offered.series if each.pk == series), None),
            "required": self._required(required),
            "finding_code": given["finding_code"],
            "pictures": [(int(pk), name) for pk, _, name in (each.partition(":") for each in given["pictures"])],
        }

    def _required(self, pk: int) -> RequiredSeries | None:
        return next((slot.required for slot in self.offered.slots if slot.required_id == pk), None)


class SeveralForm(forms.Form):
    """Which waiting submissions are asked together: those that share a finding, of a trial or site."""

    finding = forms.ChoiceField(required=False)
    site = forms.ModelChoiceField(Site.objects.none(), required=False, empty_label="All sites")

    def __init__(self, given: Any, *, person: Person, trials: Any) -> None:
        super().__init__(given)
        self.fields["finding"].choices = [  # type: ignore[attr-defined]
            ("", "Any finding"),
            *findings_to_choose(person),
        ]
        self.fields["site"].queryset = Site.objects.filter(trial__in=trials).select_related("trial")  # type: ignore[attr-defined]
        self.full_clean()


class QuestionForm(forms.Form):
    """The question that goes to several."""

    subject = forms.CharField(label="Question in one line", max_length=SUBJECT_LENGTH)
    text = forms.CharField(
        label="Text for the sites",
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="No names, birth dates or hospital numbers.",
    )
