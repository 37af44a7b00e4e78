"""What of a container is to be kept: files of activities, the lists that tell of them, their pictures. Nothing lands here.

The rest of an archive (log-ins, contacts, messages) is nobody's business and is left where it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from strava_pipeline.core.size_limits import ImportLimits
from strava_pipeline.ingest.archive.api_json import ApiObject, ObjectKind, is_json, read_objects
from strava_pipeline.ingest.archive.bulk_export import BulkExport, activity_format, bulk_exports
from strava_pipeline.ingest.archive.container import Container
from strava_pipeline.ingest.archive.entry import Entry, Fault, Oversized, by_kind

Role = Literal["list", "gear", "activity", "objects", "media"]
ACTIVITY_OBJECTS = frozenset({ObjectKind.SUMMARY, ObjectKind.DETAIL, ObjectKind.RUNNING_PAGE})
_GEAR = ("bikes.csv", "shoes.csv")


@dataclass(frozen=True, slots=True)
class Contents:
    """What is to be kept of a container, in the order of names; and what stood in the way of the rest."""

    entries: tuple[tuple[Role, Entry], ...]
    oversized: tuple[Oversized, ...] = ()
    athletes: Mapping[str, int] = field(default_factory=dict)  # whose each list is, by the list's name
    left_out: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # names of entries of which nothing is kept, by kind
    exports: tuple[BulkExport, ...] = field(default=(), repr=False)


def contents(container: Container, limits: ImportLimits = ImportLimits()) -> Contents:
    """Names are enough to tell, but for the lists and for JSON, which are read. SourceError for a list that is not Strava's."""
    exports = tuple(bulk_exports(container, refuse_foreign=True))
    roles = _roles(container, exports, limits)
    kept = tuple((roles[entry.name], entry) for entry in container.entries if entry.name in roles)
    return Contents(
        entries=kept,
        oversized=tuple(each for each in container.oversized if activity_format(each.name)),
        athletes={export.list_name: export.athlete_id for export in exports if export.athlete_id is not None},
        left_out=by_kind(entry.name for entry in container.entries if entry.name not in roles),
        exports=exports,
    )


def _roles(container: Container, exports: tuple[BulkExport, ...], limits: ImportLimits) -> Mapping[str, Role]:
    names = {entry.name for entry in container.entries}
    roles: dict[str, Role] = {}
    routes = tuple(f"{export.root}routes/" for export in exports)
    for name in names:
        if activity_format(name) and not name.startswith(routes):
            roles[name] = "activity"
    for entry in container.entries:
        if is_json(entry.name) and any(True for _ in activity_objects([entry], limits)):
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
    """The objects of `entries` that are activities; what can't be read is left out."""
    for each in read_objects(entries, limits):
        if not isinstance(each, Fault) and each.kind in ACTIVITY_OBJECTS:
            yield each
