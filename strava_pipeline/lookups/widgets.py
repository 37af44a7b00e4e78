"""A person's own cards: the `.sql` files in `data/widgets`, and the rows of their queries, each run in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import strava_pipeline
from strava_pipeline.core.text import printable
from strava_pipeline.core.widgets import Drawn, Widget, WidgetError, WidgetRows, drawn, is_name, read_widget
from strava_pipeline.lake.gold.publish import snapshot_file
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups import widget_process

MOST = 50  # widgets
LARGEST = 64_000  # bytes of a file
SECONDS = 2.0  # of computing that a query gets
PATIENCE = 20.0  # seconds until a process that isn't computing is ended
_ENDED_BY_OTHERS = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT)


class UnansweredError(WidgetError):
    """The query failed now but may succeed at another time."""


@dataclass(frozen=True, slots=True)
class WidgetFiles:
    """Widgets by name, in the order of their files. `faults`: by the name of a file why it can't be a widget, for a person."""

    widgets: Mapping[str, Widget]
    faults: Mapping[str, str]


def widget_files(lake: Lake) -> WidgetFiles:
    """The widgets in the folder, without editors' files, whose names begin with a dot."""
    widgets: dict[str, Widget] = {}
    faults: dict[str, str] = {}
    names = sorted(name for name in _names(lake.widgets) if name.endswith(".sql") and not name.startswith("."))
    for name in names[:MOST]:
        try:
            widget = _read(lake.widgets / name)
            widgets[widget.name] = widget
        except WidgetError as error:
            faults[_shown(name)] = str(error)
    if len(names) > MOST:
        faults[f"{len(names) - MOST} more"] = f"Only the first {MOST} files are read."
    return WidgetFiles(widgets, faults)


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:  # missing, or not a folder
        return []


def _shown(name: str) -> str:
    """A file's name as a text that can be sent, whatever its bytes are."""
    return printable(os.fsencode(name).decode("utf-8", "replace"))


def _read(path: Path) -> Widget:
    """The widget of a file. Raises WidgetError."""
    name = path.name.removesuffix(".sql")
    if not is_name(name):
        raise WidgetError("A name has letters of English, digits, - and _ before .sql, 64 at most. Rename the file.")
    try:
        if not path.is_file():  # a pipe would be waited for without end
            raise WidgetError("It is no file.")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise WidgetError(f"It can't be read ({type(error).__name__}).") from None
    if len(content) > LARGEST:
        raise WidgetError(f"It is larger than {LARGEST // 1000} kB.")
    try:
        return read_widget(name, content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise WidgetError("It is not UTF-8 text.") from None


def drawn_widget(lake: Lake, widget: Widget) -> Drawn:
    """A widget as shown, or its error. Raises UnansweredError, NothingPublishedError."""
    try:
        return drawn(widget, widget_rows(lake, widget, SECONDS))
    except UnansweredError:
        raise
    except WidgetError as error:
        return Drawn(fault=str(error))


def widget_rows(lake: Lake, widget: Widget, seconds: float) -> WidgetRows:
    """The rows of a widget's query on the published snapshot, within `seconds` of computing.

    Raises WidgetError, NothingPublishedError.
    """
    asked = {"snapshot": str(snapshot_file(lake).absolute()), "statement": widget.statement, "seconds": seconds}
    try:
        done = subprocess.run(
            [sys.executable, "-m", widget_process.__name__],
            input=json.dumps(asked).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
            cwd=Path(strava_pipeline.__file__).parents[1],  # so that this very package is imported
            # not the own one, which has secrets; with an arena for each thread, malloc would take 64 MB of addresses each time
            env={"MALLOC_ARENA_MAX": "1"},
        )
    except subprocess.TimeoutExpired:
        raise UnansweredError(f"It did not answer within {PATIENCE:.0f} seconds. Is this machine busy?") from None
    if done.returncode == -signal.SIGPROF:
        raise WidgetError(f"It took longer than {seconds:g} seconds. Let it read fewer rows.")
    if done.returncode in _ENDED_BY_OTHERS:
        raise UnansweredError("Its process was ended by this machine. Load the page again.")
    if done.returncode != 0:
        raise WidgetError(
            "DuckDB ended by it; it may have needed too much memory. Let it make fewer or shorter values."
        )
    found = json.loads(done.stdout)
    if "fault" in found:
        raise WidgetError(printable(found["fault"]))
    rows = [[printable(cell) if isinstance(cell, str) else cell for cell in row] for row in found["rows"]]
    return WidgetRows([printable(column) for column in found["columns"]], rows, found["has_more"])
