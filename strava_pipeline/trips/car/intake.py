"""The intake's part for phones: an inbox, the routes of pings.py, and the live state of live.py.

The latter two load DuckDB and Polars, 60 MB that an intake of webhooks alone does not need; so they are imported only
if there are pings.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.routing import Route

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.inbox import Inbox

if TYPE_CHECKING:
    from strava_pipeline.trips.car.live import Live
    from strava_pipeline.trips.car.rules.lines import Oracle
    from strava_pipeline.trips.car.rules.people import People


class Phones:
    """The phones whose pings are accepted, the source of their cars' answers, and whether these follow a script. `now`:
    this machine's time.
    """

    name, below = "pings", "/pings/"
    _live: "Live"

    def __init__(
        self, people: "People", oracle: "Oracle", now: Callable[[], datetime], *, scripted: bool = False
    ) -> None:
        self._people, self._oracle, self._now, self._scripted = people, oracle, now, scripted

    def inbox(self, lake: Lake) -> Path:
        return lake.inbox_pings

    def routes(self, lake: Lake, inbox: Inbox) -> list[Route]:
        from strava_pipeline.trips.car.live import Live
        from strava_pipeline.trips.car.pings import Pings

        self._live = Live(lake, self._oracle, inbox.keep_line, self._now)
        return Pings(self._people, inbox, self._live, self._now, scripted=self._scripted).routes()

    async def begin(self) -> None:
        await self._live.begin(self._people)

    async def close(self) -> None:
        await self._live.close()


@contextmanager
def receivers(settings: Settings, scripted: Path | None, now: Callable[[], datetime]) -> Iterator[list[Phones]]:
    """The phones of cars.toml, if it exists. `scripted`: a file of scenarios that answers for cars and routers."""
    if not settings.takes_pings:
        yield []
        return
    from strava_pipeline.trips.car.people_file import people_in
    from strava_pipeline.trips.car.reading.connect import oracle_of

    people = people_in(settings.pings_config)
    with oracle_of(settings, people, scripted) as oracle:
        yield [Phones(people, oracle, now, scripted=scripted is not None)]
