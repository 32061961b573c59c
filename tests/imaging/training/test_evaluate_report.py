"""The report: one file that needs nothing else, says what is missing, and shows what went wrong."""

import base64
import csv
import io
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from apps.imaging.__main__ import main
from apps.imaging.training.evaluate.measure import evaluate
from apps.imaging.training.report.html import report_html
from apps.imaging.training.run import Predictions, open_run
from tests.imaging.training.tiny_run import write_tiny_run


class Balanced(HTMLParser):
    """Collects the words of a page and checks that each element is closed in its place."""

    VOID = {"meta", "img", "line", "circle", "polyline", "polygon", "rect", "br"}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open and self.open.pop() == tag, f"{tag} is closed out of its place"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)


def words_of(page: str) -> str:
    reader = Balanced()
    reader.feed(page)
    assert not reader.open
    return " ".join(" ".join(reader.words).split())


@pytest.fixture
def page(tiny_run):
    return report_html(evaluate(tiny_run))


def test_the_report_of_contrast_alone_shows_it_by_body_part(tiny_run):
    recipe = replace(tiny_run.recipe, modules={"contrast": tiny_run.recipe.modules["contrast"]})
    said = words_of(report_html(evaluate(replace(tiny_run, recipe=recipe))))
    assert "As the paper's Table 3" in said and "Body part: " not in said


def test_the_report_is_one_file_without_references(page):
    assert not re.search(r"https?://|//[a-z]|@import|url\(|<script|<link|<iframe", page)
    sources = re.findall(r'\bsrc="([^"]{0,30})', page)
    assert sources and all(re.match(r"data:image/(png|jpeg);base64,", source) for source in sources)
    links = re.findall(r'\bhref="([^"]*)"', page)
    assert links and all(f'id="{link[1:]}"' in page for link in links if link.startswith("#"))
    assert all(link.startswith("#") for link in links)


def test_every_element_of_the_report_is_closed(page):
    assert "Body part" in words_of(page)


def test_each_section_has_its_own_anchor(page):
    anchors = re.findall(r'\bid="([^"]*)"', page)
    assert len(anchors) == len(set(anchors)) > 8


def test_the_report_says_that_it_stays_with_the_lab(page):
    assert "Heads can show faces: this report stays with the lab." in words_of(page)


def test_rows_that_were_not_trained_are_said_to_be(page):
    words = words_of(page)
    assert "AIP Axial not trained not trained not trained" in words


def test_figures_come_with_n_and_interval(page):
    words = words_of(page)
    # Contrast, held out: 23 of 24.
    assert "95.8 % right, 23 of 24 series, 24 patients" in words
    assert "Wilson 79.8 to 99.3" in words


def test_few_series_and_patients_are_said(page):
    words = words_of(page)
    assert "Only 24 patients were held out" in words
    assert "Hardly judged, with fewer than 10 held-out series: brain (8), chest (8), abdomen (8)" in words


def test_the_gallery_shows_what_went_wrong_and_whether_it_was_answered(page):
    words = words_of(page)
    assert "No series was misclassified" in words  # body part: the vote saved it
    assert "enhanced , said non-contrast" in words
    assert "answered wrongly" in words and "brain-enhanced-1" in words
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) == 3
    thumbnail = Image.open(io.BytesIO(base64.b64decode(pictures[0])))
    assert thumbnail.size == (200, 200) and thumbnail.getextrema()[1] > 150


def test_the_gallery_shows_where_the_evidence_for_what_was_said_lies(tiny_run, page):
    shown = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    assert len(shown) == 3 and "Mid-plane axial, where the evidence for non-contrast lies" in page
    red, _, blue = np.moveaxis(np.asarray(Image.open(io.BytesIO(base64.b64decode(shown[0])))).astype(int), -1, 0)
    assert (red - blue)[:20, :20].mean() > 60 and abs(red - blue)[120:, 120:].max() < 10


def test_a_run_that_kept_no_evidence_has_a_gallery_without_it(tiny_run):
    for file in tiny_run.folder.glob("classifiers/*/*/*/*.npz"):
        with np.load(file) as stored:
            kept = Predictions(stored["series"], stored["logits"], stored["distance"])
        kept.save(file)
    page = report_html(evaluate(open_run(tiny_run.folder)))
    assert "data:image/png" in page and "data:image/jpeg" not in page


def test_an_empty_set_is_said(tiny_run):
    rows = [replace(row, set="internal") if row.set == "external" else row for row in tiny_run.real.rows]
    for file in tiny_run.folder.glob("classifiers/*/*/*/external.npz"):
        file.unlink()
    page = report_html(evaluate(replace(tiny_run, real=replace(tiny_run.real, rows=rows))))
    words = words_of(page)
    assert "external none" in words and "External validation no series" in words


def test_names_of_patients_are_text_not_markup(tiny_run):
    rows = [
        replace(row, patient="<b>p</b>", source='"><img src=x>', scanner="<i>", name=f"<u>{row.name}")
        for row in tiny_run.real.rows
    ]
    folds = {"<b>p</b>": 0}
    page = report_html(evaluate(replace(tiny_run, real=replace(tiny_run.real, rows=rows), folds=folds)))
    assert "<b>p" not in page and "<img src=x" not in page and "<u>" not in page and "<i>" not in page
    assert "<b>p</b>" in words_of(page)


def test_a_run_of_one_plane_has_tables_and_no_ensemble(tmp_path):
    run = write_tiny_run(tmp_path / "run")
    for picture in ("mip_sagittal", "mip_coronal", "mid_sagittal", "mid_coronal"):
        for folder in (run.folder / "classifiers").glob(f"*/{picture}"):
            shutil.rmtree(folder)
    evaluation = evaluate(run)
    assert evaluation.metrics["modules"]["body_part"]["limits"] is None
    assert evaluation.metrics["both_right"]["held_out"] is None
    words = words_of(report_html(evaluation))
    assert "no fold of the sagittal and coronal plane is finished" in words


def test_a_run_whose_folds_are_half_done_is_judged_so_far(tmp_path):
    run = write_tiny_run(tmp_path / "run")
    for done in run.folder.glob("classifiers/*/*/fold-1/done.json"):
        done.unlink()
    evaluation = evaluate(run)
    module = evaluation.metrics["modules"]["body_part"]
    assert module["nested"] is None and module["abstention"]["nested"] is None
    words = words_of(report_html(evaluation))
    assert "Fewer than two folds are finished" in words


def test_a_run_without_cross_validation_still_has_its_validation_sets(tmp_path):
    run = write_tiny_run(tmp_path / "run")
    for done in run.folder.glob("classifiers/*/*/fold-*/done.json"):
        done.unlink()
    module = evaluate(run).metrics["modules"]["body_part"]
    assert module["singles"]["mip_axial"]["external"]["n"] == 6
    assert module["singles"]["mip_axial"]["held_out"] is None and not module["chosen"]
    words_of(report_html(evaluate(run)))


def test_validation_by_the_first_fold_is_said(tmp_path):
    page = report_html(evaluate(write_tiny_run(tmp_path / "run", with_all=False)))
    assert "Internal and external figures come from the classifiers of fold 0" in words_of(page)


def test_the_command_writes_report_metrics_and_tables(tiny_run, capsys):
    assert main(["evaluate", str(tiny_run.folder)]) == 0
    folder = tiny_run.folder / "evaluation"
    assert str(folder / "report.html") in capsys.readouterr().out
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["format"] == 1 and metrics["modules"]["contrast"]["ensemble"]["held_out"]["right"] == 23
    tables = {
        file.name: list(csv.DictReader(file.read_text(encoding="utf-8").splitlines())) for file in folder.glob("*.csv")
    }
    assert set(tables) == {
        "table-2.csv",
        "table-3.csv",
        "cross-validation.csv",
        "groups.csv",
        "confusion.csv",
        "coverage.csv",
        "sources.csv",
        "predictions.csv",
        "misclassified.csv",
    }
    assert all(tables.values())
    (wrong,) = tables["misclassified.csv"]
    assert (wrong["series"], wrong["truth"], wrong["said"], wrong["answered"]) == (
        "brain-enhanced-1",
        "enhanced",
        "non_contrast",
        "True",
    )
    assert any(line["remark"] == "not trained" for line in tables["table-2.csv"])


def test_the_same_run_gives_the_same_files(tiny_run, tmp_path):
    for name in ("one", "two"):
        assert main(["evaluate", str(tiny_run.folder), "--out", str(tmp_path / name)]) == 0
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_an_aim_for_another_module_is_refused(tiny_run, capsys):
    assert main(["evaluate", str(tiny_run.folder), "--aim", "phase=0.9"]) == 2
    assert "the run has body_part, contrast" in capsys.readouterr().err


@pytest.mark.parametrize("aim", ["contrast", "contrast=1.5", "contrast=much"])
def test_an_aim_that_is_no_share_is_refused(tiny_run, capsys, aim):
    with pytest.raises(SystemExit):
        main(["evaluate", str(tiny_run.folder), "--aim", aim])
    assert "for example" in capsys.readouterr().err or aim == "contrast"


def test_a_folder_that_is_no_run_is_refused(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path)]) == 2
    assert "is no training run" in capsys.readouterr().err


def test_a_run_without_finished_classifiers_is_refused(tiny_run, capsys):
    shutil.rmtree(tiny_run.folder / "classifiers")
    assert main(["evaluate", str(tiny_run.folder)]) == 2
    assert "no finished classifier" in capsys.readouterr().err
    assert open_run(tiny_run.folder).classifiers() == []
