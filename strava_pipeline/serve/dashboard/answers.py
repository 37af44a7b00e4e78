"""Shared parts of the JSON API's routes: values as answers, their shapes, and unknown query parameters as errors."""

import hashlib
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Path, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, Field, create_model
from starlette.responses import Response

from strava_pipeline.core.tables import Kind, Table
from strava_pipeline.lookups.rows import Cursor, CursorError
from strava_pipeline.serve.dashboard.problems import ProblemError

_AS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The value as JSON: instants in ISO with Z, whole numbers as they are, NaN as null. Records are objects."""
    return Response(orjson.dumps(value, _plain, _AS), status, headers, media_type="application/json")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


Row = dict[str, Any]
"""An object whose fields are in the data dictionary, or in docs/formats.md."""
Rows = dict[str, Row]
_TYPES: dict[Kind, Any] = {
    Kind.BIGINT: int,
    Kind.DOUBLE: float,
    Kind.BOOLEAN: bool,
    Kind.TEXT: str,
    Kind.INSTANT: datetime,
    Kind.WALL: datetime,
    Kind.DATE: date,
    Kind.TEXTS: list[str],
}


def shape(name: str, /, **fields: Any) -> type[BaseModel]:
    """The shape of an answer in the OpenAPI document, from the types of its fields. No answer is made or checked by it."""
    defined: dict[str, Any] = {field: (kind, ...) for field, kind in fields.items()}
    return create_model(name, **defined)


def page_shape(name: str, /, **fields: Any) -> type[BaseModel]:
    """The shape of a page of a collection."""
    return shape(name, **fields, next=Annotated[str | None, Field(description="`cursor` of the next page")])


def row_shape(table: Table, **others: Any) -> type[BaseModel]:
    """The shape of a row of a table, with the catalogue's texts about its columns; `others`: further fields."""
    fields = {
        each.name: Annotated[
            _TYPES[each.kind] if each.key else _TYPES[each.kind] | None, Field(description=each.meaning)
        ]
        for each in table.columns
    }
    return shape(table.name, **fields, **others)


def only_known_parameters(request: Request) -> None:
    """A dependency of each router: an unknown query parameter, or one that is given twice, is an error."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    known = [*parameters_of(route.dependant)]
    given = [name for name, _ in request.query_params.multi_items()]
    if not {*given} <= {*known}:
        here = f"Those here: {', '.join(known)}." if known else "This address takes none."
        raise ProblemError(400, f"There is a query parameter that this address does not know. {here}")
    if twice := sorted({name for name in given if given.count(name) > 1}):
        raise ProblemError(
            400, f"Given more than once: {', '.join(twice)}.", errors=dict.fromkeys(twice, "more than once")
        )


def parameters_of(dependant: Dependant) -> Iterator[str]:
    """The names of a route's query parameters, including those of its dependencies."""
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (each.alias or name for name, each in kind.model_fields.items())
        else:
            yield field.alias
    for each in dependant.dependencies:
        yield from parameters_of(each)


def _of_day(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise ValueError("a day is written 2026-10-31")
    return value


Day = Annotated[date, BeforeValidator(_of_day)]


def _of_digits(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"-?(0|[1-9]\d*)", value, re.ASCII):
        raise ValueError("a number is written with digits alone")
    return value


Digits = BeforeValidator(_of_digits)
"""Accepts one spelling of a number in a path or a query; pydantic also accepts `+1`, `1.0` and `1_0`.

It follows the bounds of the number, which the OpenAPI document would otherwise lack.
"""
Limit = Annotated[int, Query(ge=1, le=500, description="how many at most"), Digits]
After = Annotated[str | None, Query(alias="cursor", max_length=100, description="`next` of the page before")]
CURSOR: Any = Field(None, max_length=100, description="`next` of the page before")  # the same in a model of parameters
MONTH = r"^[12][0-9]{3}-(0[1-9]|1[0-2])$"
Month = Annotated[str, Path(pattern=MONTH, description="a local month, as 2026-10")]
Id = Annotated[int, Path(ge=-(2**63) + 1, le=2**63 - 1), Digits]


def cursor_of(text: str | None) -> Cursor | None:
    """The cursor of a query. Raises ProblemError."""
    try:
        return None if text is None else Cursor.parse(text)
    except CursorError as error:
        raise unusable_cursor(str(error)) from None


def unusable_cursor(fault: str) -> ProblemError:
    why = f"{fault}: give `next` of the page before, unchanged, or begin without a cursor"
    return ProblemError(400, f"The cursor is not usable: {why}.", errors={"cursor": why})


Key = TypeVar("Key", bound=Hashable)
Outer = TypeVar("Outer", bound=Hashable)
Thing = TypeVar("Thing")


def page_of(
    found: Mapping[Key, Thing], limit: int, after: str | None, wanted: Callable[[Thing], bool] = lambda thing: True
) -> tuple[dict[Key, Thing], str | None]:
    """A page of a completely read collection, and the cursor of the next page, or None after the last one.

    The cursor identifies an item of the whole collection, wanted or not, so that it stays usable when that item is
    changed. Raises ProblemError for an unknown cursor.
    """
    keys, begin = [*found], 0
    if after is not None:
        begin = next((place for place, key in enumerate(keys, 1) if _mark(key) == after), 0)
        if begin == 0:
            raise unusable_cursor("it is no cursor of a page, or what it stands for is gone")
    rest = [key for key in keys[begin:] if wanted(found[key])]
    page = {key: found[key] for key in rest[:limit]}
    return page, _mark(rest[limit - 1]) if len(rest) > limit else None


def _mark(key: Hashable) -> str:
    """A short mark for a key with a possibly long text."""
    return hashlib.sha256(repr(key).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def nested(page: Mapping[tuple[Outer, Key], Thing]) -> dict[Outer, dict[Key, Thing]]:
    """Items with two keys as objects by the first key, each with its items by the second."""
    found: dict[Outer, dict[Key, Thing]] = {}
    for (outer, key), thing in page.items():
        found.setdefault(outer, {})[key] = thing
    return found


def refuse_reversed(first: Any, last: Any, name: str = "from", name_of_last: str = "to") -> None:
    """Raise an error for a range that ends before it begins. The names: of its two parameters."""
    if first is not None and last is not None and first > last:
        why = f"beyond `{name_of_last}`"
        raise ProblemError(400, f"The range ends before it begins: `{name}` is {why}.", errors={name: why})
