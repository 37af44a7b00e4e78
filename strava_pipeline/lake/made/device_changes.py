"""Changes in how two devices agree, each told once: data/state/device_changes.json remembers what was told."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import orjson
import polars as pl

from strava_pipeline.core.json_values import json_if_any
from strava_pipeline.core.pairs.report import MetPair, NamedChange, change_words, changes_of
from strava_pipeline.core.tables.pairs import PAIR_AGREEMENTS
from strava_pipeline.lake.files import write_whole
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.made.made_files import table_years
from strava_pipeline.lake.made.recording_pairs import held_pairs
from strava_pipeline.lake.notifications import DEVICES, notify
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

_SAME = timedelta(days=60)  # later efforts move the day on which a change seems to begin
_NEWS = timedelta(days=180)  # what changed earlier is on the page of devices alone
_TOLD = ("heartrate", "watts")
_PRESENT = """
WITH owner AS ({owner})
SELECT id FROM activities AS own JOIN owner ON coalesce(own.athlete_id, owner.athlete_id) = owner.athlete_id
"""
_PAIR = ("first_by", "second_by", "quantity")


def tell_changes(lake: Lake, connection: Connection, at: datetime) -> None:
    """Notify the person of what changed last of each pair of the owner's devices, if that was not told yet."""
    path = lake.state / "device_changes.json"
    told = dict(json_if_any(path.read_bytes()) or {}) if path.exists() else {}
    newest = {
        " ".join((*(pair.numbers[name] for name in _PAIR), each.of)): (pair, each)
        for pair, each in _changes(lake, connection)
    }
    new = {}
    for key, (pair, each) in newest.items():
        if key not in told or abs(date.fromisoformat(told[key]) - each.change.since) > _SAME:
            if at.date() - each.change.since <= _NEWS:
                notify(lake, "warning", change_words(pair, each), at, about=f"{key} {each.change.since}", link=DEVICES)
            new[key] = str(each.change.since)
    if new:
        write_whole(path, orjson.dumps(told | new))


def _changes(lake: Lake, connection: Connection) -> Iterator[tuple[MetPair, NamedChange]]:
    present = [one for (one,) in connection.execute(_PRESENT.format(owner=sql("owner"))).fetchall()]
    years = sorted(table_years(lake, [PAIR_AGREEMENTS]))
    held = [pl.DataFrame(schema=PAIR_AGREEMENTS.polars_schema), *(held_pairs(lake, year) for year in years)]
    rows = pl.concat(held).filter(
        pl.col("first_by") != pl.col("second_by"),
        pl.col("quantity").is_in(_TOLD),
        pl.col("activity_id").is_in(present),
        pl.col("seconds") > 0,
    )
    dropouts = pl.max_horizontal("first_dropouts", "second_dropouts").alias("dropouts")
    kept = rows.select("activity_id", *_PAIR, "difference", "spread", dropouts, day="on_day").drop_nulls("day")
    for key, efforts in kept.sort("day", "activity_id").group_by(*_PAIR, maintain_order=True):
        pair = MetPair(dict(zip(_PAIR, key, strict=True)), ())
        for each in changes_of(pair.numbers["quantity"], efforts.to_dicts()):
            yield pair, each
