"""The query of a list of activities: the same names for the page, its CSV and `/api/activities`.

Bounds are in metres and seconds, or with `units` in a person's units. A parameter without a value, as forms send it, is
ignored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from pydantic import BaseModel, BeforeValidator, Field, model_validator

from strava_pipeline.core.insights.goals import METRES_PER_FOOT, METRES_PER_MILE, Units
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lookups.activity_list import TEXTS, After, Selection, Sort, UnknownChoiceError, known_choices
from strava_pipeline.lookups.rows import CursorError, Values
from strava_pipeline.serve.dashboard.answers import Day, Digits, refuse_reversed, unusable_cursor
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.tokens import refuse_places

ROWS = 50  # per page
BOUNDS = ("distance", "time", "climb")
Order = Literal["asc", "desc"]
YesNo = Literal["true", "false"]
_SCALES: Mapping[Units | None, tuple[float, float, float]] = {  # of the bounds, in their order: metres, seconds, metres
    None: (1, 1, 1),
    "km": (1000, 60, 1),
    "miles": (METRES_PER_MILE, 60, METRES_PER_FOOT),
}


def _amount(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value, re.ASCII):
        raise ValueError("an amount is 0 or more and below 1,000,000,000, and is written as 12 or 12.5")
    return value


Amount = Annotated[float | None, BeforeValidator(_amount)]


class ListQuery(BaseModel):
    """The parameters of a list of activities."""

    from_: Day | None = Field(None, alias="from", description="first local day, as 2026-10-01")
    to: Day | None = Field(None, description="last local day, included")
    sport: str | None = Field(None, max_length=64, description="a sport, or a group such as ride")
    search: str | None = Field(None, max_length=200, description="a part of the name")
    place: str | None = Field(None, max_length=200, description="a part of the name of the place")
    source: str | None = Field(None, max_length=64, description="one of the sources that have it, such as strava")
    gear: str | None = Field(None, max_length=200, description="its gear, as `item` of /api/gear, or as strava:b1234")
    commute: YesNo | None = Field(None, description="whether it is marked as a commute")
    tag: str | None = Field(None, max_length=50, description="one of the tags that you gave it")
    corrected: YesNo | None = Field(None, description="whether you corrected it")
    counts: YesNo | None = Field(None, description="whether it is in totals")
    visibility: Literal["everyone", "followers_only", "only_me"] | None = Field(None, description="who may see it")
    min_distance: Amount = Field(None, description="metres, or kilometres or miles by `units`")
    max_distance: Amount = Field(None, description="likewise, included")
    min_time: Amount = Field(None, description="seconds in motion, or minutes with `units`")
    max_time: Amount = Field(None, description="likewise, included")
    min_climb: Amount = Field(None, description="metres, or metres or feet by `units`")
    max_climb: Amount = Field(None, description="likewise, included")
    activity: Annotated[int | None, Digits] = Field(None, ge=-(2**63) + 1, le=2**63 - 1, description="this one alone")
    units: Units | None = Field(None, description="of the bounds: km (km, min, m) or miles (mi, min, ft); else m and s")
    sort: Sort = Field("date", description="what the rows are sorted by; those without it come last")
    order: Order | None = Field(None, description="asc or desc; unless said, texts from A, all else from the greatest")
    cursor: str | None = Field(None, max_length=1000, description="`next` of the page before")

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, values: Any) -> Any:
        return {name: each for name, each in values.items() if each != ""} if isinstance(values, dict) else values

    @property
    def selection(self) -> Selection:
        """The selection in the query, in metres and seconds."""
        scales = dict(zip(BOUNDS, _SCALES[self.units], strict=True))
        bounds = {
            f"{end}_{name}": round(value * scales[name], 6)
            for name in BOUNDS
            for end in ("min", "max")
            if (value := getattr(self, f"{end}_{name}")) is not None
        }
        return Selection(
            self.from_,
            self.to,
            self.sport,
            self.search,
            self.place,
            self.source,
            self.gear,
            _said(self.commute),
            self.tag,
            _said(self.corrected),
            _said(self.counts),
            self.visibility,
            **bounds,
            activity=self.activity,
            sort=self.sort,
            descending=(self.order or _usual_order(self.sort)) == "desc",
        )


class ApiListQuery(ListQuery):
    """The same of the API."""

    limit: Annotated[int, Field(ge=1, le=500, description="how many at most"), Digits] = ROWS


def _said(text: YesNo | None) -> bool | None:
    return None if text is None else text == "true"


def _usual_order(sort: Sort) -> Order:
    return "asc" if sort in TEXTS else "desc"


@dataclass(frozen=True, slots=True)
class Asked:
    """A requested list.

    Args:
        query: its parameters.
        given: these as written, by name; without the cursor and defaults.
        is_clean: whether the address contained nothing else.
        limit: the maximum number of rows in a page.
    """

    query: ListQuery
    given: Mapping[str, str]
    is_clean: bool
    limit: int

    @property
    def selection(self) -> Selection:
        return self.query.selection

    @property
    def after(self) -> After | None:
        """The beginning of the page. Raises ProblemError."""
        try:
            return After.parse(self.query.cursor, self.selection) if self.query.cursor else None
        except CursorError as error:
            raise unusable_cursor(str(error)) from None

    @property
    def has_filter(self) -> bool:
        return bool(self.selection.wanted)

    @property
    def more(self) -> int:
        """The number of parameters that the form shows only when it is opened."""
        return len(self.given.keys() - {"search", "sport", "from", "to", "units"})

    def address(self, path: str = "/activities", **others: str | None) -> str:
        """The address of the same list; `others`: parameters to replace."""
        query = {name: text for name, text in {**self.given, **others}.items() if text}
        return f"{path}?{urlencode(query)}" if query else path

    def sorted_address(self, sort: Sort) -> str:
        """The address of the same list sorted by a column; if it already is, in reverse order."""
        order = _usual_order(sort)
        if sort == self.query.sort and (order == "desc") == self.selection.descending:
            order = "asc" if order == "desc" else "desc"
        is_usual = order == _usual_order(sort)
        return self.address(sort=None if sort == "date" else sort, order=None if is_usual else order)

    def fields(self, units: Units) -> dict[str, str]:
        """The form's values, by name; bounds in the athlete's units."""
        shown = {name: self.given.get(name, "") for name in (_name(field) for field in ListQuery.model_fields)}
        shown |= {"sort": self.query.sort, "units": units}
        if self.query.units != units:
            scales = dict(zip(BOUNDS, _SCALES[units], strict=True))
            for name, value in self.selection.wanted.items():
                if (measure := name.removeprefix("min_").removeprefix("max_")) in scales:
                    shown[name] = f"{round(value / scales[measure], 3):.12g}"
        return shown


def _name(field: str) -> str:
    return ListQuery.model_fields[field].alias or field


def _asked(request: Request, query: ListQuery, limit: int) -> Asked:
    refuse_places(request, query.place is not None or query.sort == "place")
    for first, last in (("from_", "to"), *((f"min_{name}", f"max_{name}") for name in BOUNDS)):
        refuse_reversed(getattr(query, first), getattr(query, last), first.rstrip("_"), last)
    known = [_name(field) for field in ListQuery.model_fields]
    written = {name: text for name, text in request.query_params.items() if name in known and name != "cursor"}
    usual = {
        "sort": query.sort == "date",
        "order": query.order == _usual_order(query.sort),
        "units": not any(name.startswith(("min_", "max_")) for name, text in written.items() if text),
    }
    given = {name: text for name, text in written.items() if text and not usual.get(name)}
    return Asked(query, given, given == written, limit)


def _of_page(request: Request, query: Annotated[ListQuery, Query()]) -> Asked:
    return _asked(request, query, ROWS)


def _of_api(request: Request, query: Annotated[ApiListQuery, Query()]) -> Asked:
    return _asked(request, query, query.limit)


AskedList = Annotated[Asked, Depends(_of_page)]
AskedOfApi = Annotated[Asked, Depends(_of_api)]


def known_selection(asked: Asked, snapshot: Connection, choices: Values | None = None) -> Selection:
    """What is asked for, as `known_choices` has it. Raises ProblemError."""
    try:
        return known_choices(snapshot, asked.selection, choices)
    except UnknownChoiceError as error:
        raise ProblemError(400, str(error), errors={error.name: error.why}) from None
