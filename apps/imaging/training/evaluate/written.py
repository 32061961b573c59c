"""The tables of an evaluation as CSV files, for other programs than a browser."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from apps.imaging.training.evaluate.measure import Evaluation, ModuleVotes, set_key, wrong_series
from apps.imaging.training.evaluate.rows import SET_KEYS, Metrics, Row, table_2, table_3

RATE_COLUMNS = (
    "n",
    "right",
    "accuracy",
    "wilson_low",
    "wilson_high",
    "patients",
    "patients_all_right",
    "bootstrap_low",
    "bootstrap_high",
    "precision",
    "recall",
    "f1",
    "classes",
)

Line = dict[str, Any]


def write_tables(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write every table into `folder` and return the files."""
    modules: Mapping[str, Metrics] = evaluation.metrics["modules"]  # type: ignore[assignment]
    rates = ("module", "group", "row", "set", *RATE_COLUMNS, "remark")
    counts = ("module", "set", "by", "value", "n", "right", "accuracy", "wilson_low", "wilson_high")
    return [
        _write(folder / "table-2.csv", rates, _rate_lines({name: table_2(of) for name, of in modules.items()})),
        _write(
            folder / "table-3.csv",
            rates,
            _rate_lines({name: table_3(of) for name, of in modules.items()}),
        ),
        _write(
            folder / "cross-validation.csv",
            ("module", "picture", "fold", "n", "right", "accuracy", "wilson_low", "wilson_high", "sd", "remark"),
            _fold_lines(modules),
        ),
        _write(folder / "groups.csv", counts, _group_lines(modules)),
        _write(folder / "confusion.csv", ("module", "set", "of", "truth", "said", "series"), _confusion_lines(modules)),
        _write(
            folder / "coverage.csv",
            ("module", "min_score", "coverage", "n", "right", "accuracy", "wilson_low", "wilson_high"),
            ({"module": name, **_flat(point)} for name, of in modules.items() for point in of["coverage_curve"]),
        ),
        _write(
            folder / "sources.csv",
            ("module", "set", "source", "class", "n", "right", "accuracy", "wilson_low", "wilson_high"),
            _source_lines(modules),
        ),
        _write(folder / "predictions.csv", PREDICTION_COLUMNS, _prediction_lines(evaluation, only_wrong=False)),
        _write(folder / "misclassified.csv", PREDICTION_COLUMNS, _prediction_lines(evaluation, only_wrong=True)),
    ]


PREDICTION_COLUMNS = (
    "module",
    "set",
    "series",
    "patient",
    "source",
    "fold",
    "truth",
    "in_scope",
    "said",
    "score",
    "axial",
    "sagittal",
    "coronal",
    "planes_agreeing",
    "distance",
    "answered",
    "right",
)


def _rate_lines(tables: Mapping[str, Iterable[Row]]) -> Iterator[Line]:
    for module, rows in tables.items():
        for row in rows:
            for name, cell in row.cells.items():
                start = {"module": module, "group": row.group, "row": row.title, "set": name}
                yield {**start, "remark": cell} if isinstance(cell, str) else {**start, **_flat(cell)}


def _fold_lines(modules: Mapping[str, Metrics]) -> Iterator[Line]:
    for module, of in modules.items():
        for picture, found in of["cross_validation"].items():
            start = {"module": module, "picture": picture}
            if found is None:
                yield {**start, "remark": "not trained"}
                continue
            for fold, counts in found["folds"].items():
                yield {**start, "fold": fold, **_flat(counts)}
            yield {**start, "fold": "mean", "accuracy": found["mean"], "sd": found["sd"]}


def _group_lines(modules: Mapping[str, Metrics]) -> Iterator[Line]:
    for module, of in modules.items():
        for by in ("class", "source", "scanner", "quality", "body_part_and_class"):
            for name, values in of.get(f"by_{by}", {}).items():
                for value, counts in values.items():
                    yield {"module": module, "set": name, "by": by, "value": value, **_flat(counts)}


def _confusion_lines(modules: Mapping[str, Metrics]) -> Iterator[Line]:
    for module, of in modules.items():
        for name in SET_KEYS:
            for who, matrix in of["confusion"][name].items():
                for truth, row in zip(matrix["truth"], matrix["counts"], strict=True) if matrix else ():
                    for said, series in zip(matrix["said"], row, strict=True):
                        yield {
                            "module": module,
                            "set": name,
                            "of": who,
                            "truth": truth,
                            "said": said,
                            "series": series,
                        }


def _source_lines(modules: Mapping[str, Metrics]) -> Iterator[Line]:
    for module, of in modules.items():
        for name, table in of["sources"].items():
            for cell in table["cells"] if table else ():
                yield {"module": module, "set": name, **_flat(cell)}


def _prediction_lines(evaluation: Evaluation, *, only_wrong: bool) -> Iterator[Line]:
    for votes in evaluation.modules.values():
        for which, vote in votes.ensembles.items():
            places = wrong_series(vote, votes.answered[which]) if only_wrong else range(len(vote.series))
            for place in places:
                yield _prediction_line(evaluation, votes, which, int(place))


def _prediction_line(evaluation: Evaluation, votes: ModuleVotes, which: str, place: int) -> Line:
    vote = votes.ensembles[which]
    classes = vote.judged.classes
    row = evaluation.run.real.rows[vote.series[place]]
    planes = {
        picture.rpartition("_")[2]: classes[said]
        for picture, said in zip(vote.pictures, vote.plane_said[:, place], strict=True)
    }
    return {
        "module": votes.module,
        "set": set_key(which),
        "series": row.name,
        "patient": row.patient,
        "source": row.source,
        "fold": "" if vote.folds[place] < 0 else int(vote.folds[place]),
        "truth": str(vote.words[place]),
        "in_scope": bool(vote.in_scope[place]),
        "said": classes[vote.said[place]],
        "score": round(float(vote.score[place]), 4),
        **planes,
        "planes_agreeing": int(vote.agreeing[place]),
        "distance": round(float(vote.distance[place]), 4),
        "answered": bool(votes.answered[which][place]),
        "right": bool(vote.right[place]),
    }


def _flat(cell: Metrics) -> Line:
    """Return counts with their intervals as two columns each."""
    line = dict(cell)
    for key, name in (("wilson_95", "wilson"), ("bootstrap_95", "bootstrap")):
        low, high = line.pop(key, None) or ("", "")
        line |= {f"{name}_low": low, f"{name}_high": high}
    return line


def _write(file: Path, columns: tuple[str, ...], lines: Iterable[Line]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, columns, restval="", extrasaction="ignore")
        table.writeheader()
        for line in lines:
            table.writerow({key: "" if value is None else value for key, value in line.items()})
    return file
