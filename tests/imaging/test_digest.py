"""The digest: pictures, hashes and findings of a series, read once."""

import hashlib
import json
import tracemalloc
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from apps.imaging.digest import DIGEST_SCHEMA, SeriesDigest, build_digest
from apps.imaging.findings import Severity
from apps.imaging.headers import group_into_series, read_headers
from apps.imaging.projections import project
from apps.imaging.vocabulary import PICTURES
from tests.phantoms import (
    ORIENTATIONS,
    TRANSFER_SYNTAXES,
    bright_voxel,
    cube_and_rod,
    enhanced_ct,
    save,
    series_datasets,
    set_pixels,
    write_series,
)

LOSSLESS = [name for name in TRANSFER_SYNTAXES if name not in ("jpeg_baseline", "jpeg_extended")]


def digest_of(paths: list[Path], threads: int = 2) -> SeriesDigest:
    headers, refused = read_headers(paths)
    assert not refused
    (series,) = group_into_series(headers)
    return build_digest(series, threads=threads)


def written(folder: Path, voxels: np.ndarray | None = None, **options: Any) -> SeriesDigest:
    return digest_of(write_series(folder, cube_and_rod() if voxels is None else voxels, **options))


def codes(digest: SeriesDigest) -> list[str]:
    return [finding.code for finding in digest.findings]


def same_pictures(digest: SeriesDigest, voxels: np.ndarray) -> None:
    expected = project(voxels)
    assert tuple(digest.pictures) == PICTURES
    for name, picture in digest.pictures.items():
        assert np.array_equal(picture, expected[name]), name


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_acquisition_gives_the_same_pictures_to_the_bit(tmp_path, orientation):
    same_pictures(written(tmp_path, orientation=orientation), cube_and_rod())


@pytest.mark.parametrize("transfer_syntax", LOSSLESS)
def test_every_transfer_syntax_gives_the_same_pictures_and_hashes(tmp_path, transfer_syntax):
    plain = written(tmp_path / "plain")
    digest = written(tmp_path / "coded", transfer_syntax=transfer_syntax)
    same_pictures(digest, cube_and_rod())
    assert [one.pixel_sha256 for one in digest.instances] == [one.pixel_sha256 for one in plain.instances]
    assert digest.findings == ()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_number_of_threads_changes_nothing(tmp_path, threads):
    paths = write_series(tmp_path, cube_and_rod())
    assert digest_of(paths, threads).sha256 == digest_of(paths[::-1], 2).sha256


@pytest.mark.parametrize("transfer_syntax", ["explicit", "jpeg_ls", "deflated"])
def test_an_enhanced_object_gives_the_same_pictures(tmp_path, transfer_syntax):
    digest = digest_of([save(enhanced_ct(cube_and_rod()), tmp_path / "enhanced", transfer_syntax)])
    same_pictures(digest, cube_and_rod())
    stored = cube_and_rod()[::-1].astype(np.int32) + 1024
    assert digest.instances[0].pixel_sha256 == hashlib.sha256(stored.astype("<u2").tobytes()).hexdigest()


def test_long_files_are_read_piece_by_piece_with_the_same_hashes(tmp_path, monkeypatch):
    path = save(enhanced_ct(cube_and_rod()), tmp_path / "enhanced", "jpeg_ls")
    whole = digest_of([path])
    monkeypatch.setattr("apps.imaging.pixels.READ_AT_ONCE", 100)
    assert digest_of([path]).sha256 == whole.sha256
    assert whole.instances[0].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_signed_and_unsigned_padding_and_rescale_make_no_difference(tmp_path):
    same_pictures(written(tmp_path / "signed", signed=True, intercept=0), cube_and_rod())
    same_pictures(written(tmp_path / "half", slope=0.5), cube_and_rod())
    padded = cube_and_rod()
    padded[:, :2] = 2000
    same_pictures(
        written(tmp_path / "padded", padded, common={"PixelPaddingValue": 3024}),
        np.where(padded == 2000, -1000, padded),
    )


def test_a_digest_survives_its_json_form(tmp_path):
    digest = written(tmp_path, overrides={3: {"SliceThickness": 5}})
    stored = json.loads(json.dumps(digest.to_json()))
    again = SeriesDigest.from_json(stored, digest.pictures)
    assert again == digest
    assert again.sha256 == digest.sha256
    assert stored["schema"] == DIGEST_SCHEMA
    with pytest.raises(ValueError, match="schema 99"):
        SeriesDigest.from_json({**stored, "schema": 99})


@pytest.mark.parametrize("slices", [slice(None), slice(1)])
def test_a_digest_keeps_to_its_published_schema(tmp_path, slices):
    schema = json.loads((Path(__file__).parents[2] / "docs" / "digest.schema.json").read_text())
    digest = written(
        tmp_path, cube_and_rod()[slices], common={"ContrastBolusAgent": "Iomeprol", "ScanOptions": ["A", "B"]}
    )
    jsonschema.validate(json.loads(json.dumps(digest.to_json())), schema)
    assert schema["properties"]["schema"]["const"] == DIGEST_SCHEMA


def test_the_hash_of_a_digest_covers_its_pictures(tmp_path):
    digest = written(tmp_path)
    name = "mip_axial"
    changed = SeriesDigest.from_json(digest.to_json(), {**digest.pictures, name: digest.pictures[name] ^ 1})
    assert changed.sha256 != digest.sha256


def test_header_facts_are_what_most_images_say(tmp_path):
    digest = written(
        tmp_path, overrides={0: {"KVP": 80, "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, 1: {"KVP": 100}}
    )
    assert digest.header["KVP"] == 120
    assert digest.header["ImageType"] == ["ORIGINAL", "PRIMARY", "AXIAL"]
    assert "PatientName" not in digest.header


def test_facts_of_several_values_and_ties_are_those_of_the_first_image(tmp_path):
    kernels = {index: {"ConvolutionKernel": ["B30f", "2"] if index % 2 else "B30f"} for index in range(12)}
    assert written(tmp_path / "tie", overrides=kernels).header["ConvolutionKernel"] == "B30f"
    kernels[0] = {"ConvolutionKernel": ["B30f", "2"]}
    assert written(tmp_path / "most", overrides=kernels).header["ConvolutionKernel"] == ["B30f", "2"]


def test_identical_copies_are_dropped_and_told(tmp_path):
    paths = write_series(tmp_path, cube_and_rod())
    copy = tmp_path / "copy"
    copy.write_bytes(paths[4].read_bytes())
    digest = digest_of([*paths, copy])
    same_pictures(digest, cube_and_rod())
    (finding,) = digest.findings
    assert (finding.code, finding.severity, finding.where) == ("duplicate_images", Severity.INFO, "image 5")
    assert (digest.n_instances, digest.geometry.slices, digest.geometry.duplicates) == (13, 12, 1)


def test_different_images_at_one_place_are_a_finding(tmp_path):
    paths = write_series(tmp_path / "a", cube_and_rod())
    other = {0: {"SOPInstanceUID": "1.2.3.4", "InstanceNumber": 99}}
    paths += write_series(
        tmp_path / "b", cube_and_rod()[6:7], overrides={0: {**other[0], "ImagePositionPatient": [-100, -120, 34]}}
    )
    digest = digest_of(paths)
    same_pictures(digest, cube_and_rod())
    (finding,) = digest.findings
    assert (finding.code, finding.severity, finding.where) == ("same_position", Severity.WARN, "image 99")


def test_two_scans_in_one_series_block(tmp_path):
    second = {"AcquisitionNumber": 2}
    paths = write_series(tmp_path / "a", cube_and_rod())
    overrides = {
        index: {**second, "SOPInstanceUID": f"1.2.3.{index}", "InstanceNumber": 50 + index} for index in range(12)
    }
    paths += write_series(tmp_path / "b", cube_and_rod() + np.int16(30), overrides=overrides)
    digest = digest_of(paths)
    same_pictures(digest, cube_and_rod())
    assert [(finding.code, finding.severity) for finding in digest.findings] == [("same_position", Severity.BLOCK)]
    assert "two scans or reconstructions in one" in digest.findings[0].sentence


@pytest.mark.parametrize("rescale", [{"RescaleSlope": None}, {"RescaleSlope": 0}, {"RescaleIntercept": None}])
def test_without_rescale_there_is_no_picture(tmp_path, rescale):
    digest = written(tmp_path, common=rescale)
    assert (digest.pictures, digest.geometry.slices) == ({}, 0)
    assert [(finding.code, finding.severity) for finding in digest.findings] == [("no_rescale", Severity.BLOCK)]


def test_a_rescale_that_is_no_number_is_told(tmp_path):
    paths = write_series(tmp_path, cube_and_rod(), common={"RescaleSlope": 7})
    for path in paths:
        path.write_bytes(path.read_bytes().replace(b"\x53\x10DS\x04\x007.0 ", b"\x53\x10DS\x04\x00NaN "))
    digest = digest_of(paths)
    assert digest.findings[0].found == "slope or intercept is no number"


def test_a_few_slices_without_rescale_are_scaled_as_the_others(tmp_path):
    digest = written(tmp_path, overrides={4: {"RescaleSlope": None, "RescaleIntercept": None}})
    same_pictures(digest, cube_and_rod())
    (finding,) = digest.findings
    assert (finding.code, finding.severity) == ("rescale_taken_from_others", Severity.WARN)
    assert finding.where.startswith("image 5;")


def test_damaged_slices_are_left_out_and_named(tmp_path):
    voxels = cube_and_rod()
    paths = write_series(tmp_path, voxels, transfer_syntax="jpeg_ls")
    content = bytearray(paths[11].read_bytes())
    start = content.rindex(b"\xff\xd8\xff")
    content[start + 40 :] = b"\xff" * (len(content) - start - 40)
    content[-8:] = b"\xfe\xff\xdd\xe0\0\0\0\0"
    paths[11].write_bytes(content)
    digest = digest_of(paths)
    same_pictures(digest, voxels[:11])
    assert codes(digest) == ["unreadable_images"]
    assert digest.findings[0].sentence == (
        "1 image of 12 cannot be decoded: the file is damaged: its compressed image cannot be decoded; copy or export "
        "it again. The pictures are made without them."
    )
    broken = next(one for one in digest.instances if one.sop_instance_uid.endswith(".12"))
    assert (broken.pixel_sha256, broken.sha256) == ("", hashlib.sha256(content).hexdigest())


def test_a_series_of_damaged_images_has_no_pictures(tmp_path):
    paths = write_series(tmp_path, cube_and_rod(), transfer_syntax="j2k")
    for path in paths:
        content = bytearray(path.read_bytes())
        start = content.rindex(b"\xff\x4f\xff\x51")
        content[start : start + 30] = bytes(30)
        path.write_bytes(content)
    digest = digest_of(paths)
    assert (digest.pictures, codes(digest)) == ({}, ["unreadable_images"])


def test_nothing_but_air_is_told(tmp_path):
    digest = written(tmp_path, np.full((12, 6, 6), -1000, np.int16))
    assert (digest.pictures, codes(digest)) == ({}, ["only_air"])


def test_a_single_image_has_no_pictures(tmp_path):
    digest = written(tmp_path, bright_voxel()[1:2])
    assert (digest.pictures, codes(digest), digest.n_instances) == ({}, ["single_slice"], 1)


def test_what_is_no_ct_is_hashed_but_not_shown(tmp_path):
    digest = written(tmp_path / "mr", common={"Modality": "MR", "RescaleSlope": None})
    assert (digest.modality, digest.pictures, digest.findings) == ("MR", {}, ())
    assert all(one.pixel_sha256 for one in digest.instances)
    scout = written(tmp_path / "scout", cube_and_rod()[:1], common={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]})
    assert (scout.pictures, scout.findings) == ({}, ())


def test_colour_pictures_are_no_slices(tmp_path):
    dataset = series_datasets(cube_and_rod())[0]
    set_pixels(dataset, np.zeros((16, 20), np.uint8))
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.PixelData = bytes(16 * 20 * 3)
    digest = digest_of([save(dataset, tmp_path / "colour")])
    assert (digest.pictures, codes(digest)) == ({}, ["colour_images"])


def test_lossy_compression_is_told(tmp_path):
    digest = written(tmp_path, common={"LossyImageCompression": "01", "LossyImageCompressionRatio": 12})
    assert codes(digest) == ["lossy_compression"]
    assert digest.findings[0].found == "lossy, 12 to 1"


def test_a_volume_is_never_held_in_memory(tmp_path):
    voxels = np.zeros((60, 128, 128), np.int16)
    paths = write_series(tmp_path, voxels + np.arange(128, dtype=np.int16))
    headers, _ = read_headers(paths)
    (series,) = group_into_series(headers)
    build_digest(series)
    tracemalloc.start()
    build_digest(series)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    pictures = 9 * 512 * 512
    assert peak < pictures + 12 * 1024 * 1024, "resizing needs a few float pictures; the volume would be on top of it"


def test_a_file_that_vanishes_while_it_is_read_is_a_finding(tmp_path):
    paths = write_series(tmp_path, cube_and_rod())
    headers, _ = read_headers(paths)
    (series,) = group_into_series(headers)
    paths[11].unlink()
    digest = build_digest(series)
    assert codes(digest) == ["unreadable_images"]
    same_pictures(digest, cube_and_rod()[:11])


def test_every_real_series_has_pictures_and_the_findings_seen_before(real_ct: Path):
    seen = {}
    for folder in sorted((real_ct / "dicom").iterdir()):
        digest = digest_of(sorted(folder.iterdir()))
        assert tuple(digest.pictures) == PICTURES
        seen[folder.name] = codes(digest)
    assert seen == {
        "abdomen-noncontrast-10mm": [],
        "abdomen-portal": [],
        "abdomenpelvis-enhanced": [],
        "chest-enhanced": ["same_position"],
        "chest-with-stray-head-slices": ["lossy_compression"],
        "head-tilted": ["uneven_spacing", "gantry_tilt", "mixed_slice_thickness"],
        "headneck-petct": [],
        "skull-phantom": [],
    }
