"""The map: where the athlete went, by sport and year. From afar its lines are pictures, close up those of `/api/heat/lines`."""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BeforeValidator
from starlette.responses import HTMLResponse, Response

from strava_pipeline.lookups.heat import heat_choices
from strava_pipeline.lookups.heat_picture import FINEST, heat_picture, heat_view
from strava_pipeline.serve.dashboard.answers import Digits
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentOwner, Snapshot, site_of

router = APIRouter(include_in_schema=False)
_Unset = BeforeValidator(lambda value: value or None)  # a form also sends its empty fields
_Year = Annotated[int | None, Query(ge=1900, le=2999), Digits, _Unset]  # in this order: None has no bounds
_Sport = Annotated[str, Query(max_length=64)]
_COLOUR = "[0-9a-f]{6}"
_Colours = Annotated[str, Query(pattern=f"^{_COLOUR}(-{_COLOUR}){{3}}$")]  # of the page's style sheet
_Levels = Annotated[str, Query(pattern=r"^[1-9]\d{0,5}(-[1-9]\d{0,5}){2}$")]


@dataclass(frozen=True, slots=True)
class _Choice:
    """The values of the form."""

    year: _Year = None
    sport: _Sport = ""

    @property
    def query(self) -> str:
        values = {"year": self.year, "sport": self.sport}
        return urlencode({name: value for name, value in values.items() if value})

    @property
    def chosen(self) -> dict[str, Any]:
        return {"year": self.year, "sport_group": self.sport or None}


@dataclass(frozen=True, slots=True)
class _Square:
    """A square of the map, as Leaflet numbers them, and how it is drawn: numbers and colours with a dash between them."""

    zoom: Annotated[int, Path(ge=0, le=FINEST), Digits]
    column: Annotated[int, Path(ge=0, lt=2**FINEST), Digits]
    row: Annotated[int, Path(ge=0, lt=2**FINEST), Digits]
    levels: _Levels
    colours: _Colours

    @property
    def drawn(self) -> dict[str, Any]:
        return {
            "square": (self.zoom, self.column, self.row),
            "levels": [int(each) for each in self.levels.split("-")],
            "colours": [bytes.fromhex(each) for each in self.colours.split("-")],
        }


Choice = Annotated[_Choice, Depends()]
Square = Annotated[_Square, Depends()]


@router.get("/map", dependencies=[KEPT])
def heat(request: Request, snapshot: Snapshot, lake: CurrentLake, owner: CurrentOwner, choice: Choice) -> HTMLResponse:
    """The map, of a sport and a year or of all."""
    view = heat_view(snapshot, lake, owner.athlete.id, **choice.chosen)
    values = {"choice": choice, "choices": heat_choices(snapshot, lake, owner.athlete.id), "view": view}
    values["first_year"] = site_of(request).settings.first_year  # its tracks lie with those of earlier years
    return render(request, "map.html", values)


@router.get("/map/{zoom}/{column}/{row}.png", dependencies=[KEPT])
def picture(snapshot: Snapshot, lake: CurrentLake, owner: CurrentOwner, choice: Choice, square: Square) -> Response:
    """The lines in a square of the map."""
    made = heat_picture(snapshot, lake, owner.athlete.id, **square.drawn, **choice.chosen)
    return Response(made, media_type="image/png")
