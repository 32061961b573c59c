"""`python -m apps.imaging deidentify`."""

from pathlib import Path

import pydicom
import pytest

from apps.imaging.__main__ import main
from tests import phantoms
from tests.imaging.deidentification.objects import files_of, identifying_ct, profile
from tests.imaging.deidentification.test_engine import NAMES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder as a site exports it, with a profile beside it."""
    (tmp_path / "profile.json").write_text(profile().dumps(), "utf-8")
    exported = tmp_path / "Planter" / "CT"
    exported.mkdir(parents=True)
    for number in range(2):
        dataset = identifying_ct()
        dataset.SOPInstanceUID = f"1.2.3.{number}"
        phantoms.save(dataset, exported / f"Planter_{number}")
    return tmp_path


def run(folder: Path, *more: str) -> int:
    return main(
        ["deidentify", str(folder / "Planter"), str(folder / "out"), "--profile", str(folder / "profile.json"), *more]
    )


def test_a_folder_is_written_without_names_in_files_or_paths(folder: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(folder) == 0
    written = files_of(folder / "out")
    assert len(written) == 2
    for path in written:
        assert not [
            name for name in NAMES if name in path.read_bytes() or name.decode() in str(path.relative_to(folder))
        ]
        assert pydicom.dcmread(path).PatientID == "S-001"
    assert "2 objects written to" in capsys.readouterr().out


def test_again_gives_the_same_files(folder: Path) -> None:
    assert run(folder) == 0
    first = {path: path.read_bytes() for path in files_of(folder / "out")}
    assert run(folder) == 0
    assert {path: path.read_bytes() for path in files_of(folder / "out")} == first


def test_the_report_names_attributes_and_no_values(folder: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(folder, "--report") == 0
    told = capsys.readouterr().out
    assert "(0008,0080) removed  in 2 of 2  Institution Name: by the table" in told
    assert not [name for name in NAMES if name.decode() in told.replace(str(folder), "")]


def test_other_files_are_not_needed_and_suspicious_ones_left_out(folder: Path, capsys: pytest.CaptureFixture) -> None:
    (folder / "Planter" / "read.me").write_text("hello")
    assert run(folder) == 0
    screen = identifying_ct()
    screen.BurnedInAnnotation = "YES"
    phantoms.save(screen, folder / "Planter" / "screen")
    damaged = folder / "Planter" / "damaged"
    damaged.write_bytes((folder / "Planter" / "CT" / "Planter_0").read_bytes()[:900])
    assert run(folder) == 1
    told = capsys.readouterr()
    assert "screen may still identify somebody: Burned In Annotation (0028,0301)" in told.err
    assert "damaged is damaged:" in told.err
    assert "1 other file not needed" in told.out and "2 files left out" in told.out
    assert len(files_of(folder / "out")) == 2


def test_two_objects_of_one_uid_are_not_written_over_each_other(folder: Path, capsys: pytest.CaptureFixture) -> None:
    twin = identifying_ct()
    twin.SOPInstanceUID = "1.2.3.0"
    twin.InstanceNumber = 99
    phantoms.save(twin, folder / "Planter" / "twin")
    assert run(folder) == 1
    assert "twin has the UID of an object that was written already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("{", "is not JSON"), ("{}", "has schema None"), (None, "could not be opened")],
)
def test_a_bad_profile_is_refused(
    folder: Path, content: str | None, sentence: str, capsys: pytest.CaptureFixture
) -> None:
    path = folder / "profile.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(SystemExit) as ended:
        run(folder)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_the_result_does_not_lie_among_the_originals(folder: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["deidentify", str(folder), str(folder / "out"), "--profile", str(folder / "profile.json")])
    assert ended.value.code == 2
    assert "choose a folder outside of it" in capsys.readouterr().err


def test_an_empty_folder_is_no_success(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert (
        main(["deidentify", str(tmp_path / "empty"), str(folder / "out"), "--profile", str(folder / "profile.json")])
        == 1
    )
