"""The toy's record: what it offers, and how a row of its list reads."""

from collections.abc import Sequence
from typing import Any

from strava_pipeline.core.providers import ProviderRow, ProviderSpec, UnreadableRowError, page_reader
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.start_times import read_start, start_fields

NAME = "toy"
SPORTS = {"cycle": "Ride", "jog": "Run"}
NUMBERS = {"metres": "distance", "seconds": "elapsed_time", "moving": "moving_time"}


def rows(content: Any) -> Sequence[Any]:
    if not isinstance(content, dict) or not isinstance(content.get("items"), list):
        raise UnreadableRowError("the page has no items")
    found: list[Any] = content["items"]
    return found


def read_row(item: Json) -> ProviderRow | None:
    if item.get("of"):
        return None  # another service's activity
    key, began = item.get("key"), read_start(item.get("begin"))
    if not isinstance(key, str) or not key:
        raise UnreadableRowError("it has no key", began)
    if began is None:
        raise UnreadableRowError("it has no start with an offset")
    known = {"key", "title", "begin", "zone", "kind", "bike", "strava", *NUMBERS}
    summary = {
        "name": item.get("title"),
        "sport_type": SPORTS.get(item.get("kind", ""), item.get("kind")),
        **start_fields(began, item.get("zone")),
        "gear_id": item.get("bike"),
        **{ours: item[theirs] for theirs, ours in NUMBERS.items() if theirs in item},
        **{name: value for name, value in item.items() if name not in known},
    }
    links = {STRAVA: str(item["strava"])} if item.get("strava") else {}
    return ProviderRow(key, {name: value for name, value in summary.items() if value is not None}, links)


def read_gear(content: Any) -> Sequence[tuple[str, Json]]:
    return [(item["key"], {"name": item["label"]}) for item in content]


SPEC = ProviderSpec(
    name=NAME,
    title="Toy",
    link="https://toy.example/{source_id}",
    precedence=6,
    priority=4,
    read_page=page_reader(NAME, rows, read_row),
    id_field="key",
    quiet_day_calls=2,  # whose login it is, and a page
    capabilities=frozenset({"windows", "files"}),
    edits=frozenset({"name"}),
    kinds={"gear": read_gear},
)
