"""Rows of tables as CSV, for programs and for spreadsheets: values as in JSON, an empty cell for NULL."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from strava_pipeline.core.text import plain

# How begins what spreadsheets compute (owasp.org/www-community/attacks/CSV_Injection); in a regular expression the hyphen is last
FORMULA = "=+@\t\r\n＝＋－＠-"


def csv_text(rows: Iterable[Sequence[Any]], *, as_text: bool) -> str:
    """The rows as CSV, one line each.

    `as_text`: prefix texts that a spreadsheet would compute with an apostrophe, which spreadsheets read as "this is
    text".

        csv_text([("name", "km"), ("=1+1", 5)], as_text=True)
    """
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(
        ["" if value is None else _cell(value, as_text) for value in row] for row in rows
    )
    return written.getvalue()


def _cell(value: Any, as_text: bool) -> Any:
    shown = plain(value)
    if as_text and isinstance(shown, str) and shown and shown[0] in FORMULA:
        return f"'{shown}"
    return json.dumps(shown, ensure_ascii=False) if isinstance(shown, bool | list | dict) else shown
