"""Whether gold is what the source said: every field of every summary and detail, with all that it nests."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from strava_pipeline.core.tables import ACTIVITIES_ALL, ACTIVITY_DETAILS, CHILDREN
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.core.fidelity import differences
from strava_pipeline_tests.lake.bronze import rows


def summary_differences(lake: Lake, summaries: Sequence[dict[str, Any]]) -> list[str]:
    """What `activities_all` says otherwise than `summaries`, and which rows are missing or too many."""
    found = {row["id"]: row for row in rows(lake)}
    problems = _unequal("activities_all", (each["id"] for each in summaries), found)
    for each in summaries:
        if each["id"] in found:
            problems += [f"{each['id']} {text}" for text in differences(each, found[each["id"]], ACTIVITIES_ALL)]
    return problems


def detail_differences(lake: Lake, details: Sequence[dict[str, Any]]) -> list[str]:
    """The same for `activity_details` and the tables of what they nest."""
    found = {row["activity_id"]: row for row in rows(lake, "activity_details")}
    problems = _unequal("activity_details", (each["id"] for each in details), found)
    for each in details:
        if each["id"] in found:
            said = differences(each, found[each["id"]], ACTIVITY_DETAILS, apart=CHILDREN)
            problems += [f"{each['id']} {text}" for text in said]
    for name, (table, position) in CHILDREN.items():
        nested = defaultdict(list)
        for row in rows(lake, table.name, order=f"activity_id, {position}"):
            nested[row["activity_id"]].append(row)
        problems += _unequal(table.name, (each["id"] for each in details if each.get(name)), nested)
        for each in details:
            items, held = each.get(name) or [], nested[each["id"]]
            if [row[position] for row in held] != list(range(1, len(items) + 1)):
                problems.append(f"{each['id']} {name}: {len(held)} rows for {len(items)} items")
                continue
            for place, (item, row) in enumerate(zip(items, held, strict=True), start=1):
                problems += [f"{each['id']} {name}[{place}] {text}" for text in differences(item, row, table)]
    return problems


def _unequal(table: str, said: Iterable[int], found: Iterable[int]) -> list[str]:
    said, found = sorted(said), sorted(found)
    return [] if said == found else [f"{table}: {found} instead of {said}"]
