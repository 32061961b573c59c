"""What arrived is compared with what the site announced, and proven by a receipt."""

import hashlib
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from PIL import Image

from apps.audit.services import events_about
from apps.imageqc.models import Classification
from apps.imageqc.services import receipt_failed, verify_receipt
from apps.imageqc.services.receipt import CODE
from apps.intake.models import Instance, Receipt, Submission
from apps.intake.receipt_page import receipt_page
from apps.intake.receipt_pdf import receipt_pdf
from apps.jobs.models import Job
from apps.reviews.models import ReviewCase
from tests.cast import Cast
from tests.threads import at_once
from tests.transfers import pack, phantom, send_part, sending, sha256_of
from tests.work import run_job, run_jobs


@pytest.fixture
def carla(cast: Cast, client: Client, tiny_bundle: Path) -> Client:
    client.force_login(cast.carla)
    return client


@pytest.fixture
def objects(cast: Cast, tmp_path: Path) -> list[bytes]:
    return phantom(cast.visit, tmp_path / "scan")


@pytest.fixture
def submission(cast: Cast, objects: list[bytes], tmp_path: Path) -> Submission:
    return sending(cast.visit, objects, tmp_path / "site", by=cast.carla)


def arrive(client: Client, submission: Submission, objects: list[bytes]) -> Submission:
    """Let everything arrive and all that this sets off run."""
    send_part(client, submission, pack(objects))
    run_jobs()
    submission.refresh_from_db()
    return submission


def test_everything_that_was_announced_is_a_receipt_and_a_case(
    carla: Client, cast: Cast, submission: Submission, objects: list[bytes]
) -> None:
    arrive(carla, submission, objects)
    assert submission.status == Submission.Status.TRANSFERRED
    series = submission.series.get()
    assert series.received["same"], series.received
    assert series.received["digest_sha256"] == series.digest_sha256
    assert series.received["labels"] == {"body_part": "chest", "contrast": "enhanced"}
    assert not series.findings.filter(code=CODE).exists()
    receipt = Receipt.objects.get()
    said = receipt.content
    assert (said["trial"], said["site"], said["subject"], said["visit"]) == ("ONC-301", "101", "101-001", "Week 8")
    assert said["sent_by"] == "Carla"
    assert said["instances"] == len(objects)
    assert said["bytes"] == sum(map(len, objects))
    assert {one["sha256"] for one in said["series"][0]["objects"]} == {sha256_of(one) for one in objects}
    assert receipt.issued_at == submission.transferred_at
    assert ReviewCase.objects.get().submission == submission
    assert events_about(submission).filter(action="submission.receipt_issued").count() == 1
    assert cast.carla.notices.get().kind == "receipt"


def test_the_hash_of_a_receipt_is_that_of_its_json(
    carla: Client, cast: Cast, submission: Submission, objects: list[bytes]
) -> None:
    arrive(carla, submission, objects)
    url = reverse("intake:receipt", args=(submission.pk,))
    answer = carla.get(url, headers={"Accept": "application/json"})
    receipt = Receipt.objects.get()
    assert hashlib.sha256(answer.content).hexdigest() == receipt.sha256
    hashes = [one["sha256"] for one in answer.json()["series"][0]["objects"]]
    over = hashlib.sha256("".join(f"{each}\n" for each in hashes).encode()).hexdigest()
    assert answer.json()["series"][0]["sha256"] == over
    page = carla.get(url).content.decode()
    assert "Everything arrived as it was announced" in page
    assert receipt.sha256 in page
    assert "it holds" in page


def test_a_receipt_cannot_be_changed_and_a_forged_one_does_not_hold(
    carla: Client, submission: Submission, objects: list[bytes]
) -> None:
    arrive(carla, submission, objects)
    receipt = Receipt.objects.get()
    assert receipt_page(receipt).holds
    receipt.content["instances"] += 1
    assert not receipt_page(receipt).holds
    assert receipt_pdf(receipt).startswith(b"%PDF-")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        receipt.save()


def test_the_pdf_lists_every_hash(carla: Client, submission: Submission, objects: list[bytes]) -> None:
    arrive(carla, submission, objects)
    answer = carla.get(reverse("intake:receipt-pdf", args=(submission.pk,)))
    assert answer["Content-Type"] == "application/pdf"
    assert "receipt-101-001" in answer["Content-Disposition"]
    assert answer.content.startswith(b"%PDF-")
    receipt = Receipt.objects.get()
    assert receipt_pdf(receipt) == answer.content
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("there is no pdftotext on this machine: apt install poppler-utils")
    text = subprocess.run([reader, "-layout", "-", "-"], input=answer.content, capture_output=True, check=True).stdout
    told = text.decode()
    assert all(sha256_of(one) in told for one in objects)
    assert receipt.sha256 in told
    assert "101-001" in told


def test_a_name_that_the_font_cannot_draw_does_not_stop_the_pdf(
    carla: Client, cast: Cast, submission: Submission, objects: list[bytes]
) -> None:
    cast.site.name = "Łódź 病院"
    cast.site.save()
    arrive(carla, submission, objects)
    assert receipt_pdf(Receipt.objects.get()).startswith(b"%PDF-")


def test_other_pictures_are_told_to_the_analyst_and_stop_nothing(
    carla: Client, submission: Submission, objects: list[bytes]
) -> None:
    path = submission.series.get().picture_path("mip_axial")
    default_storage.delete(path)
    png = io.BytesIO()
    Image.fromarray(np.full((512, 512), 7, np.uint8)).save(png, format="PNG")
    default_storage.save(path, ContentFile(png.getvalue()))
    arrive(carla, submission, objects)
    assert submission.status == Submission.Status.TRANSFERRED
    series = submission.series.get()
    assert not series.received["same"]
    finding = series.findings.get(code=CODE)
    assert finding.severity == "warn"
    assert "mip axial agrees in" in finding.sentence
    page = carla.get(reverse("intake:receipt", args=(submission.pk,))).content.decode()
    assert "something reads differently here" in page


def change(submission: Submission, **changes: Any) -> None:
    series = submission.series.get()
    stored = json.loads(json.dumps(series.digest))
    for part, values in changes.items():
        if part == "geometry":
            stored["geometry"].update(values)
        else:
            stored["instances"][0].update(values)
    series.digest = stored
    series.save(update_fields=["digest"])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"geometry": {"slice_spacing_mm": 9.0}}, "The geometry of the slices is not the same: slice spacing."),
        ({"instance": {"pixel_sha256": "0" * 64}}, "The pixels of 1 image read differently here than at the site."),
        ({"instance": {"sha256": "0" * 64}}, "1 image of 12 that were announced did not arrive."),
    ],
)
def test_each_difference_has_its_sentence(
    carla: Client, submission: Submission, objects: list[bytes], changes: dict[str, Any], told: str
) -> None:
    change(submission, **changes)
    arrive(carla, submission, objects)
    assert told in submission.series.get().received["differences"]


def test_another_label_than_at_the_site_is_a_difference(
    carla: Client, submission: Submission, objects: list[bytes]
) -> None:
    series = submission.series.get()
    kept = Classification.objects.create(
        series=series,
        digest_sha256=series.digest_sha256,
        bundle_name="tests",
        bundle_version="1",
        bundle_sha256="b" * 64,
        body_part={"label": "neck"},
        contrast={"label": "enhanced"},
        abstained=False,
        device="CPU",
        seconds=0.1,
    )
    arrive(carla, submission, objects)
    (told,) = submission.series.get().received["differences"]
    assert told == "The body part is chest by the received images, neck by those of the site."
    kept.refresh_from_db()
    assert kept.body_part == {"label": "neck"}
    assert series.classifications.count() == 2


def test_what_the_site_could_not_decode_is_checked_here(
    carla: Client, cast: Cast, objects: list[bytes], tmp_path: Path
) -> None:
    submission = sending(cast.visit, objects, tmp_path / "site", by=cast.carla, decoded=False)
    assert not submission.series.get().has_pictures
    arrive(carla, submission, objects)
    assert submission.status == Submission.Status.TRANSFERRED
    series = submission.series.get()
    assert series.received == {
        "same": True,
        "differences": [],
        "checked_here": True,
        "digest_sha256": series.digest_sha256,
        "labels": {"body_part": "chest", "contrast": "enhanced"},
    }
    assert series.has_pictures
    assert default_storage.exists(series.picture_path("mip_axial"))
    assert series.classifications.get().digest_sha256 == series.digest_sha256
    assert all(series.instances.values_list("pixel_sha256", flat=True))
    assert series.header["Manufacturer"]
    assert submission.slots.get(required__slot="chest").series == series


def test_nothing_happens_before_everything_is_here(carla: Client, submission: Submission, objects: list[bytes]) -> None:
    send_part(carla, submission, pack(objects[:-1]))
    run_jobs()
    lease: Any = None
    verify_receipt(submission, lease)
    submission.refresh_from_db()
    assert submission.status == Submission.Status.SENDING
    assert not Receipt.objects.exists()


def test_verifying_twice_gives_one_receipt_and_one_case(
    carla: Client, submission: Submission, objects: list[bytes]
) -> None:
    arrive(carla, submission, objects)
    Job.objects.create(task="imageqc.verify_receipt", object_id=submission.pk, not_before=submission.created_at)
    run_jobs()
    assert Receipt.objects.count() == ReviewCase.objects.count() == 1
    assert submission.series.get().classifications.count() == 1


def test_a_comparison_that_fails_for_good_is_told(carla: Client, submission: Submission) -> None:
    receipt_failed(submission, "The check stopped with an error on our side (KeyError).")
    submission.refresh_from_db()
    assert submission.status == Submission.Status.CHECKED
    assert "Everything has arrived and is kept" in submission.blockers[0]


def test_instances_announced_anew_find_what_arrived_before(
    carla: Client, submission: Submission, objects: list[bytes]
) -> None:
    send_part(carla, submission, pack(objects))
    for job in Job.objects.filter(task="intake.unpack_part"):
        run_job(job)
    Instance.objects.update(file=None)
    left = carla.get(reverse("intake:missing", args=(submission.pk,))).json()
    assert left["instances"] == []
    run_jobs()
    submission.refresh_from_db()
    assert submission.status == Submission.Status.TRANSFERRED
    assert not Instance.objects.filter(file=None).exists()
    assert Receipt.objects.get().content["instances"] == len(objects)


@pytest.mark.parametrize(
    ("name", "status"), [("chen", 404), ("otto", 404), ("anna", 200), ("mira", 200), ("root", 200)]
)
def test_who_may_see_the_submission_may_see_its_receipt(
    carla: Client, cast: Cast, submission: Submission, objects: list[bytes], name: str, status: int
) -> None:
    arrive(carla, submission, objects)
    reader = Client()
    reader.force_login(getattr(cast, name))
    for address in ("intake:receipt", "intake:receipt-pdf", "api-submission-receipt"):
        assert reader.get(reverse(address, args=(submission.pk,))).status_code == status


def test_there_is_no_receipt_before_it_is_issued(carla: Client, submission: Submission) -> None:
    for address in ("intake:receipt", "intake:receipt-pdf", "api-submission-receipt"):
        assert carla.get(reverse(address, args=(submission.pk,))).status_code == 404


def test_the_api_counts_what_is_announced_and_here(carla: Client, submission: Submission, objects: list[bytes]) -> None:
    url = reverse("api-submission-detail", args=(submission.pk,))
    send_part(carla, submission, pack(objects[:5]))
    run_jobs()
    answer = carla.get(url).json()
    (series,) = answer["series"]
    assert (series["n_instances"], series["n_instances_here"]) == (12, 5)
    assert answer["receipt"] is None
    send_part(carla, submission, pack(objects[5:]))
    run_jobs()
    answer = carla.get(url).json()
    assert answer["series"][0]["n_instances_here"] == 12
    assert answer["series"][0]["received"]["same"]
    assert answer["receipt"]["sha256"] == Receipt.objects.get().sha256


def test_the_pages_of_an_arrived_submission_open(
    carla: Client, cast: Cast, submission: Submission, objects: list[bytes]
) -> None:
    arrive(carla, submission, objects)
    for reader, name, about in (
        (cast.carla, "intake:visit", cast.visit.pk),
        (cast.carla, "intake:submission", submission.pk),
        (cast.anna, "reviews:case", ReviewCase.objects.get().pk),
        (cast.mira, "compliance:trial", cast.trial.pk),
    ):
        carla.force_login(reader)
        assert carla.get(reverse(name, args=(about,))).status_code == 200


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_that_verify_at_once_issue_one_receipt(cast: Cast, tiny_bundle: Path, tmp_path: Path) -> None:
    objects = phantom(cast.visit, tmp_path / "scan")
    submission = sending(cast.visit, objects, tmp_path / "site", by=cast.carla)
    client = Client()
    client.force_login(cast.carla)
    send_part(client, submission, pack(objects))
    run_job(Job.objects.get(task="intake.unpack_part"))
    job = Job.objects.get(task="imageqc.verify_receipt")
    at_once(lambda: run_job(job), times=2)
    assert Receipt.objects.count() == 1
