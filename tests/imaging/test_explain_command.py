"""`check --explain`: the evidence for the labels, laid over the pictures and written as files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apps.imaging.__main__ import main
from apps.imaging.vocabulary import BODY_PARTS, OUT_OF_SCOPE, PLANES
from tests.imaging.tiny_bundle import write_tiny_bundle
from tests.phantoms import cube_and_rod, write_series

PHASES = ("arterial", "portal_venous", "non_contrast")


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    return str(write_tiny_bundle(tmp_path / "bundle"))


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    write_series(tmp_path / "scan", cube_and_rod(), common={"SeriesDescription": "Thorax"})
    return tmp_path / "scan"


def test_each_network_gets_its_picture_with_the_evidence_over_it(
    scan: Path, bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "why"
    assert main(["check", str(scan), "--bundle", bundle, "--explain", str(out), "--json"]) == 0
    written = capsys.readouterr()
    assert written.out.count("\n") == 1
    assert "series-1: evidence for the labels of" in written.err and "Thorax" in written.err
    expected = {f"body_part-{plane}-mip.png" for plane in PLANES} | {f"contrast-{plane}-mid.png" for plane in PLANES}
    assert {path.name for path in (out / "series-1").iterdir()} == expected
    with Image.open(out / "series-1" / "body_part-axial-mip.png") as drawn:
        assert (drawn.size, drawn.mode) == ((512, 512), "RGB")
        pixels = np.asarray(drawn).astype(int)
    assert np.ptp(pixels, axis=-1).max() > 50  # somewhere there is colour


def test_several_series_have_a_folder_each(scan: Path, bundle: str, tmp_path: Path) -> None:
    write_series(tmp_path / "other", cube_and_rod(), series=2)
    out = tmp_path / "why"
    assert main(["check", str(scan), str(tmp_path / "other"), "--bundle", bundle, "--explain", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["series-1", "series-2"]


def test_a_folder_that_cannot_be_made_is_refused_before_the_check(
    scan: Path, bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SystemExit) as stopped:
        main(["check", str(scan), "--bundle", bundle, "--explain", str(tmp_path / "file")])
    assert stopped.value.code == 2
    assert "--explain: " in capsys.readouterr().err


def test_a_protocol_file_may_ask_for_what_the_bundle_can_say(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classes = {"body_part": (*BODY_PARTS, "spine", OUT_OF_SCOPE), "contrast": PHASES}
    own = write_tiny_bundle(tmp_path / "own", body_part="spine", contrast="arterial", classes=classes)
    protocol = tmp_path / "protocol.toml"
    slot = 'name = "T"\nversion = "1"\n[[series]]\nslot = "a"\nbody_part = "{}"\ncontrast = "arterial"\n'
    protocol.write_text(slot.format("spine"))
    assert main(["check", str(scan), "--bundle", str(own), "--protocol", str(protocol)]) == 0
    told = capsys.readouterr().out
    assert "spine, score 0.90" in told and "with contrast (arterial), score 0.90" in told
    assert "Spine CT with contrast (arterial)" in told
    protocol.write_text(slot.format("other"))
    with pytest.raises(SystemExit):
        main(["check", str(scan), "--bundle", str(own), "--protocol", str(protocol)])
    told = capsys.readouterr().err
    assert "expected one of brain, neck, chest, abdomen, abdomen_pelvis, spine, found 'other'" in told
