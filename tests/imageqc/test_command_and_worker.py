"""The command line and the worker say the same of the same files."""

from pathlib import Path

from apps.imageqc.registry import current_bundle
from apps.imaging.pipeline import SeriesReport, check_paths
from tests.cast import Cast
from tests.phantoms import cube_and_rod, write_series
from tests.uploads import sent


def test_worker_and_command_agree(cast: Cast, tmp_path: Path) -> None:
    paths = write_series(tmp_path / "scan", cube_and_rod(), overrides={3: {"SliceThickness": 7.0}})
    (told,) = [
        report for report in check_paths([tmp_path / "scan"], current_bundle()) if isinstance(report, SeriesReport)
    ]
    command = told.to_json()

    series = sent(cast.visit, paths, by=cast.carla).series.get()
    kept = series.classifications.get()

    assert series.digest == told.digest.to_json()
    for module in ("body_part", "contrast"):
        stored = getattr(kept, module)
        assert {name: stored[name] for name in command[module]} == command[module]
    rows = [
        {name: getattr(row, name) for name in ("code", "severity", "sentence", "expected", "found", "where")}
        for row in series.findings.all()
    ]
    assert rows == command["findings"]
    assert len(rows) > 0
    assert {"name": kept.bundle_name, "version": kept.bundle_version, "sha256": kept.bundle_sha256} == command["bundle"]
