"""intervals.icu's list of activities, activities.csv: UTF-8 with a BOM, columns by the names of its API. Pure.

The cells become values of JSON, and the provider's own reader does the rest: so a row gives the same as the API, and
its link is the API's id. Body data (weight, resting heart rate, thresholds) is left out, as there. Checked on a real
file of 86 columns.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from strava_pipeline.core.files.archive_csv import csv_records
from strava_pipeline.core.files.export_values import decimal_sign, raw_number
from strava_pipeline.core.providers import ProviderRow, UnreadableRowError
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.start_times import read_start
from strava_pipeline.ingest.archive.exports.rows import ServiceRow, ServiceRows
from strava_pipeline.ingest.intervals_icu.record import NAME, read_row

_MARKS = {"id", "start_date_local", "type", "icu_training_load"}
_TEXTS = frozenset({"id", "name", "type", "sub_type", "external_id", "description", "timezone", "file_type", "gear"})
_RENAMED = {"icu_normalized_watts": "icu_weighted_avg_watts"}  # to the API's name
_BODY = ("hr_z", "hr_max", "p_max", "threshold_pace", "icu_ftp", "icu_w_prime", "icu_pm_", "icu_resting_hr", "lthr")
"""Prefixes of columns about the athlete's body, not the activity; columns of seconds in zones don't count."""


def is_intervals(titles: Sequence[str]) -> bool:
    """Whether these are the titles of intervals.icu's activities.csv."""
    return set(titles) >= _MARKS


def read_intervals(body: bytes) -> ServiceRows:
    """The rows in their order, without stubs of Strava's activities. Never raises, whatever the file contains."""
    records = csv_records(body)
    titles = [_RENAMED.get(title, title) for title in records[0]] if records else []
    rows: list[ServiceRow] = []
    unreadable = withheld = 0
    numbers = (
        text for record in records[1:] for title, text in zip(titles, record, strict=False) if title not in _TEXTS
    )
    decimal = decimal_sign(numbers)
    for record in records[1:]:
        item = {
            title: value
            for title, text in zip(titles, record, strict=False)
            if (value := _value(title, text, decimal)) is not None
        }
        is_of_strava = str(item.get("id", "")).isdigit()  # its own ids begin with a letter
        if is_of_strava and "type" not in item:
            withheld += 1
            continue
        try:
            row = read_row(item)
        except UnreadableRowError:
            unreadable += 1
            continue
        if isinstance(row, ProviderRow):
            links = {**row.links, NAME: row.source_id, **({STRAVA: row.source_id} if is_of_strava else {})}
            rows.append(_row(row, item, links))
    faults = [f"{unreadable} of its rows have no id or no start"] if unreadable else []
    faults += [f"{withheld} of its rows say nothing of activities that came from Strava"] if withheld else []
    return ServiceRows(rows, faults)


def _row(row: ProviderRow, item: Mapping[str, Any], links: Mapping[str, str]) -> ServiceRow:
    fields = {name: value for name, value in row.summary.items() if name != "manual"}
    if isinstance(gear := item.get("gear"), str):
        fields["gear_name"] = gear
    elapsed = fields.get("elapsed_time")
    began: datetime | None = read_start(fields.get("start_date"))
    return ServiceRow(f"{NAME}:{row.source_id}", fields, began=began, elapsed_s=elapsed, links=links)


def _value(title: str, text: str, decimal: str | None) -> Any:
    """A cell as the API would give it: text, a number, true or false; None if it is empty or about the athlete's body."""
    if not text.strip() or (title.startswith(_BODY) and not title.endswith("_secs")):
        return None
    if title in _TEXTS:
        return text
    if text in ("true", "false"):
        return text == "true"
    number = raw_number(text, decimal)
    return text if number is None else int(number) if number.is_integer() and "." not in text else number
