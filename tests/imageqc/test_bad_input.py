"""Everything that hospitals and accidents put into one drop: each gets its sentence, the good scan is checked."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pydicom import uid

from apps.intake.models import ReceivedFile, Series, Submission
from tests.cast import Cast
from tests.phantoms import cube_and_rod, save, series_datasets, write_series
from tests.uploads import sent

pytestmark = pytest.mark.usefixtures("tiny_bundle")


def zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("CT/IM1", b"\0" * 300_000_000)
    return packed.getvalue()


def claims_ten_gigabytes(scan: Path) -> bytes:
    """A header whose pixel data says that it is far longer than the file."""
    content = bytearray(scan.read_bytes())
    at = content.rindex(b"\xe0\x7f\x10\x00OW")
    content[at + 8 : at + 12] = struct.pack("<I", 0xFFFFFFF0)
    return bytes(content)


def test_one_drop_of_everything_bad_and_one_good_scan(cast: Cast, tmp_path: Path) -> None:
    good = write_series(tmp_path / "good", cube_and_rod(), series=1)
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "truncated.dcm").write_bytes(good[0].read_bytes()[:200])
    (bad / "magic.dcm").write_bytes(good[1].read_bytes().replace(b"DICM", b"MCID", 1))
    (bad / "text.dcm").write_text("a text named .dcm")
    (bad / "claims.dcm").write_bytes(claims_ten_gigabytes(good[2]))
    (bad / "bomb.zip").write_bytes(zip_bomb())
    with zipfile.ZipFile(bad / "traversal.zip", "w") as archive:
        archive.writestr("../../../escaped", "outside")
    write_series(tmp_path / "one", cube_and_rod()[6:7], series=2)
    write_series(tmp_path / "air", np.full((12, 16, 20), -1000, np.int16), series=3)
    write_series(tmp_path / "nan", cube_and_rod(), series=4, common={"RescaleSlope": float("nan")})
    scout = series_datasets(cube_and_rod()[6:7], series=5)[0]
    scout.Modality, scout.SOPClassUID = "MR", uid.MRImageStorage
    save(scout, bad / "mr.dcm")
    everything = sorted(path for path in tmp_path.rglob("*") if path.is_file())

    submission = sent(cast.visit, everything, by=cast.carla)

    assert submission.status == Submission.Status.CHECKED
    assert not submission.series.filter(status__in=[*Series.UNFINISHED, Series.Status.FAILED]).exists()
    by_number = {series.number: series for series in submission.series.all()}
    assert by_number[1].classifications.get().body_part["label"] == "chest"
    refused = dict(submission.files.filter(status=ReceivedFile.Status.REFUSED).values_list("given_name", "reason"))
    told = {name.rpartition("/")[2] for name in refused}
    assert told >= {"truncated.dcm", "text.dcm", "magic.dcm"}
    assert all(refused.values())
    for number, words in ((2, "one image only"), (3, "nothing but air"), (4, "is no number"), (5, "an MR series")):
        assert words in by_number[number].findings.get().sentence
        assert not by_number[number].classifications.exists()
    archives = submission.files.filter(given_name__endswith=".zip").exclude(given_name__contains=".zip/")
    assert {archive.status for archive in archives} <= {"refused", "unpacked"}
    assert all(archive.reason for archive in archives)
    assert not (tmp_path.parent / "escaped").exists()
    assert not submission.files.filter(size__gt=100_000_000).exists()
    assert submission.files.filter(status=ReceivedFile.Status.STORED).count() == 0
