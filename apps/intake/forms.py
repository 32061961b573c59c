from typing import cast

from django import forms
from django.http import QueryDict

from apps.intake.selectors import NEEDS

WHY = forms.Textarea(attrs={"rows": 3, "maxlength": 2000})


class VisitFilterForm(forms.Form):
    subject = forms.CharField(
        required=False, max_length=20, widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"})
    )
    need = forms.ChoiceField(
        label="Show", required=False, choices=[("", "All visits"), *((need.name, need.title) for need in NEEDS)]
    )


class ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Any number of files of one request, empty ones included: the service says what becomes of each."""

    widget = ManyFiles

    def clean(self, data, initial=None):
        files = data if isinstance(data, list | tuple) else [data]
        return [super(ManyFilesField, self).clean(file, initial) for file in files]


class UploadForm(forms.Form):
    """Files with, beside each, its path in the folder that was chosen."""

    files = ManyFilesField(allow_empty_file=True, max_length=None)  # type: ignore[assignment]
    more = forms.BooleanField(required=False)

    def uploads(self) -> list:
        """Return (given name, content) of each file."""
        files = self.cleaned_data["files"]
        paths = cast(QueryDict, self.data).getlist("path")
        names = paths if len(paths) == len(files) else [file.name for file in files]
        return list(zip(names, files, strict=True))


class TransferForm(forms.Form):
    reason = forms.CharField(
        label="Reason", required=False, max_length=2000, widget=WHY, help_text="The analyst reads it beside the images."
    )


class WithdrawForm(forms.Form):
    reason = forms.CharField(label="Reason", required=False, max_length=2000, widget=WHY)
