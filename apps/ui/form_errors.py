"""What is wrong with a form, where a message says it and not the form itself."""

from django.forms import BaseForm


def in_a_sentence(form: BaseForm) -> str:
    """Return all errors of a form, one behind the other."""
    return " ".join(str(error) for errors in form.errors.values() for error in errors)
