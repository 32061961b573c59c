from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from apps.audit.triggers import but_for

REASONS = {
    "wrong_body_part": "The scan shows another body part than the protocol asks for.",
    "wrong_contrast": "The contrast is not as the protocol asks.",
    "series_missing": "A required series is missing.",
    "incomplete_coverage": "The scan does not cover the whole region.",
    "thick_slices": "The slices are thicker or further apart than the protocol allows.",
    "slices_missing": "Slices are missing inside the series.",
    "wrong_subject": "The images seem to belong to another subject or visit.",
    "artefacts": "Artefacts or noise make the images unusable.",
    "identifying_information": "The images show information that identifies the patient.",
    "other": "Another reason; see the note.",
}
"""As they read before a decision kept them itself."""


def fill_cases(apps: StateApps, schema: BaseDatabaseSchemaEditor) -> None:
    """Every case so far is the only one of its submission, and gives it its outcome."""
    cases = apps.get_model("reviews", "ReviewCase").objects
    for case in cases.select_related("submission__visit__subject__site").iterator(2000):
        site = case.submission.visit.subject.site
        cases.filter(pk=case.pk).update(trial=site.trial_id, site=site.pk, settles=True)


def fill_reasons(apps: StateApps, schema: BaseDatabaseSchemaEditor) -> None:
    """Decisions keep the sentences that the site has read."""
    decisions = apps.get_model("reviews", "Decision").objects
    for decision in decisions.exclude(reasons=[]).iterator(2000):
        decisions.filter(pk=decision.pk).update(reason_texts=[REASONS.get(code, code) for code in decision.reasons])


class Migration(migrations.Migration):
    dependencies = (("reviews", "0004_desk"),)
    operations = (
        migrations.RunPython(fill_cases, migrations.RunPython.noop),
        *but_for("reviews_decision", migrations.RunPython(fill_reasons, migrations.RunPython.noop)),
    )
