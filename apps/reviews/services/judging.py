"""What an analyst says of one series while the case is on the desk: a verdict of its own, a drawing on a picture."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from apps.accounts.models import User
from apps.audit.lifecycle import Refused
from apps.audit.services import record
from apps.imaging.vocabulary import PICTURES
from apps.intake.models import Series
from apps.reviews.models import Annotation, ReviewCase, SeriesDecision
from apps.reviews.reasons import require_told
from apps.reviews.services.desk import of_this_case, on_the_desk, still_on_the_desk
from apps.reviews.shapes import LONGEST_NOTE, checked_shapes

NEEDS_A_REASON = (SeriesDecision.Verdict.ACCEPT_WITH_DEVIATION, SeriesDecision.Verdict.RETURN_TO_SITE)


def judge_series(
    case: ReviewCase, series: Series, verdict: str, *, by: User, reasons: Sequence[str] = (), note: str = ""
) -> SeriesDecision:
    """Say what becomes of one series; the newest word of a case counts, the earlier ones stay on record."""
    on_the_desk(case, by)
    of_this_case(series, case)
    reasons, note = list(dict.fromkeys(reasons)), note.strip()
    _require_complete(verdict, reasons)
    require_told(reasons, note, case.trial)
    before = standing_words(case).get(series.pk)
    with transaction.atomic():
        still_on_the_desk(case, by)
        word = SeriesDecision.objects.create(
            case=case, series=series, verdict=verdict, reasons=reasons, note=note, decided_by=by
        )
        old = {"verdict": before.verdict, "reasons": before.reasons} if before else {}
        record("series.judged", series, by=by, old=old, new={"verdict": verdict, "reasons": reasons}, because=note)
    return word


def _require_complete(verdict: str, reasons: Sequence[str]) -> None:
    if verdict not in SeriesDecision.Verdict.values:
        raise Refused(f"The verdict on a series is one of {', '.join(SeriesDecision.Verdict.values)}.")
    if verdict in NEEDS_A_REASON and not reasons:
        raise Refused("Choose a reason for this series, so that the site knows what to do.")
    if verdict not in NEEDS_A_REASON and reasons:
        raise Refused("A series that is accepted or out of scope has no reasons against it. Write a note instead.")


def standing_words(case: ReviewCase) -> dict[int, SeriesDecision]:
    """Return the newest word on each series of a case, by the key of the series."""
    return {word.series_id: word for word in case.series_decisions.select_related("series", "decided_by")}


def annotate(
    case: ReviewCase, series: Series, picture: str, shapes: Sequence[Mapping[str, Any]], *, by: User, note: str = ""
) -> Annotation:
    """Keep what the analyst drew on a picture; no shapes takes the earlier drawing away, which stays on record."""
    on_the_desk(case, by)
    of_this_case(series, case)
    if picture not in PICTURES:
        raise Refused(f"There is no picture {picture}. Choose from {', '.join(PICTURES)}.")
    drawn, note = checked_shapes(shapes), note.strip()
    if len(note) > LONGEST_NOTE:
        raise Refused(f"The note on a picture has at most {LONGEST_NOTE} letters; this one has {len(note)}.")
    with transaction.atomic():
        still_on_the_desk(case, by)
        annotation = Annotation.objects.create(
            case=case, series=series, picture=picture, shapes=drawn, note=note, made_by=by
        )
        record("series.annotated", series, by=by, new={"picture": picture, "shapes": len(drawn)}, because=note)
    return annotation


def require_agreement(case: ReviewCase, accepts: bool) -> None:
    """Refuse to accept a submission of which a series goes back to the site."""
    returned = [
        word.series.title
        for word in standing_words(case).values()
        if word.verdict == SeriesDecision.Verdict.RETURN_TO_SITE
    ]
    if accepts and returned:
        raise Refused(
            f"You return {', '.join(returned)} to the site, so the submission cannot be accepted. "
            "Choose Return to site, or judge the series anew."
        )
