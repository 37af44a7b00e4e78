"""`/api/heat`: where the athlete went most, as cells of a map or as lines. Positions: in answers alone, never in a log."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from strava_pipeline.lookups.heat import EARTH, MOST_CELLS, Box, heat_map
from strava_pipeline.lookups.heat_lines import heat_lines
from strava_pipeline.serve.dashboard.answers import (
    CURSOR,
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
_CELLS = page_shape("Heat", zoom=int, cells=dict[str, int])
_LINES = shape("HeatTracks", zoom=int, lines=dict[str, list[list[int]]], is_whole=bool)
MOST_ACROSS = 16_384  # tiles of lines: four screens of the finest kind


Part = Annotated[str | None, Field(max_length=200, description="only this part: west,south,east,north in degrees")]


class MapQuery(BaseModel):
    """The parameters of a request for a map."""

    sport: str | None = Field(None, min_length=1, max_length=64, description="a group of sports, such as ride")


class LinesQuery(MapQuery):
    """The same of tracks."""

    box: Part = None
    year: Annotated[int | None, Field(ge=1900, le=2999, description="a local year; by default all"), Digits] = None
    zoom: Annotated[
        int, Field(ge=20, le=28, description="of the tiles: eight more than that of a map, for its pixels"), Digits
    ] = 23


class CellsQuery(LinesQuery):
    """The same of cells."""

    zoom: Annotated[
        int, Field(ge=0, le=30, description="of the tiles that cells are, or the next finer one"), Digits
    ] = 18
    limit: Annotated[int, Field(ge=1, le=MOST_CELLS, description="how many cells at most"), Digits] = MOST_CELLS
    cursor: str | None = CURSOR


def box_of(text: str | None) -> Box:
    """The part of the map in a query; None for all of it. Raises ProblemError, without the received text."""
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
def heat(snapshot: Snapshot, lake: CurrentLake, who: Athlete, asked: Annotated[CellsQuery, Query()]) -> Response:
    """The cells of a part of the map, those with most activities first, and the cursor of the next page."""
    found = heat_map(
        snapshot,
        lake,
        who,
        year=asked.year,
        sport_group=asked.sport,
        box=box_of(asked.box),
        zoom=asked.zoom,
        limit=asked.limit,
        after=cursor_of(asked.cursor),
    )
    return json_answer({"zoom": found.zoom, "cells": found.by_place, "next": found.next})


def small_box_of(text: str | None, zoom: int) -> Box:
    """The part of the map in a query for lines. Raises ProblemError if it is too large."""
    part = box_of(text)
    if max(part.east - part.west, part.north - part.south) / 360 * 2**zoom > MOST_ACROSS:
        why = f"is wider than {MOST_ACROSS:,} tiles of its zoom"
        raise ProblemError(400, f"`box` {why}: lines are of a small part of the map.", errors={"box": why})
    return part


@router.get("/lines", response_model=_LINES, dependencies=[KEPT])
def lines(snapshot: Snapshot, lake: CurrentLake, who: Athlete, asked: Annotated[LinesQuery, Query()]) -> Response:
    """The tracks through a part of the map, those of the newest activities."""
    part, zoom = small_box_of(asked.box, asked.zoom), asked.zoom
    found = heat_lines(snapshot, lake, who, box=part, zoom=zoom, year=asked.year, sport_group=asked.sport)
    return json_answer({"zoom": zoom, "lines": found.lines, "is_whole": found.is_whole})
