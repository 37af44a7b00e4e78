"""activities.csv as Strava writes it: a display block in the athlete's language, then a raw block in SI units.

Languages and columns are those of core/files; what Strava knows about an activity comes from its detail.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from strava_pipeline.core.files.export_columns import SPORTS_IN_METRES, ExportColumn, columns, sport_names
from strava_pipeline.emulator.documents import epoch_of
from strava_pipeline.emulator.errors import EmulatorConfigError
from strava_pipeline.emulator.wire import Json

_COLUMNS = {"en": 99, "nl": 99, "de": 92}  # as in real exports of 2024 and 2025
_MONTHS = {
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(),  # noqa: SIM905
    "nl": "jan feb mrt apr mei jun jul aug sep okt nov dec".split(),  # noqa: SIM905
}


@dataclass(frozen=True, slots=True)
class Layout:
    """How the list is written. `columns`: as many as the archives of a year had; None: the newest of the language."""

    language: str = "en"
    columns: int | None = None

    def __post_init__(self) -> None:
        if self.language not in _COLUMNS:
            raise EmulatorConfigError(f"An archive is written in one of {', '.join(_COLUMNS)}, not {self.language!r}.")
        most = len(columns()) - 1
        if self.columns is not None and not 86 <= self.columns <= most:
            raise EmulatorConfigError(f"An archive has 86 to {most} columns, not {self.columns}.")

    def header(self) -> list[ExportColumn]:
        """The columns in order; Media stays the last."""
        *before, media = [column for column in columns() if column.block != "odd"]
        return [*before[: (self.columns or _COLUMNS[self.language]) - 1], media]

    def text(self, rows: Sequence[Sequence[str]]) -> bytes:
        """The file."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([column.name(self.language) for column in self.header()])
        writer.writerows(rows)
        return out.getvalue().encode()


def listed(detail: Json, filename: str, pictures: Sequence[str], layout: Layout, gear: Mapping[str, Json]) -> list[str]:
    """The row of an activity. Of a dataset's one that lacks much, the cells are empty."""
    gear_id = detail.get("gear_id") or ""
    worn = gear.get(gear_id, {})
    start = epoch_of(detail["start_date"])
    sport = detail.get("sport_type") or detail.get("type") or "Workout"
    known: dict[str, Any] = {
        **{name: value for name, value in detail.items() if isinstance(value, bool | int | float)},
        "start_date": _date(start, layout.language),
        "name": detail.get("name"),
        "description": detail.get("description"),
        "sport_type": sport_names().get(sport, {}).get(layout.language, sport),
        "elapsed_time_shown": detail.get("elapsed_time"),
        "distance_shown": _distance(detail.get("distance"), sport, layout.language),
        "max_heartrate_shown": _rounded(detail.get("max_heartrate")),
        "suffer_score_shown": _rounded(detail.get("suffer_score")),
        "commute_shown": "true" if detail.get("commute") else "false",
        "gear_name": worn.get("nickname") or worn.get("name"),
        "filename": filename,
        "bike": _number(gear_id, "b"),
        "shoes": _number(gear_id, "g"),
        "from_upload": None if detail.get("manual") else True,
        "media": "|".join(pictures),
    }
    return [_cell(column, known.get(column.field)) for column in layout.header()]


def _cell(column: ExportColumn, value: Any) -> str:
    if value is None:
        return ""
    if column.block == "raw" and isinstance(value, bool | int | float):
        return str(float(value))
    return str(value)


def _date(epoch: int, language: str) -> str:
    at = datetime.fromtimestamp(epoch, UTC)
    if language == "de":
        return f"{at:%d.%m.%Y, %H:%M:%S}"
    month = _MONTHS[language][at.month - 1]
    if language == "nl":
        return f"{at.day} {month} {at:%Y, %H:%M:%S}"
    return f"{month} {at.day}, {at.year}, {at.hour % 12 or 12}:{at:%M:%S} {'AM' if at.hour < 12 else 'PM'}"


def _number(gear_id: str, kind: str) -> float | None:
    """The number of a bike (b…) or of shoes (g…), as its column has it."""
    return float(gear_id[1:]) if gear_id[:1] == kind and gear_id[1:].isdecimal() else None


def _distance(metres: float | None, sport: str, language: str) -> str:
    """As shown: kilometres cut to two decimals, or whole metres; with the language's marks."""
    if not metres:
        return "" if metres is None else "0"
    text = f"{metres:,.0f}" if sport in SPORTS_IN_METRES else f"{int(metres / 10) / 100:,.2f}"
    return text if language == "en" else text.translate(str.maketrans(",.", ".,"))


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)
