"""The raw slices of a series: an index by geometry, one slice at a time, and a sentence where nothing can be shown."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from numpy.typing import NDArray

from apps.imaging.headers import group_into_series, read_headers
from apps.imaging.volume import build_volume
from apps.intake import slices
from apps.intake.models import Instance, Series, Submission
from apps.intake.storage import local_paths
from tests.cast import Cast
from tests.phantoms import TRANSFER_SYNTAXES, cube_and_rod, enhanced_ct, save, write_series
from tests.transfers import announced
from tests.uploads import sent

pytestmark = pytest.mark.usefixtures("tiny_bundle")


@pytest.fixture(autouse=True)
def nothing_at_hand() -> None:
    slices._read.cache_clear()


@pytest.fixture
def anna(client: Client, cast: Cast) -> Client:
    client.force_login(cast.anna)
    return client


def only_series(submission: Submission) -> Series:
    return submission.series.get()


def index_of(client: Client, series: Series) -> dict[str, Any]:
    answer = client.get(reverse("intake:slices", args=[series.uuid]))
    assert answer.status_code == 200, answer.content
    return answer.json()


def slice_of(client: Client, series: Series, index: dict[str, Any], place: int) -> NDArray[np.int16]:
    answer = client.get(reverse("intake:slice", args=[series.uuid, place]), {"v": index["version"]})
    assert answer.status_code == 200, answer.content
    return np.frombuffer(answer.content, "<i2").reshape(index["rows"], index["columns"])


def test_the_slices_are_those_of_the_volume_in_its_order(anna: Client, cast: Cast, tmp_path: Path) -> None:
    voxels = cube_and_rod()
    series = only_series(sent(cast.visit, write_series(tmp_path, voxels), by=cast.carla))
    index = index_of(anna, series)
    assert (index["rows"], index["columns"], index["spacing_mm"]) == (16, 20, [0.8, 0.7])
    assert index["directions"] == [1, 0, 0, 0, 1, 0]
    assert index["volume"] and index["units"] == "HU" and not index["notes"] and not index["damaged"]
    assert [z for _, _, z in index["positions_mm"]] == [30 + 2 * place for place in range(12)]
    for place in range(12):
        assert np.array_equal(slice_of(anna, series, index, place), voxels[place])


@pytest.mark.parametrize("orientation", ["reversed", "feet_first", "prone", "coronal", "sagittal"])
def test_axes_and_flips_turn_any_acquisition_into_the_patient(
    anna: Client, cast: Cast, tmp_path: Path, orientation: str
) -> None:
    voxels = cube_and_rod()
    paths = write_series(tmp_path, voxels, orientation=orientation)
    # Numbers and names against the geometry: neither decides.
    series = only_series(sent(cast.visit, reversed(paths), by=cast.carla))
    index = index_of(anna, series)
    acquired = np.stack([slice_of(anna, series, index, place) for place in range(len(index["numbers"]))])
    turned = acquired.transpose(index["axes"])
    turned = turned[tuple(slice(None, None, -1) if back else slice(None) for back in index["flipped"])]
    assert np.array_equal(turned, voxels)


@pytest.mark.parametrize("transfer_syntax", sorted(set(TRANSFER_SYNTAXES) - {"jpeg_baseline", "jpeg_extended"}))
def test_every_lossless_transfer_syntax_gives_the_same_values(
    anna: Client, cast: Cast, tmp_path: Path, transfer_syntax: str
) -> None:
    voxels = cube_and_rod((4, 16, 24))
    paths = write_series(tmp_path, voxels, transfer_syntax=transfer_syntax)
    series = only_series(sent(cast.visit, paths, by=cast.carla))
    index = index_of(anna, series)
    assert np.array_equal(slice_of(anna, series, index, 2), voxels[2])


@pytest.mark.parametrize("transfer_syntax", ["explicit", "jpeg_ls", "deflated"])
def test_an_enhanced_object_is_read_frame_by_frame(
    anna: Client, cast: Cast, tmp_path: Path, transfer_syntax: str
) -> None:
    voxels = cube_and_rod((6, 16, 24))
    path = save(enhanced_ct(voxels), tmp_path / "enhanced", transfer_syntax)
    series = only_series(sent(cast.visit, [path], by=cast.carla))
    index = index_of(anna, series)
    assert index["numbers"] == [6, 5, 4, 3, 2, 1]
    for place in (5, 0, 3):
        assert np.array_equal(slice_of(anna, series, index, place), voxels[place])


def test_each_slice_has_its_own_rescale_and_padding_is_air(anna: Client, cast: Cast, tmp_path: Path) -> None:
    voxels = cube_and_rod((4, 16, 24))
    paths = write_series(tmp_path, voxels, overrides={1: {"RescaleIntercept": -1000}}, common={"PixelPaddingValue": 24})
    series = only_series(sent(cast.visit, paths, by=cast.carla))
    index = index_of(anna, series)
    assert slice_of(anna, series, index, 1)[8, 12] == voxels[1, 8, 12] + 24
    assert slice_of(anna, series, index, 0)[0, 0] == -1024


def test_one_slice_reads_one_file_and_the_index_none(
    anna: Client, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = only_series(sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla))
    taken: list[int] = []

    def counting(files: Any) -> Any:
        files = list(files)
        taken.append(len(files))
        return local_paths(files)

    monkeypatch.setattr(slices, "local_paths", counting)
    index = index_of(anna, series)
    assert taken == []
    slice_of(anna, series, index, 3)
    assert taken == [1]


def test_an_index_that_was_never_kept_or_is_broken_is_made_again(anna: Client, cast: Cast, tmp_path: Path) -> None:
    series = only_series(sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla))
    before = index_of(anna, series)
    path = f"slices/{series.uuid}/{before['version']}.json.gz"
    for content in (None, b"half of"):
        slices._read.cache_clear()
        default_storage.delete(path)
        if content:
            Path(default_storage.path(path)).write_bytes(content)
        assert index_of(anna, series) == before
        assert json.loads(gzip.decompress(Path(default_storage.path(path)).read_bytes()))["rows"] == 16


def test_a_slice_is_kept_by_the_browser_for_ever_under_its_version(anna: Client, cast: Cast, tmp_path: Path) -> None:
    series = only_series(sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla))
    index, address = index_of(anna, series), reverse("intake:slice", args=[series.uuid, 0])
    answer = anna.get(address, {"v": index["version"]})
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    again = anna.get(address, {"v": index["version"]}, headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304
    for version in ("", "0" * 16, "../../../etc/passwd"):
        answer = anna.get(address, {"v": version})
        assert (answer.status_code, answer["Cache-Control"]) == (200, "private, no-cache")
    listing = anna.get(reverse("intake:slices", args=[series.uuid]))
    assert listing["Cache-Control"] == "private, no-cache"


def test_a_slice_travels_packed_where_the_browser_takes_it(anna: Client, cast: Cast, tmp_path: Path) -> None:
    series = only_series(sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla))
    address = reverse("intake:slice", args=[series.uuid, 0])
    plain = anna.get(address, headers={"Accept-Encoding": "gzip;q=0, identity"})
    zipped = anna.get(address, headers={"Accept-Encoding": "br, gzip"})
    assert "Content-Encoding" not in plain and zipped["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.content) == plain.content
    assert plain["Vary"] == zipped["Vary"] and "Accept-Encoding" in plain["Vary"]


def test_there_is_no_slice_behind_the_last(anna: Client, cast: Cast, tmp_path: Path) -> None:
    series = only_series(sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla))
    version = index_of(anna, series)["version"]
    assert anna.get(reverse("intake:slice", args=[series.uuid, 12]), {"v": version}).status_code == 404


def test_a_damaged_slice_keeps_its_place_and_says_so(anna: Client, cast: Cast, tmp_path: Path) -> None:
    paths = write_series(tmp_path, cube_and_rod(), transfer_syntax="jpeg_ls")
    content = bytearray(paths[4].read_bytes())
    at = content.rindex(b"\xff\xd8\xff")
    content[at + 2 : at + 60] = bytes(58)
    paths[4].write_bytes(content)
    series = only_series(sent(cast.visit, paths, by=cast.carla))
    index = index_of(anna, series)
    assert index["damaged"] == [4] and len(index["numbers"]) == 12
    assert "1 image of this series is damaged and cannot be drawn." in index["notes"]
    answer = anna.get(reverse("intake:slice", args=[series.uuid, 4]), {"v": index["version"]})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("Image 5 is damaged")
    assert np.array_equal(slice_of(anna, series, index, 5), cube_and_rod()[5])


def test_a_file_that_is_gone_is_a_sentence(anna: Client, cast: Cast, tmp_path: Path) -> None:
    series = only_series(sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla))
    version = index_of(anna, series)["version"]
    first = series.instances.get(sop_instance_uid__endswith=".1")
    default_storage.delete(first.file.stored_as)
    answer = anna.get(reverse("intake:slice", args=[series.uuid, 0]), {"v": version})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("Image 1 could not be opened")


def test_what_is_still_at_the_site_is_said(anna: Client, cast: Cast) -> None:
    series = only_series(announced(cast.visit, [b"one", b"two"], by=cast.carla))
    answer = anna.get(reverse("intake:slices", args=[series.uuid]))
    assert answer.status_code == 422
    assert "still at the site: it was checked there and not transferred" in answer.json()["detail"]


def test_what_has_come_is_shown_and_what_has_not_is_counted(anna: Client, cast: Cast, tmp_path: Path) -> None:
    series = only_series(sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla))
    before = index_of(anna, series)
    Instance.objects.create(series=series, sop_instance_uid="2.25.99", sha256="f" * 64, size=3)
    after = index_of(anna, series)
    assert after["notes"] == ["1 image of this series is not here."]
    assert after["version"] == before["version"]


def test_images_without_places_are_shown_in_the_order_of_their_numbers(
    anna: Client, cast: Cast, tmp_path: Path
) -> None:
    voxels = cube_and_rod((4, 16, 24))
    numbers = [40, 10, 30, 20]
    overrides = {at: {"InstanceNumber": number, "ImagePositionPatient": None} for at, number in enumerate(numbers)}
    series = only_series(sent(cast.visit, write_series(tmp_path, voxels, overrides=overrides), by=cast.carla))
    index = index_of(anna, series)
    assert index["numbers"] == [10, 20, 30, 40] and not index["volume"]
    assert index["positions_mm"] == [None] * 4 and index["directions"] is None
    assert index["notes"][0].startswith("Shown image by image, in the order of their numbers. The images do not say")
    assert np.array_equal(slice_of(anna, series, index, 0), voxels[1])


def test_without_a_rescale_the_values_are_as_stored(anna: Client, cast: Cast, tmp_path: Path) -> None:
    voxels = cube_and_rod((4, 16, 24))
    common = {"RescaleSlope": None, "RescaleIntercept": None}
    series = only_series(sent(cast.visit, write_series(tmp_path, voxels, common=common), by=cast.carla))
    index = index_of(anna, series)
    assert index["units"] == "as stored"
    assert np.array_equal(slice_of(anna, series, index, 1), voxels[1] + 1024)


def test_strangers_and_other_sites_find_nothing(client: Client, cast: Cast, tmp_path: Path) -> None:
    series = only_series(sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla))
    for person, status in ((cast.carla, 200), (cast.mira, 200), (cast.root, 200), (cast.chen, 404), (cast.otto, 404)):
        client.force_login(person)
        assert client.get(reverse("intake:slices", args=[series.uuid])).status_code == status
        assert client.get(reverse("intake:slice", args=[series.uuid, 0])).status_code == status


def test_a_version_of_another_series_opens_nothing_of_it(anna: Client, cast: Cast, tmp_path: Path) -> None:
    mine = only_series(sent(cast.visit, write_series(tmp_path / "a", cube_and_rod()), by=cast.carla))
    other = only_series(sent(cast.chens_visit, write_series(tmp_path / "b", -cube_and_rod(), series=2), by=cast.chen))
    version = index_of(anna, other)["version"]
    answer = anna.get(reverse("intake:slice", args=[mine.uuid, 0]), {"v": version})
    assert np.array_equal(np.frombuffer(answer.content, "<i2").reshape(16, 20), cube_and_rod()[0])


@pytest.mark.parametrize("folder", ["head-tilted", "abdomen-portal", "chest-with-stray-head-slices"])
def test_real_series(anna: Client, cast: Cast, real_ct: Path, folder: str) -> None:
    paths = sorted(path for path in (real_ct / "dicom" / folder).rglob("*") if path.is_file())
    series = only_series(sent(cast.visit, paths, by=cast.carla))
    index = index_of(anna, series)
    headers, _ = read_headers(paths)
    volume = build_volume(max(group_into_series(headers), key=lambda one: one.n_instances))
    assert len(index["numbers"]) == volume.geometry.slices
    middle = len(index["numbers"]) // 2
    values = slice_of(anna, series, index, middle)
    flipped = index["flipped"]
    turned = values[:: -1 if flipped[1] else 1, :: -1 if flipped[2] else 1]
    assert np.array_equal(turned, volume.voxels[len(volume.voxels) - 1 - middle if flipped[0] else middle])
