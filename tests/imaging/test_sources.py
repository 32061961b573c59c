"""Folders and archives, friendly and hostile: every file is read or refused with a sentence, nothing is raised."""

import os
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.imaging.headers import Refusal, read_headers
from apps.imaging.sources import Collection, Limits, collect
from tests.phantoms import bright_voxel, write_series


def refusals(found: Collection) -> dict[str, tuple[Refusal, str]]:
    return {refused.name: (refused.code, refused.reason) for refused in found.refused}


def archive(path: Path, members: dict[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return path


@pytest.fixture
def slices(tmp_path: Path) -> list[Path]:
    return write_series(tmp_path / "IMAGES", bright_voxel())


def test_folders_files_and_archives_are_read_together(tmp_path, slices):
    packed = archive(tmp_path / "export.zip", {"CD/IM1": slices[0].read_bytes(), "CD/IM2": slices[1].read_bytes()})
    stray = slices[3].rename(tmp_path / "IM00004")
    found = collect([tmp_path / "IMAGES", stray, slices[2], packed, stray], tmp_path / "unpacked")
    assert [found.names[path] for path in found.files] == [
        "IMAGES/IM00001",
        "IMAGES/IM00002",
        "IMAGES/IM00003",
        "IM00004",
        "export.zip: CD/IM1",
        "export.zip: CD/IM2",
    ]
    headers, refused = read_headers(found.files, found.names)
    assert (len(headers), refused, found.refused) == (6, [], [])


def test_unpacked_files_are_numbered_and_never_overwrite(tmp_path, slices):
    content = slices[0].read_bytes()
    one = archive(tmp_path / "one.zip", {"a": content, "b/a": content})
    other = archive(tmp_path / "other.zip", {"a": content})
    first = collect([one], tmp_path / "unpacked")
    second = collect([other], tmp_path / "unpacked")
    assert sorted(path.name for path in (tmp_path / "unpacked").iterdir()) == ["000001", "000002", "000003"]
    assert len({*first.files, *second.files}) == 3


def test_an_archive_is_known_by_its_content(tmp_path, slices):
    hidden = archive(tmp_path / "IM0001", {"x": slices[0].read_bytes()})
    (tmp_path / "text.zip").write_text("no archive")
    found = collect([hidden, tmp_path / "text.zip"], tmp_path / "unpacked")
    assert [found.names[path] for path in found.files] == ["IM0001: x", "text.zip"]


def test_paths_that_lead_out_of_an_archive_are_refused(tmp_path, slices):
    content = slices[0].read_bytes()
    names = ["../evil", "/etc/evil", "a/../../evil", "C:\\evil", "..\\evil"]
    found = collect([archive(tmp_path / "x.zip", {**dict.fromkeys(names, content), "fine": content})], tmp_path / "out")
    assert [found.names[path] for path in found.files] == ["x.zip: fine"]
    assert {code for code, _ in refusals(found).values()} == {Refusal.UNSAFE}
    assert len(found.refused) == 5
    assert not list(tmp_path.rglob("evil"))


def test_links_and_devices_in_an_archive_are_refused(tmp_path, slices):
    link, device = zipfile.ZipInfo("link"), zipfile.ZipInfo("device")
    link.external_attr, device.external_attr = 0o120777 << 16, 0o060644 << 16
    found = collect([archive(tmp_path / "x.zip", {link: b"/etc/passwd", device: b""})], tmp_path / "out")
    assert found.files == []
    assert "is a link" in refusals(found)["x.zip: link"][1]
    assert "no ordinary file" in refusals(found)["x.zip: device"][1]


def test_locked_members_are_refused_by_name(tmp_path, slices):
    path = archive(tmp_path / "x.zip", {"a": slices[0].read_bytes(), "b": slices[1].read_bytes()})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(signature) + offset
        content[at] |= 1
    path.write_bytes(content)
    found = collect([path], tmp_path / "out")
    assert refusals(found) == {"x.zip: a": (Refusal.ENCRYPTED, "is locked with a password; send it without one")}
    assert len(found.files) == 1


def test_an_archive_in_an_archive_is_refused_by_name(tmp_path, slices):
    inner = archive(tmp_path / "inner.zip", {"a": slices[0].read_bytes()})
    found = collect([archive(tmp_path / "x.zip", {"inner.zip": inner.read_bytes()})], tmp_path / "out")
    assert refusals(found)["x.zip: inner.zip"][1].startswith("is an archive within the archive")


def test_unusual_packing_is_refused_by_name(tmp_path, slices):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_LZMA) as opened:
        opened.writestr("a", slices[0].read_bytes())
    found = collect([tmp_path / "x.zip"], tmp_path / "out")
    assert refusals(found)["x.zip: a"][1].startswith("is packed in an unusual way")


def test_what_is_no_dicom_is_never_unpacked(tmp_path):
    members = {"README.txt": b"Use the viewer.", "zeros": bytes(5_000_000), "__MACOSX/._IM1": b"x", "Thumbs.db": b"y"}
    found = collect([archive(tmp_path / "x.zip", members)], tmp_path / "out")
    told = refusals(found)
    assert not (tmp_path / "out").exists()
    assert told["x.zip: README.txt"][0] == Refusal.NOT_DICOM
    assert told["x.zip: zeros"][0] == Refusal.DAMAGED
    assert told["x.zip: __MACOSX/._IM1"][0] == told["x.zip: Thumbs.db"][0] == Refusal.SYSTEM


def test_a_bomb_is_stopped_while_it_inflates(tmp_path, slices):
    bomb = slices[0].read_bytes() + bytes(30_000_000)
    path = archive(tmp_path / "bomb.zip", {"a": bomb, "b": bomb})
    found = collect([path, slices[0]], tmp_path / "out", limits=Limits(ratio_free_bytes=1 << 20))
    assert refusals(found)["bomb.zip"][1].startswith("unpacks to more than 100 times its size")
    assert (
        sum(file.stat().st_size for file in (tmp_path / "out").iterdir()) == 0 if (tmp_path / "out").exists() else True
    )
    assert found.files == [slices[0]]


def test_sizes_are_counted_whatever_the_directory_says(tmp_path, slices):
    path = archive(tmp_path / "liar.zip", {"a": slices[0].read_bytes() + bytes(9_000_000)})
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    struct.pack_into("<I", content, at + 24, 1000)
    path.write_bytes(content)
    found = collect([path], tmp_path / "out", limits=Limits(member_bytes=1 << 20))
    assert found.files == []
    assert len(found.refused) == 1


def test_too_many_files_are_refused_before_they_are_listed(tmp_path, slices):
    path = archive(tmp_path / "many.zip", {str(number): b"DICM" for number in range(30)})
    found = collect([path], tmp_path / "out", limits=Limits(files=20))
    assert refusals(found)["many.zip"][1] == "lists more than 20 files; send one examination at a time"


def test_a_damaged_archive_is_told_and_the_rest_goes_on(tmp_path, slices):
    whole = archive(tmp_path / "x.zip", {"a": slices[0].read_bytes()}).read_bytes()
    for number, content in enumerate((whole[:-30], whole[:40], b"PK\x03\x04" + bytes(200))):
        (tmp_path / f"broken{number}.zip").write_bytes(content)
    found = collect([*sorted(tmp_path.glob("broken*.zip")), slices[0]], tmp_path / "out")
    assert found.files == [slices[0]]
    assert {reason for _, reason in refusals(found).values()} == {
        "is damaged: it cannot be unpacked; copy or export the archive again"
    }


def test_a_damaged_member_is_told_and_the_others_are_read(tmp_path, slices):
    path = archive(tmp_path / "x.zip", {"a": slices[0].read_bytes(), "b": slices[1].read_bytes()})
    content = bytearray(path.read_bytes())
    content[120:160] = bytes(40)
    path.write_bytes(content)
    found = collect([path], tmp_path / "out")
    assert refusals(found)["x.zip: a"][0] == Refusal.DAMAGED
    assert [found.names[path] for path in found.files] == ["x.zip: b"]


def test_folders_that_lie_within_themselves_end(tmp_path, slices):
    (tmp_path / "IMAGES" / "again").symlink_to(tmp_path / "IMAGES", target_is_directory=True)
    (tmp_path / "IMAGES" / "linked").symlink_to(slices[0])
    (tmp_path / "IMAGES" / "nowhere").symlink_to(tmp_path / "gone")
    found = collect([tmp_path / "IMAGES"], tmp_path / "out")
    told = refusals(found)
    assert len(found.files) == 5
    assert told["IMAGES/again"][1].startswith("is a link to a folder")
    assert told["IMAGES/nowhere"][1].startswith("could not be opened")


def test_endless_folders_and_pipes_are_refused(tmp_path, slices):
    deep = tmp_path / "IMAGES"
    for _ in range(6):
        deep = deep / "d"
    deep.mkdir(parents=True)
    os.mkfifo(tmp_path / "IMAGES" / "pipe")
    found = collect([tmp_path / "IMAGES"], tmp_path / "out", limits=Limits(depth=3))
    told = refusals(found)
    assert told["IMAGES/pipe"][1].startswith("is no ordinary file")
    assert told["IMAGES/d/d/d/d"][1].startswith("lies more than 3 folders deep")


def test_a_drop_of_too_many_files_is_cut_with_a_sentence(tmp_path, slices):
    found = collect([tmp_path / "IMAGES"], tmp_path / "out", limits=Limits(files=3))
    assert len(found.files) == 3
    assert "more than 3 files at once" in found.refused[0].reason


def test_paths_that_do_not_exist_are_told(tmp_path):
    (refused,) = collect([tmp_path / "gone"], tmp_path / "out").refused
    assert refused.sentence.startswith("gone could not be opened (No such file or directory)")


def test_names_are_made_fit_for_sentences(tmp_path, slices):
    found = collect([archive(tmp_path / "x.zip", {"bad\x07\nname": slices[0].read_bytes()})], tmp_path / "out")
    assert list(found.names.values()) == ["x.zip: bad��name"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bad=st.data())
def test_damaged_archives_are_answered(tmp_path_factory, bad):
    folder = tmp_path_factory.mktemp("zip")
    whole = archive(folder / "x.zip", {"a": bytes(128) + b"DICM" + bytes(300), "b/c": b"text" * 20}).read_bytes()
    content = bytearray(whole[: bad.draw(st.integers(len(whole) // 2, len(whole)))])
    for _ in range(bad.draw(st.integers(0, 5))):
        content[bad.draw(st.integers(0, len(content) - 1))] = bad.draw(st.integers(0, 255))
    (folder / "x.zip").write_bytes(content)
    found = collect([folder / "x.zip"], folder / "out", limits=Limits(member_bytes=1 << 20))
    assert all(refused.sentence.endswith(".") for refused in found.refused)
    assert all(path.stat().st_size for path in found.files)
