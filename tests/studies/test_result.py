"""The result is computed from the seconds that are kept; the paper's table is one of its cases."""

import csv
import io
from itertools import cycle, islice

import pytest
from django.test import Client
from django.urls import reverse

from apps.studies.models import Arm
from apps.studies.plot import panels
from apps.studies.results import Labels, ReadScan, result
from apps.studies.services import close
from apps.ui.formats import NARROW
from tests.cast import Cast
from tests.studies.scenes import read_session, read_without_the_clock, reader_of, running

CHEST = Labels("chest", "enhanced")
SCANS = 448


def minutes_over_scans(minutes: float, pattern: tuple[int, ...]) -> list[float]:
    """Return seconds of 448 scans, uneven as the pattern, that add up to the minutes."""
    shape = list(islice(cycle(pattern), SCANS))
    return [minutes * 60 * share / sum(shape) for share in shape]


def readings(reader: int, arm: str, seconds: list[float], given: Labels = CHEST) -> list[ReadScan]:
    return [
        ReadScan(scan, reader, f"Analyst {reader}", arm, time, given, CHEST, CHEST)
        for scan, time in enumerate(seconds, start=1)
    ]


@pytest.fixture
def papers_table() -> list[ReadScan]:
    """Two analysts, 448 scans: 149 and 205 minutes manually, 74 and 99 with AI."""
    return [
        *readings(1, Arm.MANUAL, minutes_over_scans(149, (3, 5, 9, 4))),
        *readings(1, Arm.AI_AIDED, minutes_over_scans(74, (2, 3, 4, 2, 3))),
        *readings(2, Arm.MANUAL, minutes_over_scans(205, (4, 7, 5))),
        *readings(2, Arm.AI_AIDED, minutes_over_scans(99, (3, 2, 4))),
    ]


def test_the_papers_minutes_save_what_they_save_and_not_what_is_printed(papers_table: list[ReadScan]) -> None:
    first, second = result(papers_table).analysts
    assert (first.manual_minutes, first.aided_minutes) == pytest.approx((149, 74))
    assert (second.manual_minutes, second.aided_minutes) == pytest.approx((205, 99))
    assert (first.saved_words, first.remaining_words) == (f"50.3{NARROW}%", f"49.7{NARROW}%")
    assert (second.saved_words, second.remaining_words) == (f"51.7{NARROW}%", f"48.3{NARROW}%")
    for analyst in (first, second):
        assert analyst.test is not None and analyst.test.n == SCANS
        assert analyst.test.t_words == analyst.test.w_words == "p < 0.001"


def test_all_analysts_together_are_told_over_scans_and_over_analysts(papers_table: list[ReadScan]) -> None:
    found = result(papers_table)
    assert found.saved == pytest.approx(1 - (74 + 99) / (149 + 205))
    assert found.over_scans is not None and found.over_scans.n == SCANS
    assert found.over_scans.mean_difference == pytest.approx((149 + 205 - 74 - 99) * 60 / 2 / SCANS)
    assert found.over_analysts is None, "two analysts say nothing of others"
    third = [*readings(3, Arm.MANUAL, [20.0] * SCANS), *readings(3, Arm.AI_AIDED, [12.0] * SCANS)]
    over_analysts = result([*papers_table, *third]).over_analysts
    assert over_analysts is not None and over_analysts.n == 3


def test_accuracy_has_wilsons_interval(papers_table: list[ReadScan]) -> None:
    found = result(papers_table).analysts[0].accuracy[Arm.MANUAL]
    assert (found.both.right, found.both.n) == (SCANS, SCANS)
    assert found.both.interval == pytest.approx((0.99150, 1.0), abs=1e-5)  # n / (n + 1.96²)


def test_a_scan_read_in_one_arm_alone_is_no_pair_and_still_has_its_accuracy() -> None:
    found = result([*readings(1, Arm.MANUAL, [10.0, 20.0, 30.0]), *readings(1, Arm.AI_AIDED, [5.0, 10.0])])
    (analyst,) = found.analysts
    assert [scan for scan, _, _ in analyst.pairs] == [1, 2]
    assert analyst.saved == 0.5
    assert (analyst.accuracy[Arm.MANUAL].both.n, analyst.accuracy[Arm.AI_AIDED].both.n) == (3, 2)


def test_only_scans_that_all_have_read_in_both_arms_are_common() -> None:
    found = result(
        [
            *readings(1, Arm.MANUAL, [10.0, 20.0, 30.0]),
            *readings(1, Arm.AI_AIDED, [5.0, 10.0, 15.0]),
            *readings(2, Arm.MANUAL, [30.0, 40.0]),
            *readings(2, Arm.AI_AIDED, [15.0, 20.0]),
        ]
    )
    assert found.common_pairs == [(20.0, 10.0), (30.0, 15.0)]


def test_wrong_ai_labels_are_put_right_followed_or_missed() -> None:
    wrong = Labels("neck", "enhanced")
    given = (CHEST, wrong, Labels("brain", "enhanced"), CHEST)
    said = (wrong, wrong, wrong, Labels("", "enhanced"))
    rows = [
        ReadScan(scan, 1, "Anna", Arm.AI_AIDED, 5.0, *pair)
        for scan, pair in enumerate(((one, CHEST, ai) for one, ai in zip(given, said, strict=True)), start=1)
    ]
    found = result(rows)
    reliance = found.analysts[0].reliance
    assert (reliance.n, reliance.put_right, reliance.followed) == (3, 1, 1)
    assert (found.ensemble.body_part.right, found.ensemble.contrast.right) == (0, 4)


def test_nothing_read_is_an_empty_result() -> None:
    found = result([])
    assert (found.analysts, found.saved, found.over_scans, found.over_analysts) == ((), None, None, None)
    assert found.ensemble.both.share is None
    assert panels([]) == []


def test_two_analysts_of_one_name_stay_two() -> None:
    rows = [ReadScan(1, reader, "Anna", Arm.MANUAL, 5.0, CHEST, CHEST, CHEST) for reader in (1, 2)]
    assert len(result(rows).analysts) == 2


def test_a_point_lies_below_the_line_where_ai_was_quicker() -> None:
    (drawn,) = panels([("Anna", [(1, 20.0, 10.0), (2, 10.0, 20.0), (3, 15.0, 15.0)]), ("Abel", [])][:1])
    quicker, slower, alike = drawn.points

    def above_the_line(point: object) -> float:
        across = (point.x - drawn.left) / drawn.width
        up = (drawn.bottom - point.y) / drawn.height
        return up - across

    assert above_the_line(quicker) < 0 < above_the_line(slower)
    assert above_the_line(alike) == pytest.approx(0, abs=0.01)
    assert (quicker.is_quicker, slower.is_quicker, alike.is_quicker) == (True, False, False)
    assert [tick.seconds for tick in drawn.ticks] == [10, 20]


def test_the_page_computes_from_stored_seconds(cast: Cast) -> None:
    study = running(cast)
    read_without_the_clock(
        study, {(cast.anna.pk, "manual"): [30, 40, 50, 60], (cast.anna.pk, "ai_aided"): [15, 20, 25, 30]}
    )
    client = Client()
    client.force_login(cast.mira)
    page = client.get(reverse("studies:result", args=[study.pk])).content.decode()
    assert f"50.0{NARROW}%" in page
    assert "saved: 3.0 to 1.5 min" in page
    assert page.count("<circle") == 4


def test_the_file_has_a_line_per_reading_and_no_formula(cast: Cast) -> None:
    cast.anna.first_name = "=cmd()"
    cast.anna.save()
    study = running(cast)
    read_session(study, cast.anna, seconds=8)
    client = Client()
    client.force_login(cast.mira)
    answer = client.get(reverse("studies:csv", args=[study.pk]))
    assert 'filename="ONC-301-Chest-and-abdomen-readings.csv"' in answer["Content-Disposition"]
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(lines) == 4
    assert {line["Analyst"] for line in lines} == {"'=cmd()"}
    assert {line["Arm"] for line in lines} == {reader_of(study, cast.anna).first_arm}
    assert {line["Session"] for line in lines} == {"1"}
    assert all(float(line["Active seconds"]) == pytest.approx(8, abs=1) for line in lines)
    assert {line["Body part right"] for line in lines} == {"yes"}


def test_a_reader_sees_the_result_once_the_study_is_closed(cast: Cast) -> None:
    study = running(cast)
    client = Client()
    client.force_login(cast.anna)
    addresses = [reverse(name, args=[study.pk]) for name in ("studies:result", "studies:csv")]
    assert [client.get(address).status_code for address in addresses] == [403, 403]
    close(study, because="Enough.", by=cast.mira)
    assert [client.get(address).status_code for address in addresses] == [200, 200]
    client.force_login(cast.abel)
    assert [client.get(address).status_code for address in addresses] == [404, 404]
