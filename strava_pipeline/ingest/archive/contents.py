"""The entries of a container that an import keeps.

Kept are activity files, the lists about them (Strava's, and other services') and their pictures; the rest of an archive
(log-ins, contacts, messages) is never copied. Nothing lands here; the kept entries' activities are import_reader.py's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from strava_pipeline.core.files.garmin_days import days_reader
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.ingest.archive.api_json import ApiObject, ObjectKind, is_json, read_objects
from strava_pipeline.ingest.archive.apple_health import health_lists
from strava_pipeline.ingest.archive.bulk_export import BulkExport, activity_format, bulk_exports
from strava_pipeline.ingest.archive.container import Container
from strava_pipeline.ingest.archive.entry import Entry, Fault, Oversized, names_by_ending
from strava_pipeline.ingest.archive.service_lists import (
    ServiceList,
    is_passed_over,
    service_lists,
    unread_exports,
)
from strava_pipeline.ingest.archive.uploads import is_in_uploads, may_be_activity

Role = Literal["list", "gear", "activity", "objects", "media", "service_list", "wellness"]
ACTIVITY_OBJECTS = frozenset({ObjectKind.SUMMARY, ObjectKind.DETAIL, ObjectKind.RUNNING_PAGE})
_GEAR = ("bikes.csv", "shoes.csv")


@dataclass(frozen=True, slots=True)
class Contents:
    """The kept entries of a container, in the order of names, and the others."""

    entries: tuple[tuple[Role, Entry], ...]
    oversized: tuple[Oversized, ...] = ()
    athletes: Mapping[str, int] = field(default_factory=dict)  # the athlete of each list, by the list's name
    # names of entries from which nothing is kept, by ending
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exports: tuple[BulkExport, ...] = field(default=(), repr=False)
    service_lists: tuple[ServiceList, ...] = field(default=(), repr=False)  # of other services' exports
    faults: tuple[Fault, ...] = ()  # of the lists, and of recordings in formats that are not read


def contents(container: Container, limits: ImportLimits = ImportLimits(), *, with_days: bool = False) -> Contents:
    """The kept entries of a container, chosen by names; only lists, tables and JSON are read. `with_days`: also days and nights.

    Raises SourceError for an unreadable list that may be Strava's.
    """
    exports = tuple(bulk_exports(container, refuse_foreign=True))
    health = health_lists(container, limits, with_days=with_days)
    container.forget_size({each.document for each in health})
    of_days = [each.days for each in health if each.days is not None]
    entries = [*container.entries, *(each.entry for each in health), *of_days]
    lists = tuple(service_lists(entries, {export.list_name for export in exports}))
    roles: dict[str, Role] = {**_roles(container, exports, limits), **{each.name: "service_list" for each in lists}}
    if with_days:
        days = [*of_days, *(each for each in container.entries if days_reader(each.name) is not None)]
        roles |= dict.fromkeys((each.name for each in days), "wellness")
    kept = tuple((roles[entry.name], entry) for entry in entries if entry.name in roles)
    known = roles.keys() | {each.document for each in health}
    left = [entry for entry in container.entries if entry.name not in known]
    return Contents(
        entries=kept,
        oversized=tuple(file for file in container.oversized if activity_format(file.name)),
        athletes={export.list_name: export.athlete_id for export in exports if export.athlete_id is not None},
        left_out=names_by_ending(entry.name for entry in left),
        exports=exports,
        service_lists=lists,
        faults=(
            *(each for export in exports for each in export.faults),
            *(each for one in lists for each in one.faults),
            *unread_exports(left, {export.root for export in exports}),
        ),
    )


def _roles(container: Container, exports: tuple[BulkExport, ...], limits: ImportLimits) -> Mapping[str, Role]:
    names = {entry.name for entry in container.entries}
    roles: dict[str, Role] = {}
    routes = tuple(f"{export.root}routes/" for export in exports)
    for name in names:
        if activity_format(name) and not name.startswith(routes):
            roles[name] = "activity"
    for entry in container.entries:
        if is_in_uploads(entry.name) and not may_be_activity(entry):
            roles.pop(entry.name, None)
    for entry in container.entries:
        if (
            is_json(entry.name)
            and not is_passed_over(entry.name)
            and any(True for _ in activity_objects([entry], limits))
        ):
            roles[entry.name] = "objects"
    for export in exports:
        roles[export.list_name] = "list"
        roles |= {export.root + name: "gear" for name in _GEAR if export.root + name in names}
        roles |= {
            export.root + name: "media"
            for row in export.activities.rows
            for name in row.media
            if export.root + name in names
        }
    return roles


def activity_objects(entries: list[Entry], limits: ImportLimits) -> Iterator[ApiObject]:
    """The objects of `entries` that are activities; unreadable ones are left out."""
    for found in read_objects(entries, limits):
        if not isinstance(found, Fault) and found.kind in ACTIVITY_OBJECTS:
            yield found
