from apps.reviews.models import ReviewCase
from apps.reviews.selectors import case_history
from apps.reviews.selectors.history import _WORDS
from apps.reviews.services import claim, correct_label, release
from apps.ui.icons import ICONS
from tests.cast import Cast
from tests.factories import claimed_case
from tests.signing import decide


def test_the_trail_tells_each_step_once_in_words_latest_first(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.abel)
    release(case, by=cast.abel)
    case = ReviewCase.objects.get(pk=case.pk)
    claim(case, by=cast.anna)
    correct_label(case, case.submission.series.get(number=1), "body_part", "neck", by=cast.anna)
    decide(case, "accept_with_deviation", by=cast.anna, reasons=["artefacts"], note="Still readable.")
    told = [(event.what, event.who, event.why) for event in case_history(case).events]
    assert told == [
        ("Accepted with deviation", "Anna", "Still readable."),
        ("Label of series 1 set: Body part Neck", "Anna", ""),
        ("Taken for review", "Anna", ""),
        ("Put back into the queue", "Abel", ""),
        ("Taken for review", "Abel", ""),
        ("Put into the queue", "CoreQC", ""),
        ("Transferred to the core lab", "Carla", ""),
        ("Submission begun", "Carla", ""),
    ]


def test_the_time_of_all_who_held_the_case_is_added(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.abel)
    case.sessions.update(active_seconds=30)
    release(case, by=cast.abel)
    claim(ReviewCase.objects.get(pk=case.pk), by=cast.anna)
    case.sessions.filter(ended_at=None).update(active_seconds=12)
    assert 42 <= case_history(case).active_seconds < 43


def test_every_step_has_an_icon_that_exists() -> None:
    assert _WORDS and {icon for _, icon in _WORDS.values()} <= ICONS
