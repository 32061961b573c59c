"""Who gets which answer at which address: one row per address, one column per person.

A new address without a row fails `test_every_address_has_a_row`. Strangers get 404, people who may look but not act
403, nobody signed in 302 to the log-in page (401 from the API).

Columns: nobody signed in, Carla (CRC of the site), Chen (CRC of another site), Anna (analyst of the trial, holds the
case), Abel (analyst, does not hold it), Mira (manager), Otto (analyst of another trial), Root (administrator).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from apps.intake.models import Part, Submission
from apps.intake.services.receipts import issue_receipt
from apps.notices.models import Notice
from apps.notices.services import notify
from apps.queries.services import answer
from apps.reviews.models import Annotation, ReviewCase
from apps.reviews.services import annotate
from tests.cast import PASSWORD, Cast
from tests.factories import checked_submission, claimed_case
from tests.queries.scenes import asked, days_pass
from tests.studies.scenes import reading_at_hand

ACCEPT = {"verdict": "accept", "password": PASSWORD}
JUDGED = {"label": "", "verdict": "accept"}
DRAWN = {"label": "", "picture": "mip_axial", "shapes": "[]"}
BECAUSE = {"because": "Look again"}
TIME = {"analyst": "anna", "seconds": "5", "reason": "The telephone rang."}
PEOPLE = ("nobody", "carla", "chen", "anna", "abel", "mira", "otto", "root")


@dataclass(frozen=True)
class Row:
    """An address, how it is asked, and the answer for each of PEOPLE."""

    name: str
    answers: str
    method: str = "get"
    of: str = ""
    """What it is about: visit, open (a checked submission of Chen's), submission, series, case, trial, notice,
    annotation, study (Anna reads in it), reading (the scan that she has at hand),
    query (open, about the case's submission), answered (the same, with Carla's answer), waiting (the same, asked two
    days ago)."""
    more: tuple[Any, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)


ASKED = {"subject": "Was contrast given?", "text": "Please ask.", "about": "0-0"}

ROWS = (
    #                       nobody carla chen anna abel mira otto root
    Row("ui:home", "            302 302 302 302 302 302 302 302"),
    Row("ui:help", "            200 200 200 200 200 200 200 200"),
    Row("accounts:login", "     200 302 302 302 302 302 302 302"),
    Row("accounts:logout", "    302 302 302 302 302 302 302 302", "post"),
    Row("accounts:password", "  302 200 200 200 200 200 200 200"),
    Row("accounts:password_changed", "302 200 200 200 200 200 200 200"),
    Row("health", "             200 200 200 200 200 200 200 200"),
    Row("health-live", "        200 200 200 200 200 200 200 200"),
    Row("intake:visits", "      302 200 200 200 200 200 200 200"),
    Row("intake:visit", "       302 200 404 200 200 200 404 200", of="visit"),
    Row("intake:begin", "       302 302 404 403 403 403 404 403", "post", of="visit"),
    Row("intake:submission", "  302 200 404 200 200 200 404 200", of="submission"),
    Row("intake:progress", "    302 286 404 286 286 286 404 286", of="submission"),
    Row("intake:received", "    302 404 200 200 200 200 404 200", of="open"),
    Row("intake:files", "       302 404 302 403 403 403 404 403", "post", of="open"),
    Row("intake:check", "       302 404 302 403 403 403 404 403", "post", of="open"),
    Row("intake:transfer", "    302 404 302 403 403 403 404 403", "post", of="open"),
    Row("intake:withdraw", "    302 404 302 403 403 403 404 403", "post", of="open"),
    Row("intake:missing", "     302 404 200 403 403 403 404 403", of="open"),
    Row("intake:parts", "       302 404 412 403 403 403 404 403", "post", of="open"),
    Row("intake:part", "        302 404 412 403 403 403 404 403", "head", of="open", more=("its part",)),
    Row("intake:stop", "        302 404 302 403 403 403 404 403", "post", of="open"),
    Row("intake:receipt", "     302 200 404 200 200 200 404 200", of="submission"),
    Row("intake:receipt-pdf", " 302 200 404 200 200 200 404 200", of="submission"),
    Row("intake:picture", "     302 200 404 200 200 200 404 200", of="series", more=("mip_axial",)),
    # The files of the cast's series are no DICOM: who may look is told so.
    Row("intake:slices", "      302 422 404 422 422 422 404 422", of="series"),
    Row("intake:slice", "       302 422 404 422 422 422 404 422", of="series", more=(0,)),
    Row("imageqc:explanation", "302 200 404 200 200 200 404 200", of="series", more=("body_part", "axial")),
    Row("imageqc:bundle", "     302 200 200 200 200 200 200 200"),
    Row("imageqc:choose-slot", "302 404 302 403 403 403 404 403", "post", of="open", more=("required",)),
    Row("notices:list", "       302 200 200 200 200 200 200 200"),
    Row("notices:count", "      302 200 200 200 200 200 200 200"),
    Row("notices:read-all", "   302 302 302 302 302 302 302 302", "post"),
    Row("notices:settings", "   302 200 200 200 200 200 200 200"),
    Row("intake:profile", "     302 404 200 403 403 403 404 403", of="open"),
    Row("intake:describe", "    302 404 400 403 403 403 404 403", "post", of="open"),
    Row("imageqc:digest", "     302 404 400 403 403 403 404 403", "post", of="open"),
    Row("imageqc:declare", "    302 404 302 403 403 403 404 403", "post", of="open", more=("its series",)),
    Row("reviews:worklist", "   302 403 403 200 200 200 200 200"),
    Row("reviews:wall", "       302 403 403 200 200 200 200 200"),
    Row("reviews:claim-next", " 302 403 403 302 302 403 302 403", "post"),
    Row("reviews:upcoming", "   302 403 403 200 200 403 200 403"),
    Row("reviews:case", "       302 404 404 200 200 200 404 200", of="case"),
    Row("reviews:claim", "      302 404 404 302 302 403 404 403", "post", of="case"),
    Row("reviews:release", "    302 404 404 302 403 403 404 403", "post", of="case"),
    Row("reviews:take-over", "  302 404 404 302 302 403 404 403", "post", of="case", body={"because": "Ill"}),
    Row("reviews:put-back", "   302 404 404 403 403 302 404 403", "post", of="case", body={"because": "Ill"}),
    Row("reviews:save-view", "  302 403 403 302 302 302 302 302", "post", body={"name": "Mine"}),
    Row("reviews:rename-view", "302 404 404 404 404 404 404 404", "post", of="case", body={"name": "Other"}),
    Row("reviews:delete-view", "302 404 404 404 404 404 404 404", "post", of="case"),
    Row("reviews:beat", "       302 404 404 200 403 403 404 403", "post", of="case"),
    Row("reviews:decide", "     302 404 404 302 403 403 404 403", "post", of="case", body=ACCEPT),
    Row("reviews:correct", "    302 404 404 302 403 403 404 403", "post", of="case", body={"body_part": "neck"}),
    Row("reviews:judge", "      302 404 404 302 403 403 404 403", "post", of="case", body=JUDGED),
    Row("reviews:annotate", "   302 404 404 302 403 403 404 403", "post", of="case", body=DRAWN),
    Row("reviews:annotated", "  302 404 404 200 200 200 404 200", of="annotation"),
    Row("reviews:correct-time", "302 404 404 302 403 302 404 403", "post", of="case", body=TIME),
    Row("reviews:reopen", "     302 404 404 302 302 403 404 403", "post", of="case", body={"because": "Look again"}),
    Row("reviews:last-returns", "302 200 404 403 403 403 404 403", of="visit"),
    Row("queries:list", "       302 200 200 200 200 200 200 200"),
    Row("queries:query", "      302 200 404 200 200 200 404 200", of="query"),
    Row("queries:of-submission", "302 403 404 200 200 200 404 200", of="submission"),
    Row("queries:of-visit", "   302 200 404 200 200 200 404 200", of="visit"),
    Row("queries:ask", "        302 403 404 302 302 403 404 403", "post", of="submission", body=ASKED),
    Row("queries:ask-several", "302 403 403 200 200 403 200 403"),
    Row("queries:answer", "     302 302 404 403 403 403 404 403", "post", of="query", body={"text": "Yes."}),
    Row("queries:ask-again", "  302 403 404 302 302 403 404 403", "post", of="answered", body={"text": "When?"}),
    Row("queries:remind", "     302 403 404 302 302 403 404 403", "post", of="waiting"),
    Row("queries:close", "      302 403 404 302 302 403 404 403", "post", of="answered"),
    Row("queries:close-several", "302 403 403 302 302 403 302 403", "post"),
    Row("queries:cancel", "     302 403 404 302 302 403 404 403", "post", of="query", body={"text": "In error."}),
    Row("compliance:overview", "302 200 200 200 200 302 200 302"),
    Row("compliance:trial", "   302 404 404 404 404 200 404 200", of="trial"),
    Row("compliance:csv", "     302 404 404 404 404 200 404 200", of="trial"),
    Row("compliance:agreement", "302 404 404 404 404 200 404 200", of="trial"),
    Row("compliance:agreement-csv", "302 404 404 404 404 200 404 200", of="trial", more=("first-reviews",)),
    Row("compliance:visits", "  302 404 404 404 404 200 404 200", of="trial", more=("expected",)),
    Row("studies:studies", "    302 200 200 200 200 200 200 200"),
    Row("studies:new", "        302 403 403 403 403 200 403 403"),
    Row("studies:study", "      302 404 404 403 404 200 404 200", of="study"),
    Row("studies:change", "     302 404 404 403 404 302 404 403", "post", of="study"),
    Row("studies:add-scans", "  302 404 404 403 404 302 404 403", "post", of="study"),
    Row("studies:remove-scans", "302 404 404 403 404 302 404 403", "post", of="study"),
    Row("studies:references", " 302 404 404 403 404 302 404 403", "post", of="study"),
    Row("studies:readers", "    302 404 404 403 404 302 404 403", "post", of="study"),
    Row("studies:start", "      302 404 404 403 404 302 404 403", "post", of="study"),
    Row("studies:close", "      302 404 404 403 404 302 404 403", "post", of="study"),
    Row("studies:result", "     302 404 404 403 404 200 404 200", of="study"),
    Row("studies:csv", "        302 404 404 403 404 200 404 200", of="study"),
    Row("studies:readings", "   302 200 200 200 200 200 200 200"),
    Row("studies:begin", "      302 404 404 302 404 403 404 403", "post", of="study"),
    Row("studies:reading", "    302 404 404 200 404 404 404 404", of="reading"),
    Row("studies:beat", "       302 404 404 200 404 404 404 404", "post", of="reading"),
    Row("studies:pause", "      302 404 404 204 404 404 404 404", "post", of="reading"),
    Row("studies:read", "       302 404 404 302 404 404 404 404", "post", of="reading"),
    Row("studies:picture", "    302 404 404 200 404 404 404 404", of="reading", more=("mip_axial",)),
    Row("api-token", "          400 400 400 400 400 400 400 400", "post"),
    Row("api-schema", "         200 200 200 200 200 200 200 200"),
    Row("api-docs", "           200 200 200 200 200 200 200 200"),
    Row("api-nothing", "        401 404 404 404 404 404 404 404", more=("no/such",)),
    Row("api-compliance", "     401 404 404 404 404 200 404 200", of="trial"),
    Row("api-picture", "        401 200 404 200 200 200 404 200", of="series", more=("mip_axial",)),
    Row("api-explanation", "    401 200 404 200 200 200 404 200", of="series", more=("body_part", "axial")),
    Row("api-visit-list", "     401 200 200 200 200 200 200 200"),
    Row("api-visit-detail", "   401 200 404 200 200 200 404 200", of="visit"),
    Row("api-submission-list", "401 200 200 200 200 200 200 200"),
    Row("api-submission-detail", "401 200 404 200 200 200 404 200", of="submission"),
    Row("api-submission-files", "401 404 400 400 400 400 404 400", "post", of="open"),
    Row("api-submission-check", "401 404 202 403 403 403 404 403", "post", of="open"),
    Row("api-submission-transfer", "401 404 200 403 403 403 404 403", "post", of="open"),
    Row("api-submission-receipt", "401 200 404 200 200 200 404 200", of="submission"),
    Row("api-submission-withdraw", "401 404 200 403 403 403 404 403", "post", of="open"),
    Row("api-notice-list", "    401 200 200 200 200 200 200 200"),
    Row("api-notice-detail", "  401 200 404 404 404 404 404 404", of="notice"),
    Row("api-notice-read", "    401 200 404 404 404 404 404 404", "post", of="notice"),
    Row("api-query-list", "     401 200 200 200 200 200 200 200"),
    Row("api-query-detail", "   401 200 404 200 200 200 404 200", of="query"),
    Row("api-query-answer", "   401 200 404 403 403 403 404 403", "post", of="query", body={"text": "Yes."}),
    Row("api-query-ask-again", "401 403 404 200 200 403 404 403", "post", of="answered", body={"text": "When?"}),
    Row("api-query-remind", "   401 403 404 200 200 403 404 403", "post", of="waiting"),
    Row("api-query-close", "    401 403 404 200 200 403 404 403", "post", of="answered"),
    Row("api-query-cancel", "   401 403 404 200 200 403 404 403", "post", of="query", body={"text": "In error."}),
    Row("api-review-case-list", "401 200 200 200 200 200 200 200"),
    Row("api-review-case-detail", "401 404 404 200 200 200 404 200", of="case"),
    Row("api-review-case-claim-next", "401 403 403 200 204 403 204 403", "post"),
    Row("api-review-case-claim", "401 404 404 200 409 403 404 403", "post", of="case"),
    Row("api-review-case-release", "401 404 404 200 403 403 404 403", "post", of="case"),
    Row("api-review-case-label", "401 404 404 200 403 403 404 403", "post", of="case", body={"label": "neck"}),
    Row("api-review-case-reopen", "401 404 404 409 409 403 404 403", "post", of="case", body=BECAUSE),
    Row(
        "api-review-case-series-verdict",
        "401 404 404 200 403 403 404 403",
        "post",
        of="case",
        body=JUDGED,
    ),
    Row("api-review-case-decision", "401 404 404 200 403 403 404 403", "post", of="case", body=ACCEPT),
)


@dataclass(frozen=True)
class Scene:
    """Carla's submission lies on Anna's desk, Chen's has been checked and not transferred."""

    cast: Cast
    case: ReviewCase
    open: Submission
    notice: Notice

    def arguments(self, row: Row) -> tuple[Any, ...]:
        if row.of in ("study", "reading"):
            reading = reading_at_hand(self.cast)
            return (reading.reader.study_id if row.of == "study" else reading.pk, *row.more)
        if row.of in ("query", "answered", "waiting"):
            query = asked(self.cast, self.case)
            if row.of == "answered":
                answer(query, "Yes.", by=self.cast.carla)
            elif row.of == "waiting":
                days_pass(query, 2)
            return (query.uuid,)
        about = {
            "": (),
            "visit": (self.cast.visit.pk,),
            "open": (self.open.pk,),
            "submission": (self.case.submission_id,),
            "series": (self.case.submission.series.first().uuid,),
            "case": (self.case.pk,),
            "trial": (self.cast.trial.pk,),
            "notice": (self.notice.pk,),
            "annotation": (Annotation.objects.values_list("pk", flat=True).first(),),
        }[row.of]
        stands_for = {
            "required": self.open.slots.first().required_id,
            "its series": self.open.series.first().uuid,
            "its part": self.open.parts.first().uuid,
        }
        return (*about, *(stands_for.get(part, part) for part in row.more))

    def body(self, row: Row) -> dict[str, Any]:
        """Fill in the keys: of the series whose label is corrected, of the person whose time is."""
        if "analyst" in row.body:
            return {**row.body, "analyst": self.cast.anna.pk}
        if "label" not in row.body and "body_part" not in row.body:
            return row.body
        series = self.case.submission.series.first().pk
        return {**row.body, "series": series, "module": "body_part", "label": "neck"}


@pytest.fixture
def scene(cast: Cast, tiny_bundle: Path) -> Scene:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    annotate(case, case.submission.series.first(), "mip_axial", [], by=cast.anna)
    with transaction.atomic():
        (notice,) = notify(case.submission, "receipt", "All images are here.")
        issue_receipt(case.submission, bundle={"name": "tests", "version": "1", "sha256": "b" * 64}, at=timezone.now())
    checked = checked_submission(cast.chens_visit, by=cast.chen)
    Part.objects.create(submission=checked, size=100, created_by=cast.chen)
    return Scene(cast, case, checked, notice)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_everybody_gets_the_answer_of_the_table(scene: Scene, row: Row) -> None:
    url = reverse(row.name, args=scene.arguments(row))
    told = {}
    for person in PEOPLE:
        client = Client()
        if person != "nobody":
            client.force_login(getattr(scene.cast, person))
        with transaction.atomic():
            told[person] = getattr(client, row.method)(url, scene.body(row)).status_code
            transaction.set_rollback(True)
    assert told == dict(zip(PEOPLE, map(int, row.answers.split()), strict=True))


def named_addresses(patterns: Any = None, prefix: str = "") -> Iterator[str]:
    """Yield the name of each address outside the framework's own admin pages, app namespaces included."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "admin":
                yield from named_addresses(
                    pattern.url_patterns, f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
                )
        elif isinstance(pattern, URLPattern):
            assert pattern.name, f"{pattern} has no name"
            yield f"{prefix}{pattern.name}"


def test_every_address_has_a_row() -> None:
    names = set(named_addresses())
    assert len(names) > 20
    assert names == {row.name for row in ROWS}


def test_the_admin_pages_are_for_administrators(cast: Cast) -> None:
    for person in ("carla", "anna", "mira"):
        client = Client()
        client.force_login(getattr(cast, person))
        assert client.get(reverse("admin:index")).status_code == 302
    client.force_login(cast.root)
    assert client.get(reverse("admin:index")).status_code == 200


def test_received_files_have_no_address_of_their_own(cast: Cast, client: Client) -> None:
    client.force_login(cast.root)
    assert client.get(settings.MEDIA_URL + "received/").status_code == 404
