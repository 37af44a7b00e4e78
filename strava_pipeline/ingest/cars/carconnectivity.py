"""Cars asked through CarConnectivity (github.com/tillsteinbach/CarConnectivity), which knows the services of several makers.

It is an optional package, imported when it is needed. What a vehicle says is vehicle.py's. Of the package only what it takes to
ask is used: it polls nothing on its own, its plugins stay off, and the positions that it would send to OpenStreetMap's geocoder
of its own accord stay here.
"""

import importlib
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from strava_pipeline.core.errors import PipelineError, SourceError
from strava_pipeline.ingest.cars.reading import Reading, Trouble
from strava_pipeline.ingest.cars.vehicle import forget_times, said_by

log = logging.getLogger(__name__)

FRESH = timedelta(seconds=10)
"""How long one fetch serves: it brings all cars of a login, and each is asked on its own."""

PAUSE = timedelta(minutes=15)
"""Without a question to a service that refused the login, or wants a rest: trying makes it worse. The package's pause, too."""

_CLOSING = 1.0  # seconds that the end of a process waits for a question under way
_TROUBLES = {
    "TooManyRequestsError": Trouble.TOO_MANY,
    "AuthenticationError": Trouble.LOGIN,
    "ConfigurationError": Trouble.MISCONFIGURED,
    "CarConnectivityError": Trouble.UNAVAILABLE,  # RetrievalError, APIError, …
    "RequestException": Trouble.UNAVAILABLE,
    "OSError": Trouble.UNAVAILABLE,
}
_RESTING = (Trouble.LOGIN, Trouble.TOO_MANY, Trouble.MISCONFIGURED)


@dataclass(frozen=True, slots=True)
class _Noted:
    """What went wrong with one connector, or before there were any (None), and until when it isn't tried again."""

    connector: Any
    trouble: Trouble
    until: datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


class CarConnectivityCars:
    """Asks for the cars of `vins` (by user and car), with the package's own configuration file `config`.

    `tokens`: where logins are kept from one process to the next; without it each one logs in anew. Raises PipelineError where
    the package isn't installed, SourceError for a configuration that can't be read. The login comes with the first question.
    """

    def __init__(
        self,
        config: Path,
        vins: Mapping[tuple[str, str], str],
        *,
        tokens: Path | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._module = _imported()
        self._config, self._vins, self._tokens, self._now = _read(config), dict(vins), tokens, now
        self._lock = threading.Lock()
        self._service: Any = None
        self._fetched_at: datetime | None = None
        self._troubles: dict[str, _Noted] = {}  # by the connector's name
        self._warned: set[Trouble] = set()

    def ask(self, car_id: str, at: datetime, user_id: str) -> Reading:
        asked_at, vin = self._now(), self._vins.get((user_id, car_id))
        if vin is None:
            return Reading(car_id, asked_at, asked_at, error=Trouble.UNKNOWN_CAR)
        with self._lock:
            try:
                self._fetch()
                found = self._reading(car_id, vin, asked_at)
            except Exception as error:  # noqa: BLE001 - whatever the package does, the tracker goes on
                found = Reading(car_id, asked_at, self._now(), error=self._trouble(error))
        return found

    def close(self) -> None:
        """Keep the logins. Gives up where a question hangs."""
        if not self._lock.acquire(timeout=_CLOSING):
            return
        try:
            service, self._service = self._service, None
            with suppress(Exception):
                if service is not None:
                    service.shutdown()
        finally:
            self._lock.release()

    def _reading(self, car_id: str, vin: str, asked_at: datetime) -> Reading:
        vehicle = self._service.garage.get_vehicle(vin) if self._service is not None else None
        for noted in self._troubles.values():
            if vehicle is None or noted.connector is None or noted.connector in vehicle.managing_connectors:
                return Reading(car_id, asked_at, self._now(), error=noted.trouble)
        if vehicle is None:
            return Reading(car_id, asked_at, self._now(), error=Trouble.UNKNOWN_CAR)
        said = said_by(vehicle)
        return Reading(
            car_id,
            asked_at,
            self._now(),
            said.measured_at,
            said.is_parked,
            said.odometer_km,
            said.lat,
            said.lng,
        )

    def _fetch(self) -> None:
        """Ask every maker's service, unless that was done a moment ago; one that fails leaves the others' cars alone."""
        if self._fetched_at is not None and abs(self._now() - self._fetched_at) <= FRESH:
            return
        if self._service is None:
            self._try("", None, self._open)
        if self._service is not None:
            for vehicle in self._service.garage.list_vehicles():
                forget_times(vehicle)
            for name, connector in list(self._service.connectors.connectors.items()):
                self._try(name, connector, connector.fetch_all)
        if not self._troubles:
            self._warned.clear()
        self._fetched_at = self._now()

    def _try(self, name: str, connector: Any, act: Callable[[], object]) -> None:
        """`act`, unless it lately came to a trouble that wants a pause. What goes wrong is noted."""
        before = self._troubles.get(name)
        if before is not None and self._now() < before.until:
            return
        try:
            act()
        except Exception as error:  # noqa: BLE001 - told with each car that it concerns
            trouble = self._trouble(error)
            until = self._now() + (PAUSE if trouble in _RESTING else timedelta())
            self._troubles[name] = _Noted(connector, trouble, until)
        else:
            self._troubles.pop(name, None)

    def _open(self) -> None:
        """Make the package's main object, which logs in. Without its `startup`, which polls for ever in threads of its own."""
        config = deepcopy(self._config)
        section = config["carConnectivity"]
        section["plugins"] = []
        for connector in section.get("connectors", []):
            # unsaid it is the age of a poll, minutes: too old an answer to a ping
            connector.setdefault("config", {}).setdefault("max_age", 0)
        if self._tokens is not None:
            self._tokens.touch(mode=0o600)
        with _formats_kept():
            service = self._module.CarConnectivity(
                config=config, tokenstore_file=None if self._tokens is None else str(self._tokens)
            )
        getattr(service, "services", {}).clear()  # what it would ask about each position
        self._service = service

    def _trouble(self, error: Exception) -> Trouble:
        """What went wrong, with a warning when it begins. The error's own text may hold VINs and addresses."""
        names = [kind.__name__ for kind in type(error).__mro__]
        trouble = next((_TROUBLES[name] for name in names if name in _TROUBLES), Trouble.FAILED)
        if trouble not in self._warned:
            self._warned.add(trouble)
            log.warning("cars can't be asked through CarConnectivity: %s (%s).", trouble, names[0])
        return trouble


def _imported() -> Any:
    quiet = logging.getLogger("carconnectivity")  # its lines hold VINs and, at times, positions
    quiet.propagate = False
    if not quiet.handlers:
        quiet.addHandler(logging.NullHandler())
    try:
        return importlib.import_module("carconnectivity.carconnectivity")
    except ImportError as error:
        raise PipelineError(
            f"cars.toml names [carconnectivity], and the package can't be used ({error.name} is missing): "
            f"{sys.executable} -m pip install 'strava_pipeline[cars]', and the maker's connector, as "
            "carconnectivity-connector-volkswagen."
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise SourceError(f"{path}, the configuration of CarConnectivity, is no JSON.") from None
    except OSError as error:
        raise SourceError(
            f"{path}, the configuration of CarConnectivity, can't be read ({type(error).__name__})."
        ) from error
    section = config.get("carConnectivity") if isinstance(config, dict) else None
    connectors = section.get("connectors") if isinstance(section, dict) else None
    if not isinstance(connectors, list) or not all(isinstance(each, dict) for each in connectors) or not connectors:
        raise SourceError(
            f'{path} is no configuration of CarConnectivity: {{"carConnectivity": {{"connectors": [{{"type": …}}]}}}}.'
        )
    return dict(config)


@contextmanager
def _formats_kept() -> Iterator[None]:
    """The package gives all of the process's log handlers a format of its own; they get theirs back."""
    before = [(handler, handler.formatter) for handler in logging.getLogger().handlers]
    try:
        yield
    finally:
        for handler, formatter in before:
            handler.setFormatter(formatter)
