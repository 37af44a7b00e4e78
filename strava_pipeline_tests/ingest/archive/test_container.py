"""What can be opened is read whole, whatever it is packed in; what can't be read is told, and the rest is read."""

import os
import random
import stat
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path

import pytest

from strava_pipeline.core.errors import SourceError
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.ingest.archive import entry
from strava_pipeline.ingest.archive.container import Kind, open_container
from strava_pipeline.ingest.archive.entry import Meter, Problem, UnreadableEntryError
from strava_pipeline_tests.ingest.archive.made import FILES, forged, streamed, unpacked, zipped

MB = 1024**2
LIMITS = ImportLimits(file_bytes=5 * MB)
METER = Meter("an archive", ImportLimits())


def read(path: Path, limits: ImportLimits = ImportLimits()) -> tuple[dict[str, bytes], dict[str, Problem]]:
    """Everything that can be read, by name, and what is told about the rest."""
    bodies, told = {}, {}
    with open_container(path, limits) as container:
        told.update({fault.name: fault.problem for fault in container.faults})
        for entry in container.entries:
            try:
                bodies[entry.name] = entry.read()
            except UnreadableEntryError as error:
                told[error.fault.name] = error.fault.problem
    return bodies, told


def at(folder: Path, raw: bytes, name: str = "export.zip") -> Path:
    path = folder / name
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_reads_like_the_folder_it_was_made_of(tmp_path: Path, method: int) -> None:
    packed = at(tmp_path, zipped(FILES, method=method))
    folder = unpacked(tmp_path / "folder", FILES)
    assert read(packed) == read(folder) == (FILES, {})
    with open_container(packed) as one, open_container(folder) as other:
        assert [entry.name for entry in one.entries] == [entry.name for entry in other.entries] == sorted(FILES)
        assert [entry.size for entry in one.entries] == [entry.size for entry in other.entries]
        assert (one.kind, other.kind) == (Kind.ZIP, Kind.FOLDER)


@pytest.mark.slow
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_holds_more_than_it_tells_takes_no_memory(tmp_path: Path, method: int) -> None:
    body = bytes(30 * MB)
    path = at(tmp_path, forged(zipped({"a.fit": body, "b.fit": b"good"}, method=method), "a.fit", size=900_000))
    del body
    tracemalloc.start()
    try:
        found = read(path)
        assert tracemalloc.get_traced_memory()[1] < 20 * MB
    finally:
        tracemalloc.stop()
    assert found == ({"b.fit": b"good"}, {"a.fit": Problem.DAMAGED})


@pytest.mark.soak(part="damage")
@pytest.mark.parametrize("seed", range(40))
def test_whatever_a_zip_says_it_takes_little_memory_and_the_good_members_are_read(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    good = {f"good-{place}.fit": chance.randbytes(chance.randint(0, MB)) for place in range(3)}
    method = chance.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    forgery = chance.choice([{"size": 900_000}, {"size": 1}, {"size": 2**31}, {"crc": 7, "size": 5 * MB}])
    bomb = bytes(chance.randint(30, 150) * MB)
    path = at(tmp_path, forged(zipped(good | {"bomb.fit": bomb}, method=method), "bomb.fit", **forgery))
    del bomb
    tracemalloc.start()
    try:
        bodies, problems = read(path)
        assert tracemalloc.get_traced_memory()[1] < 25 * MB
    finally:
        tracemalloc.stop()
    assert bodies == good
    assert problems.keys() == {"bomb.fit"}


@cache
def a_megabyte_and_a_half(method: int) -> bytes:
    """A zip with a member of so many bytes, packed once for all tests."""
    return zipped({"a.fit": random.Random(1).randbytes(3 * MB // 2)}, method=method)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize(
    "forgery", [{"crc": 1}, {"size": 4 * MB}, {"size": 1}, {"packed": 100_000}, {"size": 2**20, "packed": 2}], ids=str
)
def test_a_member_that_is_not_what_it_tells_is_damaged(tmp_path: Path, method: int, forgery: dict[str, int]) -> None:
    path = at(tmp_path, forged(a_megabyte_and_a_half(method), "a.fit", **forgery))
    assert read(path) == ({}, {"a.fit": Problem.DAMAGED})


def test_a_member_that_asks_for_a_great_dictionary_is_not_unpacked(tmp_path: Path) -> None:
    packed = zipped({"a.fit": b"body"}, method=zipfile.ZIP_LZMA)
    properties = packed.index(b"a.fit") + len(b"a.fit") + 4  # behind the version and the length of what follows
    raw = bytearray(packed)
    struct.pack_into("<L", raw, properties + 1, 2**32 - 1)
    assert read(at(tmp_path, bytes(raw))) == ({}, {"a.fit": Problem.UNSUPPORTED})


def test_a_zip_is_known_by_its_content_and_a_file_is_itself(tmp_path: Path) -> None:
    assert read(at(tmp_path, zipped(FILES), "export_12345")) == (FILES, {})
    assert read(at(tmp_path, b"no zip", "export.zip")) == ({"export.zip": b"no zip"}, {})
    assert read(at(tmp_path, b"", "empty.fit")) == ({"empty.fit": b""}, {})
    assert read(at(tmp_path, zipped({}), "empty.zip")) == ({}, {})


@pytest.mark.parametrize(
    ("raw", "flagged", "name"),
    [
        ("activités/Übung.gpx".encode(), True, "activités/Übung.gpx"),
        ("activités/Übung.gpx".encode(), False, "activités/Übung.gpx"),
        ("Übung.gpx".encode("cp437"), False, "Übung.gpx"),
        (b"activities\\11.gpx", False, "activities/11.gpx"),
        (b"./activities/11.gpx", False, "activities/11.gpx"),
        (b"11.gpx\0.exe", False, "11.gpx"),
    ],
)
def test_names_in_any_encoding_are_read(tmp_path: Path, raw: bytes, flagged: bool, name: str) -> None:
    packed = zipped({"x" * len(raw): b"body"}).replace(b"x" * len(raw), raw)
    if flagged:
        packed = _flagged(packed)
    assert read(at(tmp_path, packed))[0] == {name: b"body"}


def test_a_name_that_says_utf_8_and_is_not_is_told(tmp_path: Path) -> None:
    packed = _flagged(zipped({"xx.gpx": b"body"}).replace(b"xx", b"\xff\xfe"))
    with pytest.raises(SourceError, match="unpack it and name the folder"):
        open_container(at(tmp_path, packed))


def _flagged(packed: bytes) -> bytes:
    body = bytearray(packed)
    body[6:8] = b"\x00\x08"
    place = packed.index(b"PK\x01\x02")
    body[place + 8 : place + 10] = b"\x00\x08"
    return bytes(body)


def test_the_name_beside_the_name_is_taken(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("????.gpx")
    told = "поїздка.gpx".encode()
    info.extra = struct.pack("<2HBL", 0x7075, 5 + len(told), 1, zlib.crc32(b"????.gpx")) + told
    assert read(at(tmp_path, zipped([(info, b"body")]))) == ({"поїздка.gpx": b"body"}, {})


GOOD = {"activities/11.gpx": FILES["activities/11.gpx"]}
BAD = "activities/bad.gpx"
BODY = b"position " * 50

FORGED = {
    "a link": (zipped({**GOOD, BAD: b"/etc/passwd"}), {"mode": stat.S_IFLNK | 0o777}, Problem.SYMLINK),
    "an encrypted file": (zipped({**GOOD, BAD: BODY}), {"flags": 1}, Problem.ENCRYPTED),
    "a packing nobody knows": (zipped({**GOOD, BAD: BODY}), {"method": 9}, Problem.UNSUPPORTED),
    "a wrong checksum": (zipped({**GOOD, BAD: BODY}), {"crc": 1}, Problem.DAMAGED),
    "a size that is too small": (zipped({**GOOD, BAD: BODY}), {"size": 20}, Problem.DAMAGED),
    "a file that is too large": (
        zipped({**GOOD, BAD: BODY}),
        {"size": 150 * MB, "packed": 150 * MB},
        Problem.TOO_LARGE,
    ),
    "a bomb": (zipped({**GOOD, BAD: bytes(8 * MB)}), {}, Problem.BOMB),
    "a file in place of another": (zipped({**GOOD, BAD: BODY}), {"at": 0}, Problem.BOMB),
    "a header that isn't there": (zipped({**GOOD, BAD: BODY}), {"at": 9}, Problem.DAMAGED),
}


@pytest.mark.parametrize("what", FORGED)
def test_one_bad_member_is_told_and_the_others_are_read(tmp_path: Path, what: str) -> None:
    raw, fields, problem = FORGED[what]
    path = at(tmp_path, forged(raw, BAD, **fields))
    assert read(path) == (GOOD, {BAD: problem})
    with open_container(path) as container:  # what can be told without unpacking is told before
        assert (BAD in [entry.name for entry in container.entries]) == (problem is Problem.DAMAGED)


@pytest.mark.parametrize("name", ["more.zip", "deep/MORE.ZIP", "old.tar.gz"])
def test_an_archive_in_an_archive_is_told_and_not_opened(tmp_path: Path, name: str) -> None:
    assert read(at(tmp_path, zipped({**GOOD, name: zipped(FILES)}))) == (GOOD, {name: Problem.NESTED})
    assert read(unpacked(tmp_path / "folder", {**GOOD, name: b""})) == (GOOD, {name: Problem.NESTED})


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "C:/Windows/x.gpx", "activities/../../x.gpx"])
def test_a_name_that_leads_elsewhere_is_told_and_nothing_is_written_there(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert read(at(inner, zipped({**GOOD, name: BODY}))) == ({**GOOD, name: BODY}, {name: Problem.UNSAFE_NAME})
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["export.zip"]


@pytest.mark.parametrize("mark", ["\u202a", "\u202e", "\u2066", "\u2069"])
def test_a_file_whose_name_shows_in_another_order_is_refused(tmp_path: Path, mark: str) -> None:
    name, shown = f"ride{mark}xpg.exe", "ride\ufffdxpg.exe"
    assert read(unpacked(tmp_path / "folder", {**GOOD, name: BODY})) == (GOOD, {shown: Problem.MISLEADING_NAME})
    for raw in (BODY, zipped(GOOD)):
        assert read(at(tmp_path, raw, name)) == ({}, {shown: Problem.MISLEADING_NAME})


def test_two_files_of_one_name_are_both_read(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        raw = zipped([(BAD, b"first"), (BAD, b"second")])
    with open_container(at(tmp_path, raw)) as container:
        assert sorted(entry.read() for entry in container.entries) == [b"first", b"second"]
        assert [fault.problem for fault in container.faults] == [Problem.DUPLICATE]


def test_what_file_managers_leave_is_passed_over(tmp_path: Path) -> None:
    junk = {"__MACOSX/activities/._11.gpx": b"", ".DS_Store": b"", "activities/._11.gpx": b"", "Thumbs.db": b""}
    assert read(at(tmp_path, zipped({**GOOD, **junk}))) == (GOOD, {})
    assert read(unpacked(tmp_path / "folder", {**GOOD, **junk})) == (GOOD, {})


MANY = {f"activities/{number:02}.gpx": bytes([number]) * MB for number in range(14)}
TOTAL = ImportLimits(file_bytes=5 * MB, total_bytes=10 * MB)


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: at(folder, zipped(MANY)),
        lambda folder: at(folder, zipped(MANY, method=zipfile.ZIP_BZIP2)),
        lambda folder: unpacked(folder / "folder", MANY),
    ],
    ids=["zip", "bzip2", "folder"],
)
def test_an_import_that_unpacks_beyond_limits_is_refused_midway(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    with open_container(path, TOTAL) as container:
        for entry in container.entries[:10]:
            entry.read()
            entry.read()  # what is read twice is there once
        with pytest.raises(SourceError) as caught:
            container.entries[10].read()
    assert str(caught.value) == (
        f"{path.name} unpacks to more than 11 MB, so nothing of it was imported. If it is yours, import it in parts."
    )
    assert read(path, ImportLimits(total_bytes=14 * MB)) == (MANY, {})


@pytest.mark.slow
def test_files_too_large_to_be_read_count_piece_by_piece(tmp_path: Path) -> None:
    path = at(tmp_path, zipped({"a.fit": os.urandom(12 * MB)}))
    with open_container(path, TOTAL) as container:
        pieces = container.oversized[0].pieces()
        assert sum(len(piece) for piece in islice(pieces, 10)) == 10 * MB
        with pytest.raises(SourceError, match="more than 11 MB"):
            next(pieces)


def test_sizes_that_a_directory_tells_decide_nothing_about_the_whole(tmp_path: Path) -> None:
    raw = zipped(MANY)
    for name in list(MANY)[:12]:
        raw = forged(raw, name, size=5 * MB, packed=5 * MB)
    assert read(at(tmp_path, raw), ImportLimits(file_bytes=5 * MB, total_bytes=14 * MB)) == (MANY, {})


def test_an_archive_unpacking_far_beyond_its_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "_RATIO_FROM", 2 * MB)
    many = {f"{number:02}.gpx": bytes(MB) for number in range(14)}  # each too small to be a bomb of its own
    path = at(tmp_path, zipped(many))
    with pytest.raises(SourceError, match="unpacks to more than 200 times its size"):
        read(path)
    assert read(unpacked(tmp_path / "folder", many)) == (many, {})


@pytest.mark.parametrize("raw", [zipped(FILES), streamed(FILES)], ids=["sizes before", "sizes behind"])
def test_an_archive_that_breaks_off_is_to_be_downloaded_again(tmp_path: Path, raw: bytes) -> None:
    for cut in (31, len(raw) // 2, raw.index(b"PK\x01\x02"), len(raw) - 1):
        path = at(tmp_path, raw[:cut])
        with pytest.raises(SourceError, match=r"export.zip is cut off or damaged.*download it again"):
            open_container(path)


def test_links_pipes_and_junk_of_a_folder_are_told_or_passed_over(tmp_path: Path) -> None:
    outside = unpacked(tmp_path / "outside", {"secret.gpx": b"secret"})
    folder = unpacked(tmp_path / "folder", GOOD)
    (folder / "link.gpx").symlink_to(outside / "secret.gpx")
    (folder / "elsewhere").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.gpx")
    told = dict.fromkeys(["link.gpx", "elsewhere", "loop"], Problem.SYMLINK) | {"pipe.gpx": Problem.NO_FILE}
    assert read(folder) == (GOOD, told)


def test_a_link_that_a_person_names_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(unpacked(tmp_path / "folder", GOOD))
    assert read(tmp_path / "link") == (GOOD, {})


def test_a_file_that_went_away_is_told(tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "folder", {**GOOD, BAD: BODY})
    with open_container(folder) as container:
        (folder / BAD).unlink()
        entry = next(each for each in container.entries if each.name == BAD)
        with pytest.raises(UnreadableEntryError, match="No such file"):
            entry.read()


def test_a_file_of_more_than_is_read_is_told_and_can_be_kept_piece_by_piece(tmp_path: Path) -> None:
    big = bytes(range(256)) * 4096 * 5 + b"the end"
    folder = unpacked(tmp_path / "folder", {**GOOD, "big.fit": big})
    whole = zipped({"big.fit": big, **GOOD}, method=zipfile.ZIP_STORED)
    packed = at(tmp_path, whole)
    for path, rest in ((folder, GOOD), (folder / "big.fit", {}), (packed, GOOD)):
        assert read(path, LIMITS) == (rest, {"big.fit": Problem.TOO_LARGE})
        assert read(path, ImportLimits(file_bytes=len(big))) == (rest | {"big.fit": big}, {})
        with open_container(path, LIMITS) as container:
            assert str(container.faults[0]) == "big.fit: 6 MB unpacked; files of more than 6 MB are not read"
            (oversized,) = container.oversized
            pieces = [len(piece) for piece in oversized.pieces()]
            assert (sum(pieces), oversized.size, max(pieces)) == (len(big), len(big), MB)
            assert zlib.crc32(b"".join(oversized.pieces())) == zlib.crc32(big)


def test_what_is_told_is_safe_to_print(tmp_path: Path) -> None:
    with open_container(at(tmp_path, zipped({"\x1b[2Jx.zip": b""}))) as container:
        assert str(container.faults[0]).isprintable()


def test_a_path_that_holds_nothing_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "nowhere", tmp_path / "pipe"):
        with pytest.raises(SourceError, match=path.name):
            open_container(path)
