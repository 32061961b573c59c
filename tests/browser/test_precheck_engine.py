"""The engine of the check at the site in a real browser: workers and decoders start under the strict policy."""

import base64
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.urls import reverse
from playwright.sync_api import Page

from apps.imaging.deidentification import residuals
from apps.imaging.deidentification.engine import deidentify
from apps.imaging.deidentification.options import Options
from apps.imaging.deidentification.profile import Profile, make_profile
from apps.imaging.digest import SeriesDigest, assemble_digest, build_digest, reading_plan
from apps.imaging.headers import SeriesFiles, group_into_series, read_headers
from apps.imaging.headers.records import from_record
from tests.imaging.browser import series_at
from tests.node import ROOT
from tests.phantoms import cube_and_rod, write_series

pytestmark = pytest.mark.skipif(
    not (ROOT / "static" / "vendor").is_dir(), reason="no browser packages: python tools/browser_packages.py"
)

READ = """async ({ session, profile }) => {
    const engine = await import(session);
    const files = [...document.querySelector("#files").files].map((file) => ({ file, path: file.name }));
    window.steps = [];
    window.found = await engine.readFiles(files, { profile, onProgress: (...done) => window.steps.push(done) });
    return window.found;
}"""

DIGEST = """async ({ session, profile, at, plan }) => {
    const engine = await import(session);
    const { reading, pictures } = await engine.digestSeries(window.found.series[at], plan, { profile });
    const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    const packed = Object.entries(pictures).map(([name, picture]) => [name, base64(picture)]);
    return { reading, pictures: Object.fromEntries(packed) };
}"""

OBJECT = """async ({ session, profile, index }) => {
    const engine = await import(session);
    const bytes = await engine.objectOf(index, { profile });
    const changes = await engine.changesOf(index, { profile });
    return { object: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")), changes };
}"""

STOP = """async ({ session, at, plan }) => {
    const engine = await import(session);
    const stop = new AbortController();
    const onProgress = () => stop.abort();
    return engine.digestSeries(window.found.series[at], plan, { signal: stop.signal, onProgress }).then(
        () => "finished",
        (error) => error.name,
    );
}"""


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser's console complains of; a refused worker or WebAssembly stands here."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


class Engine:
    """A page with files chosen on it."""

    def __init__(self, page: Page, live_server: object, profile: Profile | None = None) -> None:
        self.page = page
        page.goto(f"{live_server}{reverse('accounts:login')}")
        page.evaluate("""() => {
            const input = document.body.appendChild(document.createElement("input"));
            Object.assign(input, { type: "file", multiple: true, id: "files" });
        }""")
        self.given = {
            "session": f"{live_server}/static/js/precheck/session.js",
            "profile": profile.to_json() if profile else None,
        }

    def read(self, paths: list[Path]) -> Any:
        self.page.locator("#files").set_input_files(paths)
        return self.page.evaluate(READ, self.given)

    def digest(self, found: Any, at: int = 0) -> SeriesDigest:
        headers = tuple(map(from_record, found["series"][at]["records"]))
        first = headers[0]
        arrived = SeriesFiles(first.series_uid, first.study_uid, first.patient_key, headers)
        plan = reading_plan(arrived).to_json()
        made = self.page.evaluate(DIGEST, {**self.given, "at": at, "plan": plan})
        pictures = {
            name: np.frombuffer(base64.b64decode(picture), np.uint8).reshape(512, 512)
            for name, picture in made["pictures"].items()
        }
        return assemble_digest(arrived, made["reading"], pictures)


@pytest.mark.parametrize("transfer_syntax", ["explicit", "deflated", "rle", "jpeg_ls", "jpeg_lossless", "j2k", "htj2k"])
def test_workers_decode_and_project_as_the_server_does(page, live_server, complaints, tmp_path, transfer_syntax):
    paths = write_series(tmp_path, cube_and_rod(), transfer_syntax=transfer_syntax)
    engine = Engine(page, live_server)
    found = engine.read(paths)
    assert (len(found["series"]), found["strays"]) == (1, [])
    assert page.evaluate("window.steps.at(-1)") == [12, 12]
    digest, expected = engine.digest(found), build_digest(series_at(paths))
    assert digest == expected
    assert digest.sha256 == expected.sha256
    assert complaints == []


def a_profile() -> Profile:
    return make_profile(
        Options(),
        key="ab" * 32,
        subject="01-001",
        sponsor="Sponsor",
        protocol="P-1",
        site="01",
        subject_number="01-001",
        visit="Baseline",
    )


@pytest.mark.parametrize("transfer_syntax", ["explicit", "implicit", "big_endian", "deflated", "j2k"])
def test_what_leaves_is_read_from_the_deidentified_object(page, live_server, complaints, tmp_path, transfer_syntax):
    paths = write_series(tmp_path / "site", cube_and_rod(), transfer_syntax=transfer_syntax)
    profile = a_profile()
    engine = Engine(page, live_server, profile)
    found = engine.read(paths)
    sent = []
    for path in paths:
        done = deidentify(path.read_bytes(), profile)
        sent.append(tmp_path / path.name)
        sent[-1].write_bytes(done.header + bytes(done.pixels))
    arrived, _ = read_headers(sent)
    (series,) = group_into_series(arrived)
    digest, expected = engine.digest(found), build_digest(series)
    (key,) = {record["patient_key"] for record in found["series"][0]["records"]}
    assert len(key) == 64 and key != series.patient_key
    assert digest.instances == expected.instances
    # Whether the scan had been de-identified before is told as it was: what is sent says it of itself.
    header = {name: said for name, said in expected.header.items() if name != "PatientIdentityRemoved"}
    assert (digest.geometry, digest.header, digest.findings) == (expected.geometry, header, expected.findings)
    assert all(np.array_equal(digest.pictures[name], picture) for name, picture in expected.pictures.items())
    assert found["series"][0]["local"]["patientName"] == "Tiny^Test"
    assert "Tiny" not in str(found["series"][0]["records"])
    made = page.evaluate(OBJECT, {**engine.given, "index": found["series"][0]["indices"][3]})
    assert base64.b64decode(made["object"]) == sent[3].read_bytes()
    kinds = {change["tag"]: change["kind"] for change in made["changes"]}
    assert (kinds["00100010"], kinds["00280010"]) == ("changed", "kept")
    assert complaints == []


def test_archives_strays_and_several_patients(page, live_server, complaints, tmp_path):
    paths = write_series(tmp_path / "a", cube_and_rod())
    others = write_series(tmp_path / "b", cube_and_rod()[:3], series=2, common={"PatientName": "Other"}, name="B{}")
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as packed:
        packed.write(paths[0], "x")
    archive = tmp_path / "scan.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in paths:
            packed.write(path, f"scan/{path.name}")
        packed.writestr("readme.txt", "Guten Tag")
        packed.writestr("__MACOSX/._x", "x")
        packed.writestr("../up", "x")
        packed.writestr("inner.zip", inner.getvalue())
    note = tmp_path / "note.txt"
    note.write_text("hello")
    engine = Engine(page, live_server)
    found = engine.read([archive, *others, note])
    assert [(len(series["records"]), series["title"]) for series in found["series"]] and len(found["patients"]) == 2
    reasons = {stray["path"]: (stray["reason"].split(";")[0], stray["harmless"]) for stray in found["strays"]}
    assert reasons == {
        "scan.zip: readme.txt": ("is a text file, not a DICOM file", True),
        "scan.zip: __MACOSX/._x": ("belongs to the computer, not to the scan", True),
        "scan.zip: ../up": ("has a path that leads out of the archive and was not unpacked", False),
        "scan.zip: inner.zip": ("is an archive within the archive and was not opened", False),
        "note.txt": ("is a text file, not a DICOM file", True),
    }
    at = next(number for number, series in enumerate(found["series"]) if len(series["records"]) == 12)
    pictures = engine.digest(found, at).pictures
    expected = build_digest(series_at(paths)).pictures
    assert all(np.array_equal(pictures[name], picture) for name, picture in expected.items())
    assert complaints == []


def test_pictures_with_writing_are_told_apart_as_the_server_judges_them(page, live_server, complaints, tmp_path):
    signs = {
        "plain": {},
        "burned": {"BurnedInAnnotation": "YES"},
        "capture": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
        "dose": {"ImageType": ["DERIVED", "SECONDARY", "DOSE_INFO"]},
    }
    written = {name: write_series(tmp_path / name, cube_and_rod()[:2], common=said) for name, said in signs.items()}
    profile = a_profile()
    engine = Engine(page, live_server, profile)
    found = engine.read([path for paths in written.values() for path in paths])
    told = {series["writing"]: len(series["records"]) for series in found["series"]}
    assert sorted(told.values()) == [2, 6]
    assert told[""] == 2
    for name, paths in written.items():
        done = deidentify(paths[0].read_bytes(), profile)
        reasons = {residual.reason for residual in residuals(done.header + bytes(done.pixels), profile)}
        assert bool(reasons) == (name != "plain")
    assert complaints == []


def test_what_the_browser_may_not_open_is_listed_and_the_rest_goes_on(page, live_server, complaints, tmp_path):
    Engine(page, live_server)
    found = page.evaluate(
        """async ({ session, folders }) => {
            const refuse = (_, reject) => reject(new DOMException("no", "NotReadableError"));
            const reader = (entries) => () => ({ readEntries: (resolve) => resolve(entries.splice(0)) });
            const entries = [
                { isFile: true, fullPath: "/CD/locked", file: refuse },
                { isFile: true, fullPath: "/CD/note", file: (resolve) => resolve(new File(["hello"], "note")) },
                { isDirectory: true, fullPath: "/CD/shut", createReader: () => ({ readEntries: refuse }) },
            ];
            const folder = { isDirectory: true, fullPath: "/CD", createReader: reader(entries) };
            const { dropped } = await import(folders);
            const items = await dropped({ items: [{ webkitGetAsEntry: () => folder }], files: [] });
            return (await import(session)).readFiles(items);
        }""",
        {
            "session": f"{live_server}/static/js/precheck/session.js",
            "folders": f"{live_server}/static/js/upload/folders.js",
        },
    )
    reasons = {stray["path"]: stray["reason"].split(" (")[0].split(",")[0] for stray in found["strays"]}
    assert reasons == {
        "CD/locked": "could not be opened",
        "CD/shut": "could not be opened",
        "CD/note": "is a text file",
    }
    assert complaints == []


def test_many_files_leave_the_page_usable_while_they_are_looked_up(page, live_server, complaints):
    Engine(page, live_server)
    breaths = page.evaluate(
        """async (folders) => {
            const { bitByBit } = await import(folders);
            const slow = () => {
                const until = performance.now() + 5;
                while (performance.now() < until);
            };
            let breaths = 0;
            const timer = setInterval(() => (breaths += 1), 1);
            await bitByBit(Array(60).fill(null), slow);
            clearInterval(timer);
            return breaths;
        }""",
        f"{live_server}/static/js/upload/folders.js",
    )
    assert breaths >= 5
    assert complaints == []


def test_reading_can_be_stopped(page, live_server, complaints, tmp_path):
    engine = Engine(page, live_server)
    found = engine.read(write_series(tmp_path, cube_and_rod((40, 64, 64))))
    headers = tuple(map(from_record, found["series"][0]["records"]))
    plan = reading_plan(SeriesFiles(headers[0].series_uid, "", "", headers)).to_json()
    assert page.evaluate(STOP, {**engine.given, "at": 0, "plan": plan}) == "AbortError"
    assert engine.digest(found).pictures
    assert complaints == []
