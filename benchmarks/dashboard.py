"""Pages and API of the dashboard over N activities, each beside the queries that it runs, and what an idle dashboard takes.

A page's CPU is that of the whole answer: session, queries, HTML. Cold, nothing of it is kept, as on the first request of a day;
warm, it was asked for before; again, by a browser that has it. The floor runs its queries again and fetches all rows.
Five services have every activity, and every second one has a track. No printing.
"""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import requests

from benchmarks import insights
from benchmarks.place import Place
from strava_pipeline.core.providers import ReadPage
from strava_pipeline.core.sources import STRAVA

MOST_TIMES = 1.5  # aim for a cold page, in its queries
MOST_WARM = 20  # ms, aim for a page that was asked for before
MOST_FIRST = 700  # ms of CPU, aim for the first overview of a process
MOST_IDLE_MB = 150  # aim for a dashboard that has answered and waits
MOST_USED_MB = 180  # aim for one that has answered every page
PAGES = (
    "/",
    "/activities",
    "/activities?sport=Run",
    "/activities?sport=ride&min_distance=20000&sort=climb",
    "/activities/2",
    "/calendar/2025",
    "/calendar/2025-05",
    "/sync",
    "/month/2025-05",
    "/year/2025",
    "/why/distance",
    "/why/distance?from=2025-01-01&to=2025-12-31&sport=ride",
    "/fitness",
    "/records",
    "/segments",
    "/routes",
    "/tiles",
    "/map",
    "/gear",
    "/trips",
    "/providers",
    "/settings",
    "/backfill",
    "/api/activities",
    "/api/activities?limit=200",
    "/api/activities/2",
    "/api/activities/2/track",
    "/api/insights/2025",
    "/api/heat",
    "/api/tiles",
)
SERVICES = (STRAVA, "garmin", "intervals_icu", "ridewithgps", "wahoo")
_NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_ROUNDS = 5
_POINTS, _STEP = 240, 10  # of a track, and the seconds between two of them


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of CPU of an answer and of its queries, each the lowest of some rounds. `again`: None where it has no ETag."""

    cold: float
    bare: float
    queries: int
    warm: float
    again: float | None
    kilobytes: float

    @property
    def times(self) -> float | None:
        """The cold page in its queries; None where it runs none."""
        return self.cold / self.bare if self.queries else None

    def as_json(self) -> dict[str, float | None]:
        figures = {
            "cold_ms": self.cold,
            "queries_ms": self.bare,
            "queries": self.queries,
            "times": self.times,
            "warm_ms": self.warm,
            "again_ms": self.again,
            "kilobytes": self.kilobytes,
        }
        return {name: None if value is None else round(value, 2) for name, value in figures.items()}


@dataclass(frozen=True, slots=True)
class Measured:
    """Each address; of a dashboard's process the megabytes before its first page and after all, and the CPU of that page."""

    pages: dict[str, Cost]
    idle_mb: float
    first_ms: float
    after_mb: float

    def as_json(self) -> dict[str, Any]:
        pages = {path: cost.as_json() for path, cost in self.pages.items()}
        process = {name: round(getattr(self, name)) for name in ("idle_mb", "first_ms", "after_mb")}
        return {"pages": pages, **process}


class _Noting:
    """A connection that notes its queries."""

    def __init__(self, connection: Any, queries: list[tuple[Any, ...]]) -> None:
        self._connection, self._queries = connection, queries

    def execute(self, *query: Any) -> Any:
        self._queries.append(query)
        return self._connection.execute(*query)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class _NotedSnapshot:
    """A snapshot whose readers note their queries in `queries` unless that is None."""

    def __init__(self, snapshot: Any) -> None:
        self._snapshot = snapshot
        self.queries: list[tuple[Any, ...]] | None = None

    @contextmanager
    def reader(self) -> Iterator[Any]:
        with self._snapshot.reader() as connection:
            yield connection if self.queries is None else _Noting(connection, self.queries)

    reader_or_empty = reader  # there is a snapshot


def measure(folder: Path, count: int) -> Measured:
    """The costs of every page over `count` activities in a new folder."""
    place = Place(folder, "http://127.0.0.1:1")
    prepare(place, count)
    pages = _measure_pages(place)
    return Measured(pages, *_measure_process(place))


def prepare(place: Place, count: int) -> None:
    """Publish `count` activities of eighteen years, half of them with splits and with measured tracks."""
    from strava_pipeline.lake.gold.publish import publish
    from strava_pipeline.lake.gold.warehouse import writing
    from strava_pipeline.lake.made.routes import sync_routes
    from strava_pipeline.lake.made.tile_visits import sync_tile_visits
    from strava_pipeline.lake.made.track_measures import due_tracks, measure_tracks
    from strava_pipeline.lake.made.tracks import write_track

    insights.prepare(place.folder, count)
    insights.fill(place)
    _add_services(place)
    with writing(place.lake) as connection:
        found = connection.execute("SELECT id, year, start_date FROM activities WHERE id % 2 = 0").fetchall()
    for one, year, start in found:
        write_track(place.lake, year, one, 7, "strava", [_track(one, start)], f"strava:{one}")
    with writing(place.lake) as connection:
        due = due_tracks(place.lake, connection, {year for _, year, _ in found})
    for each in due:
        measure_tracks(place.lake, each)
    sync_tile_visits(place.lake)
    sync_routes(place.lake)
    publish(place.lake)


def _add_services(place: Place) -> None:
    """Let the other services have every activity, too, half of them under another name, and each one's listing be complete."""
    from strava_pipeline.lake.bronze.listing import begin_listing
    from strava_pipeline.lake.bronze.manifests import Window
    from strava_pipeline.lake.gold.notes import mark_changed
    from strava_pipeline.lake.gold.warehouse import writing

    with writing(place.lake) as connection:
        for number, source in enumerate(SERVICES[1:], start=1):
            connection.execute(_COPY.format(number=number, source=source))
        connection.execute(_MEMBERS)
        mark_changed(connection)
    for source in SERVICES:
        window = Window(mode="all", after=None, before=None)
        listing = begin_listing(place.lake, window, athlete_id=None, at=_NOW, source=source)
        listing.land(ReadPage([]), b"[]", {}, _NOW, place.years)
    tables = [f"[providers.{name}]\n" + ("" if name == STRAVA else "enabled = true\n") for name in SERVICES]
    place.settings.providers_config.write_text("\n".join(tables))


_COPY = """
    INSERT INTO activities_all BY NAME
    SELECT * REPLACE (
        -(id * 10 + {number}) AS id,
        '{source}' AS source,
        (id * 10 + {number})::VARCHAR AS source_id,
        CASE WHEN id % 2 = 0 THEN 'Round the lake' ELSE name END AS name,
        NULL AS athlete_id,
        distance + {number} AS distance
    ) FROM activities_all WHERE source = 'strava'
"""
_MEMBERS = """
    INSERT INTO activity_members BY NAME
    SELECT
        id,
        CASE WHEN id > 0 THEN id ELSE -id // 10 END AS activity_id,
        CASE WHEN id > 0 THEN 0 ELSE -id % 10 END AS place,
        7 AS athlete_id,
        source
    FROM activities_all
"""


def _track(number: int, start: datetime) -> Any:
    import polars as pl

    seconds = range(0, _POINTS * _STEP, _STEP)
    south, west = 47 + number % 89 * 5e-3, 11 + number % 97 * 5e-3
    return pl.DataFrame(
        {
            "recorded_at": [start + timedelta(seconds=second) for second in seconds],
            "latitude": [south + second * 2.5e-5 for second in seconds],
            "longitude": [west + second * 1e-5 for second in seconds],
            "distance": [second * 3.0 for second in seconds],
            "heartrate": [float(110 + (number + second) % 60) for second in seconds],
            "watts": [float(120 + (number + second) % 150) for second in seconds],
        }
    )


def _measure_pages(place: Place) -> dict[str, Cost]:
    from starlette.testclient import TestClient

    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.dashboard import DashboardPipeline
    from strava_pipeline.serve.dashboard.app import build_dashboard
    from strava_pipeline.serve.dashboard.records.database import database_of, migrate

    settings, days = place.settings, count()
    today = [_NOW]
    migrate(database_of(settings), Lake(settings.data_dir).state)
    pipeline = DashboardPipeline(settings)
    app = build_dashboard(settings, pipeline, now=lambda: today[0], say=lambda line: None)
    site = app.state.site
    noted = _NotedSnapshot(site.snapshot)
    object.__setattr__(pipeline, "snapshot", noted)  # its queries are those of the page that asks it
    object.__setattr__(site, "snapshot", noted)
    found = {}

    def cold(browser: Any, path: str) -> Any:
        today[0] = _NOW + timedelta(days=next(days))  # nothing is kept from another day
        return browser.get(path)

    with TestClient(app, f"http://{settings.dashboard_address}") as browser:
        browser.headers["Sec-Fetch-Site"] = "same-origin"
        for path in PAGES:
            browser.cookies.set(site.cookie, site.records.begin_session(today[0]), path="/")
            queries: list[tuple[Any, ...]] = []
            noted.queries = queries
            answer = cold(browser, path)
            if answer.status_code != 200:
                raise RuntimeError(f"{path} was answered with {answer.status_code}.")
            noted.queries = None
            tag = {"If-None-Match": answer.headers["etag"]} if "etag" in answer.headers else None
            first = _least(lambda path=path: cold(browser, path))  # type: ignore[misc]
            bare = _least(lambda asked=queries: _run(site.snapshot, asked))  # type: ignore[misc]
            warm = _least(lambda path=path: browser.get(path))  # type: ignore[misc]
            if tag is not None:
                tag["If-None-Match"] = browser.get(path).headers["etag"]
            again = None if tag is None else _least(lambda path=path, tag=tag: browser.get(path, headers=tag))  # type: ignore[misc]
            found[path] = Cost(first, bare, len(queries), warm, again, len(answer.content) / 1000)
    site.records.close()
    return found


def _run(snapshot: Any, queries: list[tuple[Any, ...]]) -> None:
    with snapshot.reader() as connection:
        for query in queries:
            connection.execute(*query).fetchall()


def _least(work: Callable[[], object]) -> float:
    costs = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        work()
        costs.append((time.process_time() - began) * 1000)
    return min(costs)


def _measure_process(place: Place) -> tuple[float, float, float]:
    """Of `strava-pipeline dashboard`: resident MB once it listens, CPU ms of its first page, MB after every page. Linux."""
    from strava_pipeline.serve.dashboard.process import new_link

    settings = place.settings
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    environment = {
        **os.environ,
        "STRAVA_DATA_DIR": str(settings.data_dir),
        "STRAVA_SECRETS_DIR": str(settings.secrets_dir),
        "STRAVA_LOGS_DIR": str(settings.logs_dir),
        "DASHBOARD_ADDRESS": address,
    }
    command = [sys.executable, "-m", "strava_pipeline", "dashboard"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            if address not in (said := process.stderr.readline()):
                raise RuntimeError(f"The dashboard did not start: {said}")
            with requests.Session() as browser:
                browser.get(f"http://{address}/login", timeout=60)
                idle = _resident(process.pid)
                link, began = new_link(settings, f"http://{address}", datetime.now(UTC)), _cpu(process.pid)
                browser.get(link, timeout=60).raise_for_status()  # leads to the overview
                first = _cpu(process.pid) - began
                for path in PAGES:
                    browser.get(f"http://{address}{path}", timeout=60).raise_for_status()
            return idle, first, _resident(process.pid)
        finally:
            process.terminate()


def _cpu(pid: int) -> float:
    """Milliseconds of CPU that a process and the children that it waited for have taken."""
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
    return sum(map(int, times)) * 1000 / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    """MB of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 / 1e6 if found else 0.0
