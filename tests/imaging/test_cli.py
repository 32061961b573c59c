"""The command line: what stands on stdout and stderr, the exit codes, and never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from apps.imaging import __main__ as command
from apps.imaging import pipeline
from apps.imaging.__main__ import main
from apps.imaging.vocabulary import PICTURES
from tests.imaging.tiny_bundle import write_tiny_bundle
from tests.phantoms import cube_and_rod, write_series

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "oncology-protocol.toml"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of an ensemble that says "chest, enhanced" of everything but air."""
    return str(write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "1.0.0"))


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A folder with one sound series."""
    write_series(tmp_path / "scan", cube_and_rod(), common={"SeriesDescription": "Thorax"})
    return tmp_path / "scan"


def usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a wrong command; return what it says on stderr."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    written = capsys.readouterr()
    assert written.out == ""
    return written.err


def test_json_is_one_object_per_series_and_line(
    scan: Path, tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_series(tmp_path / "other", cube_and_rod(), series=2)
    assert main(["check", str(scan), str(tmp_path / "other"), "--bundle", bundle, "--json"]) == 0
    written = capsys.readouterr()
    lines = [json.loads(line) for line in written.out.splitlines()]
    assert [line["body_part"]["label"] for line in lines] == ["chest", "chest"]
    assert lines[0]["description"] == "Thorax"
    assert written.err == ""


def test_text_tells_the_series_its_labels_and_the_bundle(
    scan: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(scan), "--bundle", bundle]) == 0
    text = capsys.readouterr().out
    assert "'Thorax'" in text
    assert "12 slices, 2 mm thick, 2 mm apart" in text
    assert "chest, score 0.90" in text
    assert "with contrast, score 0.90" in text
    assert "1 series checked, every file read. Bundle tiny 1.0.0 (" in text


def test_a_protocol_adds_the_slot_board(scan: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(scan), "--bundle", bundle, "--protocol", str(EXAMPLE)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Oncology, screening and every 8 weeks, version 1.0" in text
    assert "problem Chest CT with contrast: series 1, 'Thorax', does not fit." in text
    assert "missing Abdomen-pelvis CT with contrast is missing" in text


def test_two_patients_for_one_visit_are_told(
    scan: Path, tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_series(tmp_path / "other", cube_and_rod(), series=2, common={"PatientID": "another"})
    main(["check", str(scan), str(tmp_path / "other"), "--bundle", bundle, "--protocol", str(EXAMPLE)])
    assert "These files come from 2 different patients." in " ".join(capsys.readouterr().out.split())


def test_an_abstention_is_an_answer(tmp_path: Path, scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unsure = write_tiny_bundle(tmp_path / "unsure", score=0.4)
    assert main(["check", str(scan), "--bundle", str(unsure), "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["abstained"] is True
    assert line["body_part"]["label"] is None
    assert line["reason"]


def test_what_is_unreadable_is_told_on_stderr_and_the_rest_goes_on(
    scan: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (scan / "letter.dcm").write_text("Dear colleague")
    assert main(["check", str(scan), "--bundle", bundle, "--json"]) == 1
    written = capsys.readouterr()
    assert len(written.out.splitlines()) == 1
    assert "letter.dcm" in written.err
    assert main(["check", str(scan), "--bundle", bundle]) == 1
    text = capsys.readouterr().out
    assert "letter.dcm" in text
    assert "1 file not read" in text


def test_a_truncated_file_is_told_and_the_rest_goes_on(
    scan: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = sorted(scan.iterdir())[5]
    victim.write_bytes(victim.read_bytes()[:-200])
    assert main(["check", str(scan), "--bundle", bundle, "--json"]) == 1
    written = capsys.readouterr()
    assert len(written.out.splitlines()) == 1
    assert victim.name in written.err + written.out


def test_an_empty_folder_is_told(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path), "--bundle", bundle]) == 1
    assert "No files were found there." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "required"),
        (["check"], "required: PATH"),
        (["check", "{scan}", "--colour"], "unrecognized arguments"),
        (["check", "{scan}/gone", "--bundle", "{bundle}"], "gone does not exist"),
        (["check", "{scan}", "--bundle", "{scan}"], "--bundle: "),
        (["check", "{scan}", "--bundle", "{bundle}", "--protocol", "{scan}/gone.toml"], "--protocol: gone.toml"),
        (["project", "{scan}"], "--out"),
        (["project", "{scan}/gone", "--out", "{scan}/out"], "gone does not exist"),
        (["project", "{scan}", "--out", "{scan}/IM00001"], "cannot be made a folder"),
    ],
)
def test_wrong_usage_is_refused_in_words(
    arguments: list[str], said: str, scan: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [argument.format(scan=scan, bundle=bundle) for argument in arguments]
    assert said in usage_error(filled, capsys)


def test_a_protocol_with_a_mistake_names_file_and_key(
    scan: Path, tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "protocol.toml"
    wrong.write_text('name = "T"\nversion = "1"\n[[series]]\nslot = "a"\nbody_part = "thorax"\n')
    said = usage_error(["check", str(scan), "--bundle", bundle, "--protocol", str(wrong)], capsys)
    assert "--protocol: protocol.toml: series 1, body_part: expected one of brain, neck" in said


def test_two_series_of_one_number_are_told_apart_by_their_folders(
    scan: Path, tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other site"
    write_series(other / "left", cube_and_rod()[:6], study=2)
    for number, file in enumerate(sorted((other / "left").iterdir())):
        if number % 2:
            (other / "right").mkdir(exist_ok=True)
            file.rename(other / "right" / file.name)
    assert main(["check", str(scan), str(other), "--bundle", bundle]) == 0
    titles = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Series 1")]
    assert [title.partition(", in ")[2] for title in titles] == ["scan", "other site"]
    assert main(["check", str(scan), "--bundle", bundle, "--json"]) == 0
    assert "folder" not in json.loads(capsys.readouterr().out)


def test_the_newest_bundle_is_the_default(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "BUNDLES", tmp_path / "models")
    assert "no model bundle was found" in usage_error(["check", str(scan)], capsys)
    for version in ("0.9.0", "0.10.0", "draft"):
        write_tiny_bundle(tmp_path / "models" / version, version=version)
    assert main(["check", str(scan), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bundle"]["version"] == "0.10.0"


def test_project_writes_the_nine_pictures(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["project", str(scan), "--out", str(out)]) == 0
    assert {path.stem for path in out.glob("*.png")} == set(PICTURES)
    with Image.open(out / "mip_axial.png") as picture:
        assert (picture.mode, picture.size) == ("L", (512, 512))
    assert "'Thorax'" in capsys.readouterr().out


def test_project_gives_each_of_several_series_a_folder(tmp_path: Path) -> None:
    write_series(tmp_path / "in" / "a", cube_and_rod(), series=1)
    write_series(tmp_path / "in" / "b", cube_and_rod(), series=2)
    assert main(["project", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["series-1", "series-2"]
    assert len(list((tmp_path / "out").rglob("*.png"))) == 18


def test_project_tells_what_makes_no_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter.dcm").write_text("Dear colleague")
    assert main(["project", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "letter.dcm" in capsys.readouterr().err


def test_an_unforeseen_error_is_a_sentence(
    scan: Path, bundle: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(pipeline, "find_series", breaks)
    assert main(["check", str(scan), "--bundle", bundle]) == 1
    assert capsys.readouterr().err == (
        "CoreQC could not go on (RuntimeError: the disk is full). Please report this message.\n"
    )


def test_ctrl_c_ends_quietly(
    scan: Path, bundle: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "find_series", interrupted)
    assert main(["check", str(scan), "--bundle", bundle]) == 130
    assert capsys.readouterr() == ("", "")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "apps.imaging", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_page_on_the_command_line_names_each_option() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    for name in ("check", "project"):
        shown = run(name, "--help").stdout
        options = {word.strip("[],") for word in shown.split() if word.startswith(("--", "[--"))} - {"--help"}
        assert options
        assert not {option for option in options if option not in page}


@pytest.mark.parametrize(
    ("folder", "body_part", "contrast"),
    [
        ("chest-enhanced", "chest", "enhanced"),
        ("abdomen-noncontrast-10mm", "abdomen", "non_contrast"),
        ("abdomenpelvis-enhanced", "abdomen_pelvis", "enhanced"),
    ],
)
def test_real_ct_is_never_called_what_it_is_not(
    real_ct: Path, folder: str, body_part: str, contrast: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(real_ct / "dicom" / folder), "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["body_part"]["label"] in (body_part, None)
    assert line["contrast"]["label"] in (contrast, None)
    assert line["bundle"]["name"] == "imageqc-lite"


def test_help_starts_without_the_heavy_parts() -> None:
    ended = run("check", "--help")
    assert ended.returncode == 0
    assert "--protocol" in ended.stdout
    heavy = (
        "import sys, apps.imaging.__main__; print(sorted({'numpy','pydicom','onnxruntime','torch'} & set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", heavy], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert loaded.stdout.strip() == "[]"


def test_a_check_needs_neither_torch_nor_django(scan: Path, bundle: str) -> None:
    code = (
        "import sys; from apps.imaging.__main__ import main; "
        f"main(['check', {str(scan)!r}, '--bundle', {bundle!r}]); "
        "sys.exit(bool({'torch', 'django', 'celery'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_a_terminal_that_knows_ascii_only_still_gets_every_line(scan: Path, bundle: str) -> None:
    write_series(scan, cube_and_rod(), common={"SeriesDescription": "Schädel", "SpecificCharacterSet": "ISO_IR 100"})
    ended = run("check", str(scan), "--bundle", bundle, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert ended.returncode == 0, ended.stderr
    assert "Sch\\xe4del" in ended.stdout


def test_a_reader_that_has_enough_is_no_error(scan: Path, bundle: str) -> None:
    piped = f"{sys.executable} -m apps.imaging check {scan} --bundle {bundle} --json | true"
    ended = subprocess.run(["bash", "-c", piped], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ended.stderr == ""
