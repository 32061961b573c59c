"""A browser that digests, in Node.js: files in, the digest out that the server makes of what it says."""

import base64
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.imaging.digest import SeriesDigest, assemble_digest, reading_plan
from apps.imaging.headers import InstanceHeader, SeriesFiles, group_into_series, read_headers
from apps.imaging.headers.records import from_record, to_record
from tests.node import ROOT, node


def series_at(paths: Sequence[Path]) -> SeriesFiles:
    """Return the one series of files."""
    headers, refused = read_headers(paths)
    assert not refused
    (series,) = group_into_series(headers)
    return series


def sent(headers: Sequence[InstanceHeader]) -> SeriesFiles:
    """Return headers as they arrive at the server: as records, through JSON."""
    records = [json.dumps(to_record(header, index)) for index, header in enumerate(headers)]
    arrived = tuple(from_record(json.loads(record)) for record in records)
    first = arrived[0]
    return SeriesFiles(first.series_uid, first.study_uid, first.patient_key, arrived)


class Browser:
    """Digests one series after the other."""

    def __enter__(self) -> "Browser":
        command = [node(), "--import", "./tests/js/node.mjs", "tests/js/digest.mjs"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate(timeout=20)

    def digest(self, series: SeriesFiles) -> SeriesDigest:
        """Return the digest of the files of `series`."""
        arrived = sent(series.headers)
        files = [[index, str(header.path)] for index, header in enumerate(series.headers)]
        answer = self._asked({"files": files, "plan": reading_plan(arrived).to_json()})
        while "replan" in answer:
            some = tuple(header for header in arrived.headers if int(header.path.name) in answer["replan"])
            left = SeriesFiles(arrived.series_uid, arrived.study_uid, arrived.patient_key, some)
            answer = self._asked(reading_plan(left).to_json())
        self.reading = answer["reading"]
        pictures = {
            name: np.frombuffer(base64.b64decode(picture), np.uint8).reshape(512, 512)
            for name, picture in answer["pictures"].items()
        }
        return assemble_digest(arrived, self.reading, pictures)

    def _asked(self, line: object) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            assert self.process.stderr is not None
            raise AssertionError(self.process.stderr.read()[-2000:])
        return json.loads(answer)
