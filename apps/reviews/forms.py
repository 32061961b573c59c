"""What the desk's pages read from the person."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db import models

from apps.accounts.models import Membership, Role, User
from apps.accounts.permissions import Person, is_person
from apps.imaging.vocabulary import LONGEST_CLASS_NAME
from apps.reviews.models import Decision, LabelCorrection, SeriesDecision
from apps.reviews.reasons import reasons_of
from apps.reviews.selectors import STANDINGS, TO_DO, Filters, findings_to_choose
from apps.reviews.shapes import LONGEST_NOTE
from apps.trials.models import Site, Trial


class WorklistForm(forms.Form):
    """The filters of the worklist; what is not understood filters nothing."""

    standing = forms.ChoiceField(choices=list(STANDINGS.items()), required=False)
    trial = forms.ModelChoiceField(Trial.objects.none(), required=False)
    site = forms.ModelChoiceField(Site.objects.none(), required=False)
    subject = forms.CharField(required=False, max_length=20)
    ai_disagrees = forms.BooleanField(required=False, label="AI disagrees")
    abstained = forms.BooleanField(required=False, label="AI not sure")
    finding = forms.ChoiceField(required=False)
    second = forms.BooleanField(required=False, label="Second review")
    reopened = forms.BooleanField(required=False, label="Reopened")
    answered = forms.BooleanField(required=False, label="Query answered")
    priority = forms.BooleanField(required=False, label="High or urgent")

    def __init__(self, query: Any, *, person: Person) -> None:
        super().__init__(query)
        trials = _trials_of_the_desk(person)
        self.fields["trial"].queryset = trials  # type: ignore[attr-defined]
        self.fields["site"].queryset = (  # type: ignore[attr-defined]
            Site.objects.filter(trial__in=trials).select_related("trial")
        )
        self.fields["finding"].choices = [  # type: ignore[attr-defined]
            ("", "Any finding"),
            *findings_to_choose(person),
        ]
        self.fields["subject"].widget.attrs |= {"type": "search", "autocomplete": "off", "placeholder": "101-004"}
        self.full_clean()

    @property
    def filters(self) -> Filters:
        """The filters that were understood."""
        given = self.cleaned_data
        return Filters(
            standing=given.get("standing") or TO_DO,
            trial=given.get("trial"),
            site=given.get("site"),
            subject=given.get("subject", ""),
            ai_disagrees=given.get("ai_disagrees", False),
            abstained=given.get("abstained", False),
            finding=given.get("finding", ""),
            second=given.get("second", False),
            reopened=given.get("reopened", False),
            answered=given.get("answered", False),
            priority=given.get("priority", False),
        )

    @property
    def query(self) -> str:
        """The filters as an address carries them, without the standing: they stay when the next case is claimed."""
        chosen = self.filters
        pairs = {
            "trial": chosen.trial and chosen.trial.pk,
            "site": chosen.site and chosen.site.pk,
            "subject": chosen.subject,
            "ai_disagrees": chosen.ai_disagrees and "on",
            "abstained": chosen.abstained and "on",
            "finding": chosen.finding,
            "second": chosen.second and "on",
            "reopened": chosen.reopened and "on",
            "answered": chosen.answered and "on",
            "priority": chosen.priority and "on",
        }
        return urlencode({name: value for name, value in pairs.items() if value})


def _trials_of_the_desk(person: Person) -> models.QuerySet[Trial]:
    """Return the trials that the person sees from the core lab's side."""
    if is_person(person) and person.is_superuser:
        return Trial.objects.all()
    own = Membership.objects.filter(user=person.pk).exclude(role=Role.CRC)
    return Trial.objects.filter(pk__in=own.values("trial"))


class SavedViewForm(forms.Form):
    """The name of a set of filters."""

    name = forms.CharField(max_length=40, error_messages={"required": "Give the view a name."})
    query = forms.CharField(max_length=400, required=False)
    replace = forms.BooleanField(required=False)


class DecisionForm(forms.Form):
    """The verdict with its reasons; the service says what belongs together."""

    verdict = forms.ChoiceField(
        choices=Decision.Verdict, widget=forms.RadioSelect, error_messages={"required": "Choose a verdict first."}
    )
    reasons = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, required=False)
    note = forms.CharField(required=False, max_length=4000)
    password = forms.CharField(required=False, strip=False)

    def __init__(self, given: Any = None, *, trial: Trial, initial: Any = None) -> None:
        super().__init__(given, initial=initial)
        self.offered = reasons_of(trial)
        self.fields["reasons"].choices = list(self.offered.items())  # type: ignore[attr-defined]

    @property
    def reason_lines(self) -> list[tuple[str, str, str, bool]]:
        """Per reason its code, its sentence, the key that ticks it (1 to 9, then 0), and whether it is ticked."""
        ticked = self["reasons"].value() or []
        return [
            (code, sentence, str(number % 10), code in ticked)
            for number, (code, sentence) in enumerate(self.offered.items(), start=1)
        ]


class SeriesVerdictForm(forms.Form):
    """The verdict on one series; the service says what belongs together."""

    series = forms.IntegerField()
    verdict = forms.ChoiceField(
        choices=SeriesDecision.Verdict, error_messages={"required": "Choose what becomes of the series."}
    )
    reasons = forms.MultipleChoiceField(required=False)
    note = forms.CharField(required=False, max_length=4000)

    def __init__(self, given: Any, *, trial: Trial) -> None:
        super().__init__(given)
        self.fields["reasons"].choices = list(reasons_of(trial).items())  # type: ignore[attr-defined]


UNREADABLE_DRAWING = "The drawing cannot be read. Draw it again."


class AnnotationForm(forms.Form):
    """What was drawn on a picture."""

    series = forms.IntegerField()
    picture = forms.CharField(max_length=20)
    shapes = forms.JSONField(required=False, error_messages={"invalid": UNREADABLE_DRAWING})
    """An empty list is a drawing, too: it takes the earlier one away."""
    note = forms.CharField(required=False, max_length=LONGEST_NOTE)

    def clean_shapes(self) -> list[Any]:
        """A drawing is a list of shapes."""
        shapes = self.cleaned_data["shapes"]
        if not isinstance(shapes, list):
            raise forms.ValidationError(UNREADABLE_DRAWING)
        return shapes


class TimeCorrectionForm(forms.Form):
    """Seconds that are added to or taken from a person's time."""

    analyst = forms.ModelChoiceField(User.objects.all())
    seconds = forms.FloatField(
        min_value=-24 * 3600,
        max_value=24 * 3600,
        error_messages={"required": "Say how many seconds to add (12) or to take away (-12)."},
    )
    reason = forms.CharField(
        max_length=1000, error_messages={"required": "Say why the time is corrected; the reason stays beside it."}
    )


class CorrectionForm(forms.Form):
    """A label that the analyst sees on the pictures of one series."""

    series = forms.IntegerField()
    module = forms.ChoiceField(choices=LabelCorrection.Module)
    label = forms.CharField(max_length=LONGEST_CLASS_NAME, error_messages={"required": "Choose a label from the list."})
