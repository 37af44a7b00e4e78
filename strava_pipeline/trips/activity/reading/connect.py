"""From settings to the objects for reading trips: the open source, the keys and the router; and the checks of `doctor`.

The address of a request to the router contains positions, so nothing of it is logged: a run reports how many trips got
no route, and why. A trip without a route is complete all the same.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from strava_pipeline.core.errors import MissingSettingsError, PipelineError, TransientError
from strava_pipeline.core.facts import Fact, ok, problem, skipped
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.http import Wire, small_wire
from strava_pipeline.ingest.places import NO_ANSWER, PATIENCE, Failures, ask_route
from strava_pipeline.trips.activity.reading.keys import NO_KEYS, SETTING, KeyRing, keys_text
from strava_pipeline.trips.activity.reading.opening import open_source
from strava_pipeline.trips.activity.reading.read import read_bundles
from strava_pipeline.trips.activity.reading.source import Filters, TripSource
from strava_pipeline.trips.activity.rules.bundle import Bundle, State
from strava_pipeline.trips.activity.rules.track import Position, waypoints

NO_SOURCE = (
    "No source of trips. Name one with --source or TRIPS_SOURCE: sqlite:///path/to/file, parquet:///path/to/file or "
    "postgresql://user@host:5432/database."
)


def trip_url(settings: Settings, url: str | None = None) -> str:
    """`url`, else TRIPS_SOURCE, for callers that open the source themselves. Raises MissingSettingsError."""
    named = url or settings.trips_source
    if not named:
        raise MissingSettingsError(NO_SOURCE)
    return named


def trip_source(settings: Settings, url: str | None = None) -> TripSource:
    """The source at `url`, or else at TRIPS_SOURCE. Raises MissingSettingsError, MisuseError, SourceError."""
    return open_source(trip_url(settings, url), settings.trip_limits)


def trip_keys(settings: Settings) -> KeyRing:
    """The keys of TRIPS_KEYS_FILE, of TRIPS_FERNET_KEYS, or else of TRIPS_KEYS_COMMAND. Raises MissingSettingsError."""
    if settings.trips_keys_file is not None:
        return KeyRing.from_file(settings.trips_keys_file)
    if settings.trips_fernet_keys is not None:
        return KeyRing.from_text(settings.trips_fernet_keys.get_secret_value())
    if settings.trips_keys_command is not None:
        return KeyRing.from_text(keys_text(settings.trips_keys_command), f"what {SETTING} prints")
    raise MissingSettingsError(NO_KEYS)


Answers = dict[str, tuple[bytes, float | None]]
"""By external id, a hash of the question and the metres of the route; None: the server knows no route."""
UNANSWERED = b""  # instead of the hash
Routes = Callable[[Sequence[Bundle], Answers], Mapping[str, float]]


@contextmanager
def trip_routes(settings: Settings) -> Iterator[Routes]:
    """A function that asks TRIPS_OSRM_URL for routes, as `Router.routes`. Without the setting it returns none."""
    if not settings.trips_osrm_url:
        yield lambda _, __: {}
        return
    router = Router(settings.trips_osrm_url, small_wire(settings, PATIENCE))
    try:
        yield router.routes
    finally:
        router.log_failures()


SOURCE, KEYS = "trips: source", "trips: keys"
_LATEST_TRIPS = 20  # on which the keys are tried


def trips_health(settings: Settings) -> list[Fact]:
    """The source and the keys, tested on the latest trips."""
    try:
        with trip_source(settings) as source:
            trips = sum(count for *_, count in source.counts().groups)
            return [ok(SOURCE, f"{source.name} opens, {trips} trips"), _keys(settings, source)]
    except PipelineError as error:
        return [problem(SOURCE, f"{error}", "Correct TRIPS_SOURCE or what it names."), skipped(KEYS, "no source")]


def _keys(settings: Settings, source: TripSource) -> Fact:
    try:
        keys = trip_keys(settings)
    except PipelineError as error:
        return problem(KEYS, f"{error}", "Correct TRIPS_KEYS_FILE, TRIPS_FERNET_KEYS or TRIPS_KEYS_COMMAND.")
    states = [
        bundle.decryption.locations
        for batch in read_bundles(source, keys, Filters(limit=_LATEST_TRIPS))
        for bundle in batch
    ]
    tokens = [state for state in states if state is not State.ABSENT]
    if tokens and all(state is State.UNDECRYPTABLE for state in tokens):
        fix = "Put the key that wrote them in front of the others in TRIPS_KEYS_FILE, TRIPS_FERNET_KEYS or TRIPS_KEYS_COMMAND."
        return problem(KEYS, f"none of the {keys.count} keys opens any of the latest {len(tokens)} trips.", fix)
    return ok(
        KEYS, f"{keys.count}, and they open the latest trips" if tokens else f"{keys.count}; no trip to try them on"
    )


TRIES = 2  # of one request that got no answer
GIVE_UP = (
    3  # trips in a row without an answer: then the server is down, and waiting for it at each trip would take hours
)


class Router:
    """One server for the length of a run; afterwards, `log_failures` reports problems."""

    def __init__(self, url: str, wire: Wire) -> None:
        self._url = url.rstrip("/")
        self._wire = wire
        self._failures = Failures()
        self._unanswered = 0  # trips in a row that got no answer

    def routes(self, bundles: Sequence[Bundle], known: Answers | None = None) -> dict[str, float]:
        """Metres by external id, for the trips with a route.

        `known`: earlier answers, which are not asked for again; it gets the new ones.
        """
        known, found = {} if known is None else known, dict[str, float]()
        for name, points in waypoints(bundles).items():
            question = hashlib.sha256(f"{self._url} {points}".encode()).digest()
            if name not in known or known[name][0] != question:
                metres, is_answer = self._length(points)
                known[name] = (question if is_answer else UNANSWERED, metres)
            if (metres := known[name][1]) is not None:
                found[name] = metres
        return found

    def log_failures(self) -> None:
        """Log one WARNING, if any trip got no route."""
        self._failures.log("trips without a route from TRIPS_OSRM_URL")

    def _length(self, points: Sequence[Position]) -> tuple[float | None, bool]:
        """Metres, if there is a route, and whether the server answered."""
        found = NO_ANSWER if self._unanswered == GIVE_UP else self._ask(points)
        if isinstance(found, str):
            self._failures[found] += 1
            return None, found != NO_ANSWER and not found.startswith("status")  # such as 503: it may answer later
        return found, True

    def _ask(self, points: Sequence[Position]) -> float | str:
        """Metres, or why there is no route."""
        for _ in range(TRIES):
            try:
                found = ask_route(self._wire, self._url, "bike", points)
            except TransientError:
                continue
            except PipelineError:  # a bad certificate or address
                break
            self._unanswered = 0
            return found
        self._unanswered += 1
        return NO_ANSWER
