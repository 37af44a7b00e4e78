"""Zips that nobody should have to read: made here byte by byte, so that every test says what is wrong with its own."""

import io
import struct
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

FILES = {
    "activities.csv": b'Activity ID,Activity Date,Filename\n1,"Jul 14, 2020, 10:36:55 PM",activities/11.gpx\n',
    "activities/11.gpx": b"<gpx>" + b"<trkpt/>" * 400 + b"</gpx>",
    "activities/12.tcx.gz": bytes(range(256)) * 9,
    "media/a.jpg": b"\xff\xd8" + bytes(200),
}


class Unseekable(io.RawIOBase):
    """What a zip is written through when it is sent over a wire: sizes then stand behind the members."""

    def __init__(self) -> None:
        self.body = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        raw = bytes(piece)  # type: ignore[call-overload]
        self.body += raw
        return len(raw)


def zipped(
    files: Mapping[str, bytes] | Iterable[tuple[str | zipfile.ZipInfo, bytes]], *, method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """A zip of the files, in their order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, body in files.items() if isinstance(files, Mapping) else files:
            archive.writestr(name, body, method)
    return out.getvalue()


def streamed(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The same, written in one go."""
    out = Unseekable()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, body in files.items():
            with archive.open(
                zipfile.ZipInfo(name) if method == zipfile.ZIP_STORED else _deflated(name), "w"
            ) as member:
                member.write(body)
    return bytes(out.body)


def unpacked(folder: Path, files: Mapping[str, bytes]) -> Path:
    """The files in a folder."""
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder


def forged(raw: bytes, name: str, *, size: int | None = None, packed: int | None = None, **fields: int) -> bytes:
    """The zip with other numbers in its directory for `name`: `size`, `packed`, `flags`, `method`, `crc`, `at`, `mode`."""
    places = {"flags": (8, "<H"), "method": (10, "<H"), "crc": (16, "<L"), "mode": (40, "<H"), "at": (42, "<L")}
    found = raw.rindex(b"PK\x01\x02", 0, raw.rindex(name.encode()))
    body = bytearray(raw)
    for value, offset in ((packed, 20), (size, 24)):
        if value is not None:
            struct.pack_into("<L", body, found + offset, value)
    for field, value in fields.items():
        offset, form = places[field]
        struct.pack_into(form, body, found + offset, value)
    return bytes(body)


def _deflated(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
