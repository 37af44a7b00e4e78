"""Tracks as a person wants them: without what they cut, and with the heart rate of the device that a rule prefers.

Each is a copy, so that whoever reads a track that counts need not know of cuts. The whole tracks stay (lake/made/tracks.py). A
copy's metadata records what it was made from.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

from strava_pipeline.core.cuts import checked_cuts, without
from strava_pipeline.core.errors import MisuseError
from strava_pipeline.lake.files import sync_folder, write_rows
from strava_pipeline.lake.gold.corrections import held_words
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.made.made_files import drop_damaged
from strava_pipeline.lake.made.preferred_heart import PreferredHeart, compared_hearts, preferred_heart, with_heart
from strava_pipeline.lake.made.tracks import ORIGIN, origins_in, track_origins, track_path
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

_HEART = " heart:"


def sync_cut_tracks(lake: Lake, connection: Connection, *, most: int | None = None) -> bool:
    """Write the missing and outdated copies; remove those whose cuts were taken back, or whose track is gone.

    Args:
        connection: to a warehouse whose table of corrections is current.
        most: nothing is written or removed if more copies are due; then False is returned.
    """
    said = connection.execute(sql("wanted_tracks")).fetchall()
    hearts = compared_hearts(lake, {year for _, year, _, device, _ in said if device})
    wanted = {}
    for one, year, cuts, device, moved in said:
        if (whole := track_path(lake, year, one)).exists():
            origin = origins_in([whole]).get(one, "")
            heart = preferred_heart(one, origin, hearts.get(one, ()), device, moved) if device else None
            if heart or cuts:
                wanted[_path(lake, year, one)] = _Copy(whole, origin, cuts or (), heart)
    due = {path: copy for path, copy in wanted.items() if origins_in([path]).get(int(path.stem)) != copy.made_from}
    if most is not None and len(due) > most:
        return False
    for path in {*lake.cut_tracks.glob("year=*/*.parquet")} - wanted.keys():
        path.unlink(missing_ok=True)
    for path, copy in due.items():
        _write(lake, connection, path, copy)
    return True


class _Copy(NamedTuple):
    """The whole track and its origin; what a copy of it lacks, and the recording that gives its heart rate."""

    whole: Path
    origin: str
    cuts: Sequence[str]
    heart: PreferredHeart | None

    @property
    def made_from(self) -> str:
        return f"{self.origin}{_HEART}{self.heart or ''} without:{','.join(self.cuts)}"


def _write(lake: Lake, connection: Connection, path: Path, copy: _Copy) -> None:
    try:
        points = pl.read_parquet(copy.whole, hive_partitioning=False)
    except pl.exceptions.ComputeError:
        drop_damaged([copy.whole])  # the next run makes it again
        return
    points = with_heart(lake, connection, points, copy.heart) if copy.heart else points
    points = without(points, copy.cuts) if copy.cuts else points
    if points.height:
        write_rows(path, points, "zstd", {ORIGIN: copy.made_from})
        sync_folder(path.parent)
    else:
        path.unlink(missing_ok=True)


def counted_begin(lake: Lake, year: int, activity_id: int) -> datetime | None:
    """When the first point that counts was recorded; charts and cuts count from it. None without a track with times."""
    try:
        points = pl.scan_parquet(counted_track(lake, year, activity_id), hive_partitioning=False)
        found = points.select(pl.col("recorded_at").min()).collect().item()
    except (FileNotFoundError, pl.exceptions.ComputeError):
        return None
    assert isinstance(found, datetime | None)
    return found


def with_cut(
    connection: Connection,
    lake: Lake,
    year: int,
    activity_id: int,
    begins: float | None,
    ends: float | None,
    shown: Sequence[str] | None = None,
) -> list[str]:
    """The cuts of an activity and one more, in seconds since `counted_begin`. Raises MisuseError.

    Args:
        begins: None: the start of the track is cut.
        ends: None: its end is.
        shown: the cuts that the person saw, if any were shown: no other ones may hold.
    """
    held = held_words(connection, lake, [activity_id])[activity_id].get("cuts") or []
    if shown is not None and held != [*shown]:
        raise MisuseError("Something was cut since the page showed the track. Load the page again.")
    first = counted_begin(lake, year, activity_id)
    if first is None:
        raise MisuseError(
            "This activity has no track with times, so nothing can be cut. Its distance and times can be typed in."
        )
    whole = pl.read_parquet(track_path(lake, year, activity_id), hive_partitioning=False)
    left = without(whole, held) if held else whole
    at = ["" if after is None else (first + timedelta(seconds=after)).isoformat() for after in (begins, ends)]
    cuts = checked_cuts([*held, "/".join(at)])
    rest = without(whole, cuts)
    if rest.height == left.height:
        raise MisuseError("That cut lies outside of the track, or between two of its points: nothing would change.")
    if rest["recorded_at"].n_unique() < 2:
        raise MisuseError("That cut leaves nothing of the track. To leave the activity out, let it count in nothing.")
    return cuts


def counted_track(lake: Lake, year: int, activity_id: int) -> Path:
    """The file with the points of an activity that count: all of them, or those that were not cut."""
    path = _path(lake, year, activity_id)
    return path if path.exists() else track_path(lake, year, activity_id)


def has_preferred_heart(lake: Lake, year: int, activity_id: int) -> bool:
    """Whether the heart rate that counts is another recording's than the track's."""
    _, _, heart = origins_in([_path(lake, year, activity_id)]).get(activity_id, "").partition(_HEART)
    return heart[:1].strip() != ""  # a space, where there is none


def counted_origins(lake: Lake, year: int) -> tuple[dict[int, str], set[int]]:
    """The inputs of what counts of the tracks of a year, by activity; and the activities of which something was cut."""
    whole = track_origins(lake, year)
    cut = {
        one: origin for one, origin in origins_in(lake.cut_tracks_of(year).glob("*.parquet")).items() if one in whole
    }
    return whole | cut, {*cut}


def _path(lake: Lake, year: int, activity_id: int) -> Path:
    return lake.cut_tracks_of(year) / f"{activity_id}.parquet"
