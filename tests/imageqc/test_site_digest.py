"""A digest that was made at the site is kept, checked and matched like one that was made here; no image travels."""

import copy
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import F
from django.test import Client
from django.urls import reverse

from apps.audit.lifecycle import Refused
from apps.audit.services import events_about
from apps.imaging.vocabulary import PICTURES
from apps.intake.bodies import NotUnderstood
from apps.intake.models import Instance, ReceivedFile, Series, Submission
from apps.intake.services import begin_submission, start_check, withdraw
from apps.jobs.models import Job
from tests.cast import Cast
from tests.phantoms import cube_and_rod, write_series
from tests.site import AtTheSite, checked_at_the_site, kept, post_digest, read_at_the_site
from tests.threads import at_once
from tests.uploads import sent
from tests.work import run_jobs

pytestmark = pytest.mark.usefixtures("tiny_bundle")

IN_WINDOW = {"StudyDate": "20261027", "SeriesDate": "20261027", "AcquisitionDate": "20261027"}


def phantom(folder: Path, **how: Any) -> list[Path]:
    """Write a scan of the visit's target day."""
    return write_series(folder, cube_and_rod(), **{"common": IN_WINDOW, **how})


@pytest.fixture
def draft(cast: Cast) -> Submission:
    return begin_submission(cast.visit, by=cast.carla)


@pytest.fixture
def one(cast: Cast, tmp_path: Path) -> AtTheSite:
    (series,) = read_at_the_site(cast.visit, phantom(tmp_path / "one"))
    return series


@pytest.fixture
def carla(cast: Cast, client: Client) -> Client:
    client.force_login(cast.carla)
    return client


def board(submission: Submission) -> list[tuple[str, str, int | None, str]]:
    rows = submission.slots.annotate(number=F("series__number"))
    return [(row.required.slot, row.state, row.number, row.sentence) for row in rows]


def said(series: Series) -> dict[str, Any]:
    """Return what was found of a series, without what depends on the minute."""
    labels = series.classifications.get()
    assert series.digest is not None
    return {
        "answers": labels.answers,
        "coverage": labels.coverage,
        "findings": list(series.findings.values("code", "severity", "sentence", "expected", "found", "where")),
        "geometry": series.geometry,
        "facts": {name: fact for name, fact in series.header.items() if not name.endswith("Date")},
        "pixels": sorted(instance["pixel_sha256"] for instance in series.digest["instances"]),
    }


def test_both_doors_give_the_same_labels_findings_and_slot_board(cast: Cast, tmp_path: Path) -> None:
    paths = phantom(tmp_path, overrides={3: {"SliceThickness": 7.0}, 5: {"BodyPartExamined": "HEAD"}})
    here = sent(cast.visit, paths, by=cast.carla)
    by_server = (said(here.series.get()), board(here), here.blockers)
    withdraw(here, by=cast.carla)
    there = checked_at_the_site(cast.visit, paths, by=cast.carla)
    assert there.pk != here.pk
    assert (said(there.series.get()), board(there), there.blockers) == by_server
    assert by_server[0]["findings"]


def test_no_file_is_here_and_all_pictures_are(cast: Cast, tmp_path: Path) -> None:
    submission = checked_at_the_site(cast.visit, phantom(tmp_path), by=cast.carla)
    series = submission.series.get()
    assert (submission.status, series.status, series.origin) == ("checked", "checked", "site")
    assert not submission.files.exists()
    assert all(default_storage.exists(series.picture_path(name)) for name in PICTURES)
    assert series.instances.count() == 12
    assert not series.instances.exclude(file=None).exists()


def test_nothing_kept_names_the_patient(cast: Cast, tmp_path: Path) -> None:
    submission = checked_at_the_site(cast.visit, phantom(tmp_path), by=cast.carla)
    told = repr(list(Series.objects.values())) + repr(list(Instance.objects.values()))
    told += repr(list(submission.findings.values()))
    assert "Phantom^Tiny" not in told
    assert "PH-0001" not in told
    assert "20261027" not in told, "dates are shifted"


def test_the_browsers_door_answers_with_the_series(draft: Submission, one: AtTheSite, carla: Client) -> None:
    answer = post_digest(carla, draft, one)
    assert answer.status_code == 201
    assert answer.json() == {"series": str(draft.series.get().uuid)}
    assert answer.headers["Cache-Control"] == "no-store"
    assert Job.objects.count() == 0, "the check is asked for when all series are here"


def test_the_same_digest_twice_changes_nothing(cast: Cast, draft: Submission, one: AtTheSite) -> None:
    first = kept(draft, one, by=cast.carla)
    before = list(Instance.objects.values())
    assert kept(draft, one, by=cast.carla) == first
    assert list(Instance.objects.values()) == before
    assert events_about(first).filter(action="series.read_at_the_site").count() == 1


def test_the_same_digest_after_its_check_leaves_it_checked(cast: Cast, tmp_path: Path) -> None:
    paths = phantom(tmp_path)
    submission = checked_at_the_site(cast.visit, paths, by=cast.carla)
    (again,) = read_at_the_site(cast.visit, paths)
    assert kept(submission, again, by=cast.carla).status == Series.Status.CHECKED


def test_another_digest_of_the_series_takes_its_place_and_is_checked(cast: Cast, tmp_path: Path) -> None:
    paths = phantom(tmp_path)
    submission = checked_at_the_site(cast.visit, paths[:6], by=cast.carla)
    old = submission.series.get()
    again = checked_at_the_site(cast.visit, paths, by=cast.carla).series.get()
    assert (again.pk, again.geometry["slices"], again.instances.count()) == (old.pk, 12, 12)
    assert again.digest_sha256 != old.digest_sha256
    assert again.classifications.count() == 2, "what was said of the first digest stands"


def test_pictures_of_a_digest_that_was_replaced_go(
    cast: Cast, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    paths = phantom(tmp_path)
    submission = checked_at_the_site(cast.visit, paths[:6], by=cast.carla)
    old = submission.series.get().picture_path("mip_axial")
    with django_capture_on_commit_callbacks(execute=True):
        (again,) = read_at_the_site(cast.visit, paths)
        new = kept(submission, again, by=cast.carla)
    assert not default_storage.exists(old)
    assert default_storage.exists(new.picture_path("mip_axial"))


def test_what_has_arrived_already_stays_with_its_instance(cast: Cast, tmp_path: Path) -> None:
    paths = phantom(tmp_path)
    submission = checked_at_the_site(cast.visit, paths[:6], by=cast.carla)
    first = submission.series.get().instances.first()
    assert first is not None
    first.file = ReceivedFile.objects.create(
        submission=submission, given_name="", stored_as="x", size=1, sha256=first.sha256, status="sorted"
    )
    first.save()
    (again,) = read_at_the_site(cast.visit, paths)
    kept(submission, again, by=cast.carla)
    assert Instance.objects.get(sha256=first.sha256).file == first.file


def test_an_object_that_no_longer_belongs_is_told_with_its_reason(cast: Cast, tmp_path: Path) -> None:
    paths = phantom(tmp_path)
    submission = checked_at_the_site(cast.visit, paths, by=cast.carla)
    last = submission.series.get().instances.last()
    assert last is not None
    last.file = ReceivedFile.objects.create(
        submission=submission, given_name="", stored_as="x", size=1, sha256=last.sha256, status="sorted"
    )
    last.save()
    (again,) = read_at_the_site(cast.visit, paths[:6])
    kept(submission, again, by=cast.carla)
    file = submission.files.get()
    assert (file.status, "without it" in file.reason) == ("refused", True)


def test_a_digest_that_comes_while_the_old_one_is_checked_is_checked_itself(
    cast: Cast, draft: Submission, one: AtTheSite
) -> None:
    series = kept(draft, one, by=cast.carla)
    Series.objects.update(status=Series.Status.CHECKING)
    changed = copy.deepcopy(one)
    changed.pictures["mip_axial"] = zlib.compress(bytes(512 * 512))
    kept(draft, changed, by=cast.carla)
    series.refresh_from_db()
    assert series.status == Series.Status.WAITING


@pytest.mark.parametrize("name", ["chen", "anna", "mira", "otto", "root"])
def test_strangers_keep_no_digest(cast: Cast, draft: Submission, one: AtTheSite, name: str) -> None:
    with pytest.raises(PermissionDenied):
        kept(draft, one, by=getattr(cast, name))


@pytest.mark.parametrize("status", ["sending", "transferred", "in_review", "accepted", "withdrawn"])
def test_no_digest_comes_after_the_transfer(cast: Cast, draft: Submission, one: AtTheSite, status: str) -> None:
    Submission.objects.update(status=status)
    draft.refresh_from_db()
    with pytest.raises(Refused, match="before the transfer"):
        kept(draft, one, by=cast.carla)
    assert not Series.objects.exists()


def test_a_transfer_that_was_quicker_is_seen_under_the_lock(cast: Cast, draft: Submission, one: AtTheSite) -> None:
    Submission.objects.update(status="sending")
    with pytest.raises(Refused, match="before the transfer"):
        kept(draft, one, by=cast.carla)


def test_a_series_of_the_servers_door_is_not_read_again(cast: Cast, draft: Submission, one: AtTheSite) -> None:
    series = kept(draft, one, by=cast.carla)
    Series.objects.filter(pk=series.pk).update(origin=Series.Origin.SERVER)
    with pytest.raises(Refused, match="are here already"):
        kept(draft, one, by=cast.carla)


def change(one: AtTheSite, path: str, value: Any) -> AtTheSite:
    """Return the series with one place of its JSON changed: "headers.0.description"."""
    changed = copy.deepcopy(one)
    place: Any = {"headers": changed.headers, "reading": changed.reading}
    *way, last = path.split(".")
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    place[int(last) if isinstance(place, list) else last] = value
    return changed


HOSTILE = [
    ("headers.0.facts.PatientName", "Doe^Jane"),
    ("headers.0.facts.InstitutionName", "Northern Hospital"),
    ("headers.0.facts.ContrastBolusAgent", "x" * 5000),
    ("headers.0.facts.StudyDate", "on the day of Jane Doe"),
    ("headers.0.facts.KVP", "Jane Doe"),
    ("headers.0.facts.KVP", float("1e400")),
    ("headers.0.patient_key", "Doe^Jane"),
    ("headers.0.patient_key", "A" * 64),
    ("headers.0.description", "x" * 5000),
    ("headers.0.description", "two\nlines"),
    ("headers.0.series_uid", "1.2.840.113619.2.55"),
    ("headers.0.sop_instance_uid", "1.2.840.113619.2.55.1"),
    ("headers.0.study_uid", "../../etc"),
    ("headers.0.series_uid", "2.25.1"),
    ("headers.0.rows", 10**9),
    ("headers.0.rows", True),
    ("headers.0.frames", []),
    ("headers.0.frames", None),
    ("headers.0.pixels", []),
    ("headers.0.index", 1),
    ("headers.0", None),
    ("headers.0", "Doe^Jane"),
    ("reading.instances", None),
    ("reading.instances", []),
    ("reading.instances.0.sha256", "Doe^Jane"),
    ("reading.instances.0.size", -1),
    ("reading.instances.0.size", True),
    ("reading.instances.0.index", 10**6),
    ("reading.instances.0.index", 1),
    ("reading.instances.0", None),
    ("reading.instances.0.pixel_sha256", None),
]


@pytest.mark.parametrize(("path", "value"), HOSTILE, ids=lambda value: str(value)[:40])
def test_what_could_name_somebody_or_makes_no_sense_is_refused_with_a_sentence(
    cast: Cast, draft: Submission, one: AtTheSite, carla: Client, path: str, value: Any
) -> None:
    answer = post_digest(carla, draft, change(one, path, value))
    assert answer.status_code == 400, answer.content
    told = answer.json()["detail"]
    assert told.endswith(".")
    assert "Doe" not in told, "what was sent is not repeated"
    assert not Series.objects.exists()
    assert not (Path(default_storage.path("pictures"))).exists()


@pytest.mark.parametrize(
    "pictures",
    [
        {"mip_axial": zlib.compress(bytes(512 * 512))},
        {name: b"no zlib" for name in PICTURES},
        {name: zlib.compress(bytes(512 * 511)) for name in PICTURES},
        {name: zlib.compress(bytes(512 * 512 * 100)) for name in PICTURES},
        {name: zlib.compress(bytes(512 * 512))[:-4] for name in PICTURES},
    ],
    ids=["one alone", "damaged", "too small", "too large", "cut short"],
)
def test_other_pictures_than_those_of_a_series_are_refused(
    draft: Submission, one: AtTheSite, carla: Client, pictures: dict[str, bytes]
) -> None:
    series = AtTheSite(one.headers, one.reading, pictures, one.objects)
    assert post_digest(carla, draft, series).status_code == 400
    assert not Series.objects.exists()


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b"[" * 100_000, b'{"headers": NaN}', zlib.compress(b"x" * (200 << 20)), b"\xff"]
)
def test_a_body_that_is_no_digest_is_answered_with_a_sentence(draft: Submission, carla: Client, body: bytes) -> None:
    answer = carla.post(
        reverse("imageqc:digest", args=[draft.pk]), {"series": SimpleUploadedFile("series.json", body or b" ")}
    )
    assert (answer.status_code, answer.json()["detail"][-1]) == (400, ".")


def test_a_digest_may_come_packed(draft: Submission, one: AtTheSite, carla: Client) -> None:
    told = zlib.compress(json.dumps({"headers": one.headers, "reading": one.reading}).encode())
    form = {"series": SimpleUploadedFile("series.json", told)}
    form |= {name: SimpleUploadedFile(name, packed) for name, packed in one.pictures.items()}
    assert carla.post(reverse("imageqc:digest", args=[draft.pk]), form).status_code == 201


def test_the_six_shown_pictures_are_enough(cast: Cast, draft: Submission, one: AtTheSite) -> None:
    six = {name: packed for name, packed in one.pictures.items() if not name.startswith("aip")}
    kept(draft, AtTheSite(one.headers, one.reading, six, one.objects), by=cast.carla)
    start_check(draft, by=cast.carla)
    run_jobs()
    assert draft.series.get().classifications.get().body_part["label"] == "chest"


def test_what_a_browser_cannot_decode_is_kept_and_told(cast: Cast, draft: Submission, one: AtTheSite) -> None:
    unread = {
        **one.reading,
        "instances": [{**said, "pixel_sha256": ""} for said in one.reading["instances"]],
        "body_part_of_mip": None,
        "not_here": "is compressed in a way that this browser does not decode",
    }
    kept(draft, AtTheSite(one.headers, unread, {}, one.objects), by=cast.carla)
    start_check(draft, by=cast.carla)
    run_jobs()
    series = draft.series.get()
    assert (series.status, series.has_pictures, series.classifications.count()) == ("checked", False, 0)
    assert any("this browser does not decode" in finding.sentence for finding in series.findings.all())


def test_a_scan_without_its_pictures_is_refused(cast: Cast, draft: Submission, one: AtTheSite) -> None:
    with pytest.raises(NotUnderstood, match="pictures of the series are missing"):
        kept(draft, AtTheSite(one.headers, one.reading, {}, one.objects), by=cast.carla)


def test_more_series_cost_no_more_queries_each(
    cast: Cast, draft: Submission, tmp_path: Path, django_assert_max_num_queries: Any
) -> None:
    for number in (1, 2, 3):
        (series,) = read_at_the_site(cast.visit, phantom(tmp_path / str(number), series=number))
        with django_assert_max_num_queries(18):
            kept(draft, series, by=cast.carla)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_the_same_digest_at_once_is_kept_once(cast: Cast, tmp_path: Path) -> None:
    draft = begin_submission(cast.visit, by=cast.carla)
    (series,) = read_at_the_site(cast.visit, phantom(tmp_path))
    at_once(lambda: kept(Submission.objects.get(pk=draft.pk), series, by=cast.carla), times=4)
    assert Series.objects.count() == 1
    assert Instance.objects.count() == 12


def test_the_door_of_the_browser_is_not_a_service_for_files(cast: Cast, draft: Submission) -> None:
    with pytest.raises(NotUnderstood):
        kept(draft, AtTheSite([], {}, {}, []), by=cast.carla)
