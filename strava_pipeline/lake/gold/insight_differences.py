"""A check of data/insights/<year>/: its files against sums from the warehouse."""

from collections.abc import Sequence
from datetime import date
from math import isclose
from typing import Any

from strava_pipeline.core.insights.documents import MILES_PER_KM
from strava_pipeline.core.insights.pacing import latest_day
from strava_pipeline.core.sports import FILE_SPORTS, chosen_sports
from strava_pipeline.lake.gold.insights import DISTANCES, PACING, SUMMARY, Athlete, insight_sources, read_insights
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql


def insight_differences(
    connection: Connection,
    lake: Lake,
    athlete: Athlete,
    numbers: Sequence[int],
    today: date,
    sports: str = FILE_SPORTS,
) -> dict[int, list[str]]:
    """How the years' files differ from the warehouse, by year; counts and names, no positions. Equal ones are left out.

    `sports`: sports and groups, with commas, that summary_activities.json and distances.json count.
    """
    chosen = chosen_sports([sports], insight_sources(connection, athlete, today).sports)
    asked = {
        "years": numbers,
        "athlete_id": athlete.id,
        "sports": [sport or "" for sport in chosen],
        "until": latest_day(today),
    }
    sums = {row[0]: row[1:] for row in connection.execute(sql("insights_made/compared"), asked).fetchall()}
    found = {number: _faults(read_insights(lake, number), sums.get(number, (0, None, [], None))) for number in numbers}
    return {number: faults for number, faults in found.items() if faults}


def _faults(files: dict[str, Any], sums: tuple[Any, ...]) -> list[str]:
    if missing := sorted({SUMMARY, DISTANCES, PACING} - files.keys()):
        return [f"{name} is missing or damaged" for name in missing]
    try:
        return _differences(files, *sums)
    except (AttributeError, KeyError, TypeError):
        return ["a file is JSON of another shape"]


def _differences(
    files: dict[str, Any], activities: int, distance_m: float | None, ids: list[int], of_sports_m: float | None
) -> list[str]:
    miles = (of_sports_m or 0.0) / 1000 * MILES_PER_KM
    listed = sorted(one for day in files[SUMMARY].values() for one in day["activity_ids"])
    series = files[DISTANCES]["distance_traveled"]
    everything = files[PACING]["groups"].get("all", {})
    compared = (
        (f"activities in {SUMMARY}", listed, ids),
        (f"miles in {SUMMARY}", sum(day["distance_miles"] for day in files[SUMMARY].values()), miles),
        (f"miles in {DISTANCES}", series[-1]["y"] if series else 0.0, miles),
        (f"activities in {PACING}", _total(everything, "activities"), activities),
        (f"metres in {PACING}", _total(everything, "distance_m"), distance_m or 0.0),
    )
    return [
        f"{what}: {_shown(here)}, in the warehouse {_shown(there)}"
        for what, here, there in compared
        if not _same(here, there)
    ]


def _total(measures: dict[str, Any], name: str) -> float:
    measure = measures.get(name)
    return float(measure["total"]) if measure else 0.0


def _same(here: Any, there: Any) -> bool:
    return here == there if isinstance(here, list) else isclose(here, there, rel_tol=1e-9, abs_tol=1e-6)


def _shown(value: Any) -> str:
    return str(len(value)) if isinstance(value, list) else f"{value:.3f}"
