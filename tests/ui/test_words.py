"""Every stored word has one that people read."""

import re
from pathlib import Path

import pytest

from apps.accounts.models import Role
from apps.imageqc.models import SlotMatch
from apps.imaging.findings import Severity
from apps.imaging.vocabulary import PICTURES
from apps.intake.models import ReceivedFile, Series, Submission
from apps.intake.selectors import VISIT_STATES
from apps.notices.kinds import KINDS
from apps.reviews.models import Decision, ReviewCase
from apps.studies.models import ReadingStudy
from apps.ui import words
from apps.ui.icons import ICONS

SPRITE = Path(__file__).resolve().parents[2] / "static" / "icons" / "sprite.svg"


@pytest.mark.parametrize(
    "kind, stored",
    [
        ("submission", Submission.Status.values),
        ("series", Series.Status.values),
        ("file", ReceivedFile.Status.values),
        ("slot", SlotMatch.State.values),
        ("case", ReviewCase.Status.values),
        ("verdict", Decision.Verdict.values),
        ("study", ReadingStudy.Status.values),
        ("visit", VISIT_STATES),
        ("notice", KINDS),
        ("timing", ("upcoming", "due", "late")),
    ],
)
def test_each_status_of_the_models_has_a_word(kind, stored):
    assert set(stored) <= set(words.STATUSES[kind])


def test_each_severity_and_role_has_a_word():
    assert set(words.SEVERITIES) == set(Severity)
    assert set(words.ROLES) == {*Role.values, "administrator"}


@pytest.mark.parametrize(
    "label, said",
    [
        ("brain", "Brain"),
        ("abdomen_pelvis", "Abdomen and pelvis"),
        ("whole_body", "Whole body"),
        ("non_contrast", "Non-contrast"),
        ("portal_venous", "Portal venous"),
        ("other", "Another body part"),
        ("either", "With or without contrast"),
    ],
)
def test_a_label_reads_as_people_say_it(label, said):
    assert words.label_words(label) == said


def test_a_picture_is_named_by_conversion_and_plane():
    assert [words.picture_words(name) for name in (PICTURES[0], PICTURES[-1])] == ["MIP axial", "Mid-plane coronal"]


def test_no_label_reads_not_sure():
    assert words.label_words(None) == words.label_words("") == "Not sure"


def test_an_unknown_status_is_refused_by_name():
    with pytest.raises(ValueError, match="no word for the series status 'lost'"):
        words.status_word("series", "lost")


def test_the_sprite_has_exactly_the_icons_that_the_code_names():
    assert set(re.findall(r'<symbol id="([\w-]+)"', SPRITE.read_text())) == ICONS


def test_words_use_known_tones_and_icons():
    every = [word for kind in words.STATUSES.values() for word in kind.values()] + list(words.SEVERITIES.values())
    assert {word.tone for word in every} <= set(words.TONES)
    assert {word.icon for word in every} <= ICONS
