"""Writes the whole export as a zip: the list, the files of the activities, pictures, and the small CSVs beside it.

What a row and a file look like stands beside this. The same configuration makes the same bytes; so does an emulator
of that configuration, as long as nothing has happened to its activities.
"""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import BinaryIO, Self

from strava_pipeline.emulator.archive.listed import Layout, listed
from strava_pipeline.emulator.archive.recorded import FORMS, INDOOR_FORMS, recorded
from strava_pipeline.emulator.archive.sides import sides
from strava_pipeline.emulator.config import EmulatorConfig
from strava_pipeline.emulator.state import State, build_state
from strava_pipeline.emulator.store import Row
from strava_pipeline.emulator.wire import Json

_UNEXPORTED = 0.004  # of all files: Strava says #error#, as in 3 of 780 real rows
_FIRST, _LAST = datetime(1980, 1, 1, tzinfo=UTC), datetime(2107, 12, 31, tzinfo=UTC)  # that a zip can date a file by
_PICTURE = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"  # a JPEG of nothing


@dataclass(frozen=True, slots=True)
class Oddities:
    """What is wrong on purpose: how many files that rows name are left out, and how many are there that no row names."""

    missing: int = 0
    unlisted: int = 0


@dataclass(frozen=True, slots=True)
class ArchiveMade:
    """What was written: rows, files that they name, and rows without one (typed in by hand, or not exported)."""

    rows: int
    files: int
    without_file: int


@dataclass(frozen=True, slots=True)
class Exported:
    """What an archive is made of: an athlete's activities, oldest first, and gear as they were at `now`."""

    seed: int
    now: datetime
    rows: Sequence[Row]
    athlete: Json
    gear: Mapping[str, Json]

    @classmethod
    def of(cls, state: State) -> Self:
        """All that exists at the emulator's now, with what was edited, deleted and added since it began."""
        rows = state.store.listed(state.epoch, private=True, after=float("-inf"), before=None)
        return cls(state.config.seed, state.clock.now(), rows, state.athlete, dict(state.gear))


def write_archive(
    config: EmulatorConfig, to: Path | BinaryIO, layout: Layout | None = None, oddities: Oddities | None = None
) -> ArchiveMade:
    """Write the export of everything that has happened when an emulator of this configuration begins."""
    return write_export(Exported.of(build_state(replace(config, speed=0.0))), to, layout, oddities)


def write_export(
    of: Exported, to: Path | BinaryIO, layout: Layout | None = None, oddities: Oddities | None = None
) -> ArchiveMade:
    """Write an export, its rows oldest first."""
    layout, oddities = layout or Layout(), oddities or Oddities()
    rows: list[list[str]] = []
    pictures: list[str] = []
    files = 0
    with zipfile.ZipFile(to, "w") as archive:
        for row in of.rows:
            detail = row.source.detail()
            rng = Random(f"{of.seed}:{row.id}:export")
            name, body = _file(row, detail, rng)
            if body is not None:
                files += 1
                if files > oddities.missing:
                    _put(archive, of, name, body)
                if files <= oddities.unlisted:
                    _put(archive, of, f"activities/unlisted-{files}{name[name.index('.') :]}", body)
            named = [f"media/{rng.getrandbits(32)}.jpg" for _ in range(detail.get("total_photo_count") or 0)]
            pictures += named
            rows.append(listed(detail, name, named, layout, of.gear))
        _put(archive, of, "activities.csv", layout.text(rows))
        for name in pictures:
            _put(archive, of, name, _PICTURE)
        for name, body in sides(of.athlete, list(of.gear.values()), pictures).items():
            _put(archive, of, name, body)
    return ArchiveMade(rows=len(rows), files=files, without_file=len(rows) - files)


def _file(row: Row, detail: Json, rng: Random) -> tuple[str, bytes | None]:
    """What stands in the row as its file's name, and the file: none for what was typed in, or can't be exported."""
    streams = row.source.streams()
    if streams is None:
        return "", None
    if rng.random() < _UNEXPORTED:
        return "#error#", None
    forms = FORMS if "latlng" in streams else INDOOR_FORMS
    form = rng.choices(list(forms), list(forms.values()))[0]
    return f"activities/{detail.get('upload_id') or row.id}.{form}", recorded(form, row.start, detail, streams)


def _put(archive: zipfile.ZipFile, of: Exported, name: str, body: bytes) -> None:
    info = zipfile.ZipInfo(name, min(max(of.now, _FIRST), _LAST).timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    archive.writestr(info, body)
