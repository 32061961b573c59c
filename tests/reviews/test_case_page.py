import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.audit.services import events_about
from apps.imageqc.models import SlotMatch
from apps.imaging.findings import Finding, Severity
from apps.intake.models import ReceivedFile
from apps.reviews.models import Decision, LabelCorrection, ReviewCase
from apps.reviews.services import release
from tests.cast import PASSWORD, Cast
from tests.factories import add_series, claimed_case, waiting_case, without_maps, worked_on
from tests.reviews.time_passes import silent_for
from tests.signing import decide


def address(case: ReviewCase, name: str = "case") -> str:
    return reverse(f"reviews:{name}", args=[case.pk])


@pytest.fixture
def desk(client: Client, cast: Cast) -> ReviewCase:
    """A case that Anna holds, and Anna signed in."""
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    client.force_login(cast.anna)
    return case


@pytest.mark.parametrize(
    ("who", "status"), [("anna", 200), ("abel", 200), ("mira", 200), ("root", 200), ("carla", 404), ("otto", 404)]
)
def test_the_core_lab_of_the_trial_reads_a_case(client: Client, cast: Cast, who: str, status: int) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    client.force_login(getattr(cast, who))
    page = client.get(address(case))
    assert page.status_code == status
    if status == 200:
        assert "Confirm: accept" not in page.text
        assert ("Take this case" in page.text) == (who in ("anna", "abel"))


def test_a_case_on_another_desk_is_read_only_and_names_its_holder(client: Client, cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.abel)
    client.force_login(cast.anna)
    page = client.get(address(case)).text
    assert re.search(r"Abel has this case since <time", page)
    assert "Confirm: accept" not in page and "Correct label" not in page and "data-clock=" not in page


def test_evidence_stands_side_by_side(client: Client, desk: ReviewCase) -> None:
    page = unescape(client.get(address(desk)).text)
    assert "Chest CT with contrast" in page and "Abdomen-pelvis CT with contrast" in page
    assert "At most 5\xa0mm" in page and "2.5\xa0mm" in page and "0.97" in page
    assert page.count('data-picture="series 1') == 6


def test_what_is_wrong_comes_first_with_expected_and_found(client: Client, cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    finding = Finding("slice_thickness", Severity.BLOCK, "These slices are too thick.", "at most 5 mm", "7.5 mm")
    case.submission.slots.filter(required__slot="abdomen_pelvis").update(
        state=SlotMatch.State.PROBLEM, findings=[finding.to_json()]
    )
    client.force_login(cast.anna)
    page = client.get(address(case)).text
    assert page.index("Abdomen-pelvis CT") < page.index("Chest CT")
    assert "These slices are too thick." in page
    differing = page[page.index("These slices are too thick.") - 900 : page.index("These slices are too thick.")]
    assert "Slice thickness" in differing and "data-differs" in differing


def test_a_missing_series_is_said(client: Client, cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla, missing="chest")
    client.force_login(cast.anna)
    page = client.get(address(case)).text
    assert "Chest CT with contrast is missing." in page
    assert "The patient cannot come again." in page


def test_unused_series_and_refused_files_are_there_but_no_file_names(client: Client, desk: ReviewCase) -> None:
    add_series(desk.submission, number=9, description="Lung kernel", body_part="chest")
    ReceivedFile.objects.create(
        submission=desk.submission,
        given_name="DOE_JANE/report.pdf",
        stored_as="x",
        size=1,
        sha256="f" * 64,
        status=ReceivedFile.Status.REFUSED,
        reason="This is no DICOM file.",
    )
    page = client.get(address(desk)).text
    assert "1 series not used" in page and "series 9, Lung kernel" in page
    assert "1 file in no series" in page and "This is no DICOM file." in page
    assert "DOE" not in page


def test_the_earlier_decision_of_the_visit_is_shown_and_nothing_of_other_visits(client: Client, cast: Cast) -> None:
    first = claimed_case(cast.visit, by=cast.carla, analyst=cast.abel)
    decide(first, "return_to_site", by=cast.abel, reasons=["slices_missing"], note="Slices 12 to 15.")
    other = claimed_case(cast.chens_visit, by=cast.chen, analyst=cast.abel)
    decide(other, "reject", by=cast.abel, reasons=["wrong_subject"])
    again = waiting_case(cast.visit, by=cast.carla)
    client.force_login(cast.anna)
    page = client.get(address(again)).text
    assert "This answers a submission that was returned to site by Abel" in page
    assert "Slices are missing inside the series." in page and "Slices 12 to 15." in page
    assert "another subject or visit" not in page


def test_taking_a_case_leads_to_its_desk(client: Client, cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    client.force_login(cast.anna)
    page = client.post(address(case, "claim"), follow=True)
    assert "Confirm: accept" in page.text and "data-clock=" in page.text


def test_taking_a_case_that_another_holds_says_so(client: Client, cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.abel)
    client.force_login(cast.anna)
    assert "Abel has this case." in client.post(address(case, "claim"), follow=True).text


def test_putting_back_says_that_the_time_stays(client: Client, desk: ReviewCase) -> None:
    assert "The time spent on it stays recorded." in client.post(address(desk, "release"), follow=True).text


def test_accepting_offers_the_next_case(client: Client, desk: ReviewCase) -> None:
    page = client.post(address(desk, "decide"), {"verdict": "accept", "note": "", "password": PASSWORD}, follow=True)
    assert "Accepted by Anna" in page.text and "Next case" in page.text
    assert Decision.objects.get().verdict == "accept"


def test_a_refused_verdict_keeps_what_was_typed(client: Client, desk: ReviewCase) -> None:
    page = client.post(address(desk, "decide"), {"verdict": "return_to_site", "note": "Slices 12 to 15 <b>"})
    assert page.status_code == 409
    assert "Choose at least one reason" in page.text
    assert "Slices 12 to 15 &lt;b&gt;</textarea>" in page.text
    assert re.search(r'value="return_to_site"[^>]*checked', page.text)
    page = client.post(address(desk, "decide"), {"note": "no verdict", "reasons": ["artefacts"]})
    assert page.status_code == 409 and "Choose a verdict first." in page.text
    assert re.search(r'value="artefacts"[^>]*checked', page.text)


def test_deciding_a_case_that_went_back_is_said_on_the_page(client: Client, desk: ReviewCase, cast: Cast) -> None:
    release(desk, by=cast.anna)
    page = client.post(address(desk, "decide"), {"verdict": "accept"})
    assert page.status_code == 403 and "not on your desk any more" in page.text and "Take this case" in page.text


@pytest.mark.parametrize("name", ["decide", "correct", "release", "claim", "beat"])
def test_who_only_reads_cannot_act(client: Client, cast: Cast, name: str) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    client.force_login(cast.mira)
    series = case.submission.series.get(number=1).pk
    given = {"verdict": "accept", "series": series, "module": "contrast", "label": "enhanced"}
    assert client.post(address(case, name), given).status_code == 403
    client.force_login(cast.carla)
    assert client.post(address(case, name), given).status_code == 404


def test_a_corrected_label_stands_beside_the_ensembles(client: Client, desk: ReviewCase) -> None:
    series = desk.submission.series.get(number=1)
    given = {"series": series.pk, "module": "body_part", "label": "other"}
    answer = client.post(address(desk, "correct"), given)
    assert answer.url == f"{address(desk)}#series-{series.pk}"
    page = client.get(address(desk)).text
    assert "Another body part" in page and "Chest" in page and "Label of series 1 set" in page
    assert LabelCorrection.objects.get().ensemble_label == "chest"


def test_a_correction_renews_every_slot_in_which_the_series_stands(client: Client, desk: ReviewCase) -> None:
    series = desk.submission.series.get(number=1)
    desk.submission.slots.update(series=series)
    first = f"series-{series.pk}"
    (second,) = re.findall(r'id="(repeats-[0-9]+)"', client.get(address(desk)).text)
    given = {"series": series.pk, "module": "body_part", "label": "other"}
    page = client.post(address(desk, "correct"), given, follow=True).text
    assert page.count(f'hx-select-oob="#{second}"') == 2, "one in the form of each label"
    cards = dict(re.findall(r'<article[^>]*id="((?:series|repeats)-[0-9]+)"(.*?)</article>', page, re.DOTALL))
    assert all("label-chip-given" in cards[name] for name in (first, second))
    assert "its labels are corrected there" in cards[second]


def test_a_series_of_one_slot_renews_no_other(client: Client, desk: ReviewCase) -> None:
    page = client.get(address(desk)).text
    assert "hx-select-oob" not in page and 'id="repeats-' not in page


@pytest.mark.parametrize("given", [{"series": "x"}, {"module": "contrast", "label": "chest"}, {"label": ""}])
def test_a_label_that_does_not_exist_is_refused_in_words(
    client: Client, desk: ReviewCase, given: dict[str, str]
) -> None:
    series = desk.submission.series.get(number=1).pk
    page = client.post(
        address(desk, "correct"), {"series": series, "module": "body_part", "label": "chest"} | given, follow=True
    )
    assert "toast" in page.text and not LabelCorrection.objects.exists()


def test_a_beat_answers_with_the_servers_time(client: Client, desk: ReviewCase) -> None:
    worked_on(desk, 20)
    silent_for(desk, 10)
    answer = client.post(address(desk, "beat"), {"active_seconds": 9999})
    assert answer.json()["active_seconds"] == pytest.approx(30, abs=1)


def test_a_beat_on_a_case_that_went_back_says_so(client: Client, desk: ReviewCase, cast: Cast) -> None:
    release(desk, by=cast.anna)
    answer = client.post(address(desk, "beat"))
    assert answer.status_code == 403 and "not on your desk" in answer.json()["detail"]


def test_acting_needs_post(client: Client, desk: ReviewCase) -> None:
    for name in ("claim", "release", "beat", "decide", "correct"):
        assert client.get(address(desk, name)).status_code == 405
    assert events_about(desk).count() == 2


def test_the_number_of_queries_does_not_grow_with_the_series(client: Client, desk: ReviewCase) -> None:
    with CaptureQueriesContext(connection) as two_series:
        client.get(address(desk))
    for number in range(5, 12):
        add_series(desk.submission, number=number, description=f"extra {number}", body_part="chest")
    with CaptureQueriesContext(connection) as nine_series:
        assert "7 series not used" in client.get(address(desk)).text
    assert len(nine_series) == len(two_series) <= 34


def test_the_evidence_for_a_label_is_laid_over_the_pictures_on_demand(client: Client, desk: ReviewCase) -> None:
    series = desk.submission.series.get(number=1)
    map_address = f"/series/{series.uuid}/maps/body_part-axial.png?v={series.classifications.get().pk}"
    plain = client.get(address(desk)).text
    assert f'data-map="{map_address}"' in plain and f'<img src="{map_address}"' not in plain
    assert 'data-key="m"' in plain and 'href="?maps=on"' in plain
    laid_over = client.get(address(desk) + "?maps=on").text
    assert f'<img src="{map_address}"' in laid_over and "evidence for Chest" in laid_over
    assert "not why, and not that the label is right" in laid_over
    assert re.search(r'<main[^>]*class="[^"]*maps-on', laid_over)


def test_the_switch_of_the_evidence_keeps_the_filters_of_the_queue(client: Client, desk: ReviewCase) -> None:
    page = unescape(client.get(address(desk) + "?subject=101").text)
    assert 'href="?subject=101&maps=on"' in page
    page = unescape(client.get(address(desk) + "?subject=101&maps=on").text)
    assert re.search(r'href="\?subject=101"\s+data-maps-switch', page)


def test_how_a_label_was_made_is_told(client: Client, desk: ReviewCase) -> None:
    page = unescape(client.get(address(desk)).text)
    assert "How this label was made" in page and "constant answers for tests" in page and "b" * 64 in page
    assert "Calibrated, temperature 1.50" in page and "calibrated scores per plane" in page
    assert "0.12, at most 0.40" in page and "At least 2 of 3" in page
    assert reverse("imageqc:bundle") in page


def test_a_label_of_a_bundle_without_maps_says_so(client: Client, desk: ReviewCase) -> None:
    for series in desk.submission.series.all():
        without_maps(series)
    page = unescape(client.get(address(desk)).text)
    assert "did not say where the evidence lies" in page and "Not measured then" in page and "Not kept then" in page
    assert "data-map=" not in page and "data-maps-switch" not in page and "map-legend" not in page
    assert client.get(address(desk) + "?maps=on").status_code == 200


def test_a_picture_that_only_a_network_looks_at_is_shown_too(client: Client, desk: ReviewCase) -> None:
    series = desk.submission.series.get(number=1)
    said = series.classifications.get()
    said.settings["contrast"]["planes"]["coronal"]["picture"] = "aip_coronal"
    said.pk = None
    said.save()
    page = client.get(address(desk)).text
    assert page.count('data-picture="series 1') == 7 and "AIP coronal" in page
