"""The real intake of a rig's folder with cars that follow a script, and phones that ping it. No assertions about trips."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import requests

from strava_pipeline.serve.app import create_app
from strava_pipeline.serve.server import serving
from strava_pipeline.trips.car.intake import Phones
from strava_pipeline.trips.car.reading.connect import oracle_of
from strava_pipeline.trips.car.rules.people import read_people
from strava_pipeline_tests.e2e.dagster_dev import until
from strava_pipeline_tests.rig import Rig
from strava_pipeline_tests.trips.car.logs import body_of

TOKEN = "a-token-of-the-tests"


def people(*configs: dict[str, Any]) -> dict[str, Any]:
    """cars.toml of these users; the second one's token ends with 1, and so on."""
    return {
        "users": [
            {name: one[name] for name in ("user_id", "timezone", "cars", "locations", "last_parked_gps") if name in one}
            | {"token": f"{TOKEN}-{number}"}
            for number, one in enumerate(configs)
        ]
    }


@contextmanager
def phones(rig: Rig, script: dict[str, Any], said: list[str] | None = None) -> Iterator[str]:
    """The intake of the rig's folder, its cars following the script."""
    file = rig.folder / "script.json"
    file.write_text(json.dumps(script))
    told = read_people(people(*(scenario["config"] for scenario in script["scenarios"])))
    with oracle_of(rig.settings, told, file) as oracle:

        def now() -> datetime:
            return datetime.now(UTC)

        say = (said if said is not None else []).append
        app = create_app(rig.lake, say=say, now=now, receivers=[Phones(told, oracle, now, scripted=True)])
        with serving(app) as url:
            yield url


def post(url: str, steps: Sequence[dict[str, Any]], number: int = 0) -> None:
    for step in steps:
        answer = requests.post(f"{url}/pings/{TOKEN}-{number}", json=body_of(step), timeout=10)
        assert answer.status_code == 200, answer.text


def status(url: str, number: int = 0) -> dict[str, Any]:
    return dict(requests.get(f"{url}/pings/{TOKEN}-{number}/status", timeout=10).json())


def settled(url: str, number: int = 0) -> None:
    """Wait until nothing is on its way to the cars."""
    until(lambda: status(url, number)["waiting"], lambda waiting: waiting == 0, every=0.05)
