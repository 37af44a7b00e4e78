"""`/api/heat`: where the athlete went most, as cells of a map or as lines. Positions: in answers alone, never in a log."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from strava_pipeline.lake.dashboard.heat import EARTH, MOST_CELLS, Box, heat_map
from strava_pipeline.lake.dashboard.heat_lines import heat_lines
from strava_pipeline.serve.dashboard.answers import (
    After,
    Digits,
    cursor_of,
    json_answer,
    only_known_parameters,
    page_shape,
    shape,
)
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.site import CurrentLake, Snapshot, shown_owner, site_of

router = APIRouter(prefix="/api/heat", dependencies=[Depends(only_known_parameters)], tags=["heat"])
_WRONG = "`box` is a part of the map, written west,south,east,north in degrees: 16.1,48.0,16.6,48.4"
Year = Annotated[int | None, Query(ge=1900, le=2999, description="a local year; by default all"), Digits]
Sport = Annotated[str | None, Query(min_length=1, max_length=64, description="a group of sports, such as ride")]
Part = Annotated[str | None, Query(max_length=200, description="only this part: west,south,east,north in degrees")]
Zoom = Annotated[int, Query(ge=0, le=30, description="of the tiles that cells are, or the next finer one"), Digits]
LineZoom = Annotated[
    int, Query(ge=20, le=28, description="of the tiles: eight more than that of a map, for its pixels"), Digits
]
_CELLS = page_shape("Heat", zoom=int, cells=dict[str, int])
_LINES = shape("HeatTracks", zoom=int, lines=dict[str, list[list[int]]], is_whole=bool)
MOST_ACROSS = 16_384  # tiles of lines: four screens of the finest kind
Limit = Annotated[int, Query(ge=1, le=MOST_CELLS, description="how many cells at most"), Digits]


def box_of(text: str | None) -> Box:
    """The part of the map that a query asks for; None: all of it. Raises ProblemError, without what was sent."""
    if text is None:
        return EARTH
    try:
        west, south, east, north = map(float, text.split(","))
    except ValueError:
        raise ProblemError(400, f"{_WRONG}.", errors={"box": "not four numbers"}) from None
    if not all(abs(each) <= 360 for each in (west, south, east, north)):  # nor is nan; maps go on beyond 180
        raise ProblemError(400, f"{_WRONG}.", errors={"box": "not four numbers of degrees"})
    if west > east or south > north:
        raise ProblemError(400, f"{_WRONG}.", errors={"box": "west lies beyond east, or south beyond north"})
    return Box(west, south, east, north)


def _athlete(request: Request) -> int:
    owner = shown_owner(site_of(request))
    return 0 if owner is None else owner.athlete.id


Athlete = Annotated[int, Depends(_athlete)]  # 0: there is no activity yet


@router.get("", response_model=_CELLS, dependencies=[KEPT])
def heat(
    snapshot: Snapshot,
    lake: CurrentLake,
    who: Athlete,
    year: Year = None,
    sport: Sport = None,
    box: Part = None,
    zoom: Zoom = 18,
    limit: Limit = MOST_CELLS,
    cursor: After = None,
) -> Response:
    """The cells of a part of the map, those with most activities first, and the cursor of the next page."""
    part, after = box_of(box), cursor_of(cursor)
    found = heat_map(snapshot, lake, who, year=year, sport_group=sport, box=part, zoom=zoom, limit=limit, after=after)
    return json_answer({"zoom": found.zoom, "cells": found.by_place, "next": found.next})


def small_box_of(text: str | None, zoom: int) -> Box:
    """The part of the map that a query asks for the lines of. Raises ProblemError where it is too large."""
    part = box_of(text)
    if max(part.east - part.west, part.north - part.south) / 360 * 2**zoom > MOST_ACROSS:
        why = f"is wider than {MOST_ACROSS:,} tiles of its zoom"
        raise ProblemError(400, f"`box` {why}: lines are of a small part of the map.", errors={"box": why})
    return part


@router.get("/lines", response_model=_LINES, dependencies=[KEPT])
def lines(
    snapshot: Snapshot,
    lake: CurrentLake,
    who: Athlete,
    box: Part = None,
    zoom: LineZoom = 23,
    year: Year = None,
    sport: Sport = None,
) -> Response:
    """The tracks through a part of the map, those of the newest activities."""
    part = small_box_of(box, zoom)
    found = heat_lines(snapshot, lake, who, box=part, zoom=zoom, year=year, sport_group=sport)
    return json_answer({"zoom": zoom, "lines": found.lines, "is_whole": found.is_whole})
