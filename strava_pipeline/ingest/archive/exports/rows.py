"""An activity as a row of another service's own export, in Strava's shape, alone and combined with its file. Pure.

The athlete's words there (name, sport, description) count before the words of the file; the device's measurements count
before the numbers of the row, which are rounded copies, unless the row holds the device's measurements. How each
service's rows read is up to the modules in this folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from strava_pipeline.core.providers import NOT_COUNTED
from strava_pipeline.core.rows import Json
from strava_pipeline.core.start_times import clock_text

_WRITTEN = ("name", "sport_type", "description", "workout_type")
"""The fields in which the athlete's word counts."""
_MEASURED = (
    "start_date",
    "start_date_local",
    "utc_offset",
    "timezone",
    "elapsed_time",
    "moving_time",
    "distance",
    "average_speed",
)


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """A row of a service's list.

    Args:
        source_id: the service and its own id, such as `runkeeper:1c2d…`.
        fields: the fields of Strava's DetailedActivity that the row gives, without `id`.
        files: the names of its recordings, relative to the folder of the list, in the order of time: each a part of the track.
        began: its start (UTC), by which the recording is found where rows name no files.
        elapsed_s: how long it took, in seconds.
        is_measured: whether start, times and distance are the device's own: they count before those of the points.
        is_part: whether it is a part of a longer activity, such as the run of a triathlon, which another row is.
        links: its ids at services that this program can ask, by service.
    """

    source_id: str
    fields: Json = field(repr=False)
    files: Sequence[str] = ()
    began: datetime | None = None
    elapsed_s: float | None = None
    is_measured: bool = False
    is_part: bool = False
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def sport(self) -> str | None:
        """Strava's sport, or the service's word if Strava has none."""
        return self.fields.get("sport_type") or self.fields.get("sport")

    def with_links(self, fields: Json) -> dict[str, Any]:
        """`fields` with the ids at other services."""
        return {**fields, **({"links": dict(self.links)} if self.links else {})}

    def over(self, recorded: Json) -> dict[str, Any]:
        """The activity of a recording, with better values from the row, and values that the recording lacks."""
        written = {name: self.fields[name] for name in _WRITTEN if self.fields.get(name) is not None}
        left_out = {NOT_COUNTED} if self.is_part else set()  # its recordings are the parts, so these count
        missing = {
            name: value for name, value in self.fields.items() if recorded.get(name) is None and name not in left_out
        }
        whole = {**recorded, **missing, **written, **self._measured(recorded), "service_row": self.source_id}
        moving, elapsed = whole.get("moving_time"), whole.get("elapsed_time")
        if moving is not None and elapsed is not None and moving > elapsed:
            whole["moving_time"] = elapsed
        return self.with_links(whole)

    def _measured(self, recorded: Json) -> dict[str, Any]:
        """The row's values that count before the recording's; without a clock in the row, the start's clock is by the
        recording's place.
        """
        if not self.is_measured:
            return {}
        found = {name: self.fields[name] for name in _MEASURED if name in self.fields}
        offset = recorded.get("utc_offset")
        if self.began is not None and offset is not None and "start_date_local" not in self.fields:
            found["start_date_local"] = clock_text(self.began + timedelta(seconds=offset))
        return found


@dataclass(frozen=True, slots=True)
class ServiceRows:
    """The rows of one list.

    Args:
        rows: in their order.
        faults: as sentences without a value.
        by_start: whether recordings are found by the second of their start, and not by a name in the row.
    """

    rows: Sequence[ServiceRow] = ()
    faults: Sequence[str] = ()
    by_start: bool = False
