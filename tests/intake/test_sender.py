"""The browser's sender, run in Node.js against a real server: it sends what is missing and goes on where it stopped."""

import hashlib
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from pytest_django.live_server_helper import LiveServer

from apps.intake.models import Instance, Part, ReceivedFile, Submission
from apps.intake.part_format import ENTRY, HEAD, MAGIC, table_size
from apps.intake.services import stop_sending
from tests.cast import Cast
from tests.node import ROOT, node
from tests.transfers import create, pack, patch, phantom, sending, sha256_of
from tests.work import run_jobs

SCRIPTS = ROOT / "tests" / "js"
LONGEST = 60.0


def asked(script: str, given: Any) -> Any:
    """Return what a script of tests/js answers."""
    run = subprocess.run(
        [node(), str(SCRIPTS / script)], input=json.dumps(given), capture_output=True, text=True, timeout=LONGEST
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def instances(*sizes: int) -> list[dict[str, Any]]:
    return [{"sha256": hashlib.sha256(bytes([n])).hexdigest(), "size": size} for n, size in enumerate(sizes)]


def test_the_table_of_contents_is_the_one_that_the_server_reads() -> None:
    listed = instances(1, 300, 5_000_000_000)
    (part,) = asked("packing.mjs", {"instances": listed, "half": [], "bytes": 1 << 40})
    entries = b"".join(ENTRY.pack(bytes.fromhex(one["sha256"]), one["size"]) for one in listed)
    assert bytes.fromhex(part["table"]) == HEAD.pack(MAGIC, 3) + entries
    assert part["size"] == table_size(3) + 5_000_000_301


def test_objects_are_packed_in_order_and_a_large_one_alone() -> None:
    listed = instances(400, 400, 400, 5000, 100)
    parts = asked("packing.mjs", {"instances": listed, "half": [], "bytes": 1000})
    hashes = [one["sha256"] for one in listed]
    assert [part["sha256"] for part in parts] == [hashes[:2], hashes[2:3], hashes[3:4], hashes[4:]]


def test_half_parts_go_on_first_where_all_of_them_is_at_hand() -> None:
    listed = instances(10, 20, 30, 40)
    hashes = [one["sha256"] for one in listed]
    whole = {"url": "/parts/a/", "offset": 60, "size": table_size(2) + 70, "sha256": [hashes[2], hashes[3]]}
    foreign = {"url": "/parts/b/", "offset": 9, "size": 100, "sha256": [hashes[0], "f" * 64]}
    longer = {"url": "/parts/c/", "offset": 9, "size": 1000, "sha256": [hashes[1]]}
    parts = asked("packing.mjs", {"instances": listed, "half": [foreign, longer, whole], "bytes": 1000})
    assert [(part["url"], part["offset"], part["sha256"]) for part in parts] == [
        ("/parts/a/", 60, [hashes[2], hashes[3]]),
        (None, 0, [hashes[0], hashes[1]]),
    ]


def test_pace_says_how_fast_and_how_long() -> None:
    megabyte = 1_000_000
    told = asked("pace.mjs", [[0, 100 * megabyte, 0], [2 * megabyte, 100 * megabyte, 1000]])
    assert told == ["", "2.0 MB/s, about 49 s left"]
    again = asked("pace.mjs", [[50, 100, 0], [60, 100, 1000], [0, 100, 2000], [10, 100, 3000]])
    assert again[2] == ""
    assert again[3].endswith("about 9 s left")


# --- against a server


class Site:
    """Carla's computer: the folder of the scan, and her session."""

    def __init__(self, cast: Cast, live_server: LiveServer, folder: Path) -> None:
        self.client = Client()
        self.client.force_login(cast.carla)
        self.origin = live_server.url
        self.folder = folder
        self.objects = phantom(cast.visit, folder / "scan")
        self.submission = sending(cast.visit, self.objects, folder / "site", by=cast.carla)
        for content in self.objects:
            (folder / sha256_of(content)).write_bytes(content)

    def transfer(self, *, cookie: str | None = None, **given: Any) -> dict[str, Any]:
        """Let the sender run, and a worker beside it."""
        session = self.client.cookies[settings.SESSION_COOKIE_NAME].value
        token = "a" * 32
        told = {
            "origin": self.origin,
            "missing": reverse("intake:missing", args=(self.submission.pk,)),
            "parts": reverse("intake:parts", args=(self.submission.pk,)),
            "cookie": cookie or f"{settings.SESSION_COOKIE_NAME}={session}; csrftoken={token}",
            "csrf": token,
            "folder": str(self.folder),
            **given,
        }
        with subprocess.Popen(
            [node(), str(SCRIPTS / "transfer.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin and process.stdout and process.stderr
            process.stdin.write(json.dumps(told))
            process.stdin.close()
            deadline = time.monotonic() + LONGEST
            while process.poll() is None:
                run_jobs()
                time.sleep(0.05)
                if time.monotonic() > deadline:
                    process.kill()
            assert process.returncode == 0, process.stderr.read()
            answer: dict[str, Any] = json.loads(process.stdout.read())
        run_jobs()
        self.submission.refresh_from_db()
        return answer


@pytest.fixture
def site(transactional_db: None, cast: Cast, tiny_bundle: Path, live_server: LiveServer, tmp_path: Path) -> Site:
    node()
    return Site(cast, live_server, tmp_path)


def test_a_transfer_arrives_whole(site: Site) -> None:
    answer = site.transfer()
    assert answer["state"] == "transferred"
    assert answer["progress"][-1] == [len(pack(site.objects))] * 2
    assert answer["rests"] == []
    assert site.submission.status == Submission.Status.TRANSFERRED
    assert ReceivedFile.objects.count() == len(site.objects)


def test_a_half_part_goes_on_where_it_stopped(site: Site) -> None:
    part = pack(site.objects[:5])
    begun = create(site.client, site.submission, len(part))["Location"]
    patch(site.client, begun, part[:2000])
    answer = site.transfer()
    assert answer["state"] == "transferred"
    assert answer["progress"][0][0] >= 2000
    assert Part.objects.count() == 2


def test_a_pause_ends_and_nothing_is_lost(site: Site) -> None:
    assert site.transfer(pauseAt=1)["state"] == "transferred"


def test_a_cancelled_transfer_is_taken_up_again(site: Site) -> None:
    answer = site.transfer(cancelAt=0)
    assert answer["refused"] == "Cancelled"
    assert site.submission.status == Submission.Status.SENDING
    assert site.transfer()["state"] == "transferred"
    assert ReceivedFile.objects.count() == Instance.objects.count() == len(site.objects)


def test_who_was_signed_out_is_told(site: Site) -> None:
    answer = site.transfer(cookie="sessionid=none")
    assert answer["refused"] == "SignedOut"
    assert "Sign in again in another tab" in answer["sentence"]


def test_what_was_stopped_elsewhere_ends_the_sending(site: Site, cast: Cast) -> None:
    stop_sending(site.submission, by=cast.carla)
    assert site.transfer()["state"] == "checked"


def test_a_file_that_changed_is_told_and_not_sent(site: Site) -> None:
    (site.folder / sha256_of(site.objects[3])).write_bytes(b"something else")
    answer = site.transfer()
    assert answer["refused"] == "Refused"
    assert "Choose the folder again" in answer["sentence"]
    assert not ReceivedFile.objects.exists()


def test_a_file_that_was_damaged_on_this_computer_is_not_sent_for_ever(site: Site) -> None:
    path = site.folder / sha256_of(site.objects[3])
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    answer = site.transfer()
    assert answer["refused"] == "Refused"
    assert ReceivedFile.objects.count() == len(site.objects) - 1
