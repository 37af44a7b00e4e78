"""Addresses of the areas where trips by car began and ended: each answer of a geocoder is kept, so none is asked for twice.

A line of data/bronze/addresses.jsonl is an area and its address; null: the geocoder knows none. Rows of `car_trips` get
theirs from these lines alone, so a rebuild asks nobody. Asking is operations/cars.py's, under LOCK.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import polars as pl
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from strava_pipeline.core.trips.car.config import Area, area_of
from strava_pipeline.lake.files import append_line, sync_folder
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.staging import staged, staging
from strava_pipeline.lake.warehouse import Connection, changed, reading, writing

LOCK = "addresses"
_ENDS = {"start_address": ("start_lat", "start_lng"), "end_address": ("end_lat", "end_lng")}
_ROWS = {"trip_id": pl.String, **dict.fromkeys(_ENDS, pl.String)}


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True)

    lat: str
    lng: str
    address: str | None
    at: AwareDatetime


def known_addresses(lake: Lake) -> dict[Area, str | None]:
    """Every answer so far; the last one of an area counts. A line that a power cut left torn is passed over."""
    try:
        lines = lake.addresses.read_bytes().split(b"\n")
    except FileNotFoundError:
        return {}
    found: dict[Area, str | None] = {}
    for text in lines:
        try:
            line = _Line.model_validate_json(text)
        except ValidationError:
            continue
        found[Area(line.lat, line.lng)] = line.address
    return found


def keep_address(lake: Lake, area: Area, address: str | None, at: datetime) -> None:
    """Append an answer; it is on disk when this returns. Who calls holds LOCK."""
    line = _Line(lat=area.lat, lng=area.lng, address=address, at=at).model_dump_json().encode() + b"\n"
    is_new = not lake.addresses.exists()
    append_line(lake.addresses, line)
    if is_new:
        sync_folder(lake.addresses.parent)


def unknown_areas(lake: Lake) -> list[Area]:
    """Where trips began and ended and nobody has said the address yet, the newest trips first."""
    known = known_addresses(lake)
    with reading(lake) as connection:
        trips = connection.execute(sql("car_trip_ends")).fetchall()
    ends = (end for _, *places in trips for end in (places[:2], places[2:4]))
    areas = dict.fromkeys(area_of(lat, lng) for lat, lng in ends if lat is not None and lng is not None)
    return [area for area in areas if area not in known]


def merge_addresses(lake: Lake) -> int:
    """Write the answers into `car_trips`; how many rows changed."""
    with writing(lake) as connection, staging(lake) as folder:
        filled = fill_addresses(connection, lake, folder)
        if filled:
            changed(connection)
    return filled


def fill_addresses(connection: Connection, lake: Lake, folder: Path) -> int:
    """The same inside the caller's transaction, by way of a staging folder."""
    known = known_addresses(lake)
    if not known:
        return 0
    ends = connection.execute(sql("car_trip_ends"))
    names = [column[0] for column in ends.description or ()]
    rows = [_filled(dict(zip(names, row, strict=True)), known) for row in ends.fetchall()]
    new = pl.DataFrame([row for row in rows if row is not None], schema=_ROWS, orient="row")
    if new.is_empty():
        return 0
    return len(connection.execute(sql("fill_addresses"), {"rows": staged(folder, "addresses", new)}).fetchall())


def _filled(trip: Mapping[str, str | float | None], known: Mapping[Area, str | None]) -> dict[str, str | None] | None:
    """The trip's addresses; None where its row has them already."""
    found: dict[str, str | None] = {}
    for name, (north, east) in _ENDS.items():
        lat, lng = trip[north], trip[east]
        here = isinstance(lat, float) and isinstance(lng, float)
        found[name] = known.get(area_of(float(lat or 0.0), float(lng or 0.0))) if here else None
    if all(trip[name] == address for name, address in found.items()):
        return None
    return {"trip_id": str(trip["trip_id"]), **found}
