"""Damaged files of every kind: an answer and a sentence, never a traceback."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.imaging.digest import build_digest
from apps.imaging.headers import group_into_series, read_headers
from tests.phantoms import TRANSFER_SYNTAXES, cube_and_rod, enhanced_ct, save, write_series

READABLE = [name for name in TRANSFER_SYNTAXES if name != "jpeg_baseline"]


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    """Three slices in every transfer syntax, and an Enhanced object."""
    folder = tmp_path_factory.mktemp("originals")
    contents = {}
    for name in READABLE:
        paths = write_series(folder / name, cube_and_rod()[4:7], transfer_syntax=name)
        contents[name] = [path.read_bytes() for path in paths]
    contents["enhanced"] = [save(enhanced_ct(cube_and_rod()), folder / "enhanced", "jpeg_ls").read_bytes()]
    return contents


def answered(contents: list[bytes]) -> None:
    """Read files as an upload is read; every one must end in a series or in a sentence."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / str(number) for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        headers, refused = read_headers(paths)
        assert len(headers) + len(refused) == len(contents)
        assert all(one.sentence.endswith(".") for one in refused)
        for series in group_into_series(headers):
            digest = build_digest(series)
            json.dumps(digest.to_json(), allow_nan=False)
            assert digest.sha256
            assert all(finding.sentence.endswith(".") for finding in digest.findings)


FUZZ = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.mark.parametrize("kind", [*READABLE, "enhanced"])
@FUZZ
@given(bad=st.data())
def test_flipped_bytes_are_answered(originals, kind, bad):
    contents = [bytearray(content) for content in originals[kind]]
    for content in contents:
        for _ in range(bad.draw(st.integers(0, 4))):
            at = bad.draw(st.integers(128, len(content) - 1))
            content[at] = bad.draw(st.integers(0, 255))
    answered([bytes(content) for content in contents])


@pytest.mark.parametrize("kind", [*READABLE, "enhanced"])
@FUZZ
@given(bad=st.data())
def test_truncated_files_are_answered(originals, kind, bad):
    answered([content[: bad.draw(st.integers(0, len(content)))] for content in originals[kind]])


@pytest.mark.parametrize("kind", ["explicit", "implicit", "enhanced"])
@FUZZ
@given(bad=st.data())
def test_pieces_cut_out_or_put_in_are_answered(originals, kind, bad):
    contents = []
    for content in originals[kind]:
        start = bad.draw(st.integers(0, len(content)))
        end = bad.draw(st.integers(start, min(len(content), start + 200)))
        contents.append(content[:start] + bad.draw(st.binary(max_size=40)) + content[end:])
    answered(contents)


@FUZZ
@given(content=st.binary(max_size=2000), preamble=st.booleans())
def test_any_bytes_are_answered(content, preamble):
    answered([(bytes(128) + b"DICM" if preamble else b"") + content])
