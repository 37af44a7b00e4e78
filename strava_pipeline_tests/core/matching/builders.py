"""Activities for tests of matching, made up. No assertions here."""

import math
import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl

from strava_pipeline.core.files.recording import TRACK
from strava_pipeline.core.matching.candidates import ACTIVITY_COLUMNS
from strava_pipeline.core.matching.evidence import COMPARISON_COLUMNS
from strava_pipeline.core.matching.groups import Decisions
from strava_pipeline.core.matching.match import Matching, find_matches
from strava_pipeline.core.pairs.one_effort import POINT_COLUMNS, compare_points
from strava_pipeline.core.sources import hashed_id

Activity = dict[str, Any]
NOON = 1_750_000_000.0  # s since 1970
STREET = 0.0001  # ° of latitude: 11 m


def ride(one: int = 1, **fields: Any) -> Activity:
    """An hour's ride that the API tells."""
    return {
        **dict.fromkeys(ACTIVITY_COLUMNS),
        "id": one,
        "source": "strava",
        "sport_type": "Ride",
        "start": NOON,
        "elapsed": 3600.0,
        "distance": 25_000.0,
        "start_lat": 48.0,
        "start_lng": 11.5,
        "end_lat": 48.1,
        "end_lng": 11.5,
        "contents": [],
    } | fields


def file(name: object = "a", **fields: Any) -> Activity:
    """The same by a file."""
    called = {"file_names": [fields.pop("external_id")]} if fields.get("external_id") else {}
    return ride(hashed_id("file", f"{name}:0"), **({"source": "file", "format": "fit"} | fields | called))


def provided(source_id: str, *links: str, source: str = "toy", **fields: Any) -> Activity:
    """The same by a provider; `links`: what it says that the activity is called elsewhere, as source:id."""
    return ride(hashed_id(source, source_id), source=source, source_id=source_id, links=list(links), **fields)


def match(
    *known: Activity,
    joined: Iterable[tuple[int, int]] = (),
    split: Iterable[tuple[int, int]] = (),
    points: Mapping[int, pl.DataFrame] | None = None,
) -> Matching:
    """`points`: of the activities that have some, by id."""
    tracks = points or {}

    def compare(pairs: pl.DataFrame) -> pl.DataFrame:
        rows = [
            {"id_a": a, "id_b": b, **compare_points(tracks[a], tracks[b])}
            for a, b in pairs.select("id_a", "id_b").iter_rows()
            if a in tracks and b in tracks
        ]
        return pl.DataFrame(rows, schema=COMPARISON_COLUMNS)

    return find_matches(
        pl.DataFrame(list(known), schema=ACTIVITY_COLUMNS),
        Decisions(tuple(dict.fromkeys(each for each in joined if each not in set(split))), frozenset(split)),
        compare,
    )


def track(
    seconds: Iterable[int],
    *,
    aside: float = 0.0,
    pace: float = 7.0,
    heartrate: float | None = None,
    beats: list[Any] | None = None,
    watts: list[Any] | None = None,
) -> pl.DataFrame:
    """Points of a ride north from where `ride` begins, `pace` in m/s and `aside` in m; at seconds since NOON."""
    moments = list(seconds)
    metre = 180 / (6_371_000 * math.pi)  # of latitude, in degrees
    return pl.DataFrame(
        {
            "at": [datetime.fromtimestamp(NOON + second, UTC) for second in moments],
            "latitude": [48.0 + second * pace * metre for second in moments],
            "longitude": [11.5 + aside * metre / math.cos(math.radians(48.0))] * len(moments),
            "heartrate": beats or [heartrate and heartrate + second % 10 for second in moments],
            "cadence": [None] * len(moments),
            "watts": watts or [None] * len(moments),
        },
        schema={name: TRACK[name] for name in POINT_COLUMNS},
    )


def groups(found: Matching) -> set[frozenset[int]]:
    """The ids that are one, of activities with several."""
    each = found.members.group_by("activity_id").agg("id")["id"].to_list()
    return {frozenset(ids) for ids in each}


def commutes(chance: random.Random, days: int) -> Iterator[Activity]:
    """There in the morning, back and there and back again: one course, one length, one pace, the same every day.

    Some leave a file, some a number at the API, most both.
    """
    for day in range(days):
        for leg, hour in enumerate((7, 12, 13, 17)):
            start = NOON + day * 86_400 + hour * 3_600 + chance.choice((0, 60, 300, chance.randrange(600)))
            way = ("start", "end") if leg % 2 == 0 else ("end", "start")
            place = {f"{way[0]}_lat": 48.0, f"{way[0]}_lng": 11.5, f"{way[1]}_lat": 48.03, f"{way[1]}_lng": 11.52}
            true = {"start": start, "elapsed": 900.0, "distance": 4_200.0, **place}
            number = day * 4 + leg
            kind = chance.randrange(10)
            if kind != 0:
                yield ride(10**10 + number, athlete_id=7, **true, external_id=f"{start:.0f}.fit")
            if kind != 1:
                noise = {
                    "start": start + chance.choice((0, 0, 2, -3)),
                    "elapsed": 900.0 + chance.choice((0, 1, -2)),
                    "distance": 4_200.0 * chance.gauss(1, 0.004),
                }
                at = datetime.fromtimestamp(start, UTC)
                called = {
                    "external_id": chance.choice((f"{at:%Y%m%d_%H%M%S}.fit", f"{at:%Y%m%d%H%M}.gpx", "Commute.fit"))
                }
                yield file(number, **(true | noise | called))
