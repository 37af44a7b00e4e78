"""Whole runs, searched: no token, code or secret in what is printed or kept, no position outside data/.

The login's file holds the tokens, that is what it is for. Bronze holds Strava's answers, and data/ as a whole positions.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from strava_pipeline_tests.jumping import QUICK
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.verbs.conftest import Type, Typed, TypeOn

pytestmark = pytest.mark.slow

ALL = "read,activity:read_all,profile:read_all"


class Searched:
    """What was typed so far, what was printed, and every secret that was ever in use."""

    def __init__(self, rig: Rig, typed: Type) -> None:
        self._rig, self._typed = rig, typed
        self._printed: list[str] = []
        self.secrets = {str(rig.emulator.state.config.client_secret)}
        self.note()

    def type(self, code: int, *words: str) -> Typed:
        said = self._typed(*words)
        assert said.code == code, (words, said)
        self._printed += [said.out, said.err]
        self.note()
        return said

    def note(self) -> None:
        """Remember the tokens of now, before others take their place."""
        token = json.loads((self._rig.settings.secrets_dir / "strava_token.json").read_text())
        self.secrets |= {token["access_token"], token["refresh_token"]}

    def code(self) -> str:
        """An authorization code, as Strava sends one."""
        config = self._rig.emulator.state.config
        query = {"client_id": config.client_id, "redirect_uri": "http://localhost/exchange_token", "scope": ALL}
        query |= {"response_type": "code", "state": "s"}
        page = requests.get(f"{self._rig.emulator.url}/oauth/authorize", query, allow_redirects=False, timeout=10)
        code = page.headers["Location"].split("code=")[1].split("&")[0]
        self.secrets.add(code)
        return code

    def assert_nowhere(self, needles: set[str], *folders: Path, caplog: pytest.LogCaptureFixture) -> None:
        """None of `needles` in anything printed or logged, nor in any file below `folders`."""
        for text in [*self._printed, caplog.text]:
            assert not [needle for needle in needles if needle in text]
        wanted = [needle.encode() for needle in needles]
        for folder in folders:
            for path in folder.rglob("*"):
                if path.is_file():
                    content = path.read_bytes()
                    assert not [needle for needle in wanted if needle in content], path


def positions(rig: Rig) -> Iterator[str]:
    """Every coordinate and polyline of the source, as JSON or a log would show it."""
    for activity in rig.truth():
        yield from _positions(activity)


def _positions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("start_latlng", "end_latlng") and inner:
                yield ", ".join(map(str, inner))
                yield from (str(one) for one in inner if len(str(one)) > 6)
            elif name in ("polyline", "summary_polyline") and inner:
                yield max(inner.split("\\"), key=len)[:40]  # a backslash is doubled in JSON
            else:
                yield from _positions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _positions(inner)


def test_nothing_holds_secret_or_position(make_rig: Make, type_on: TypeOn, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="strava_pipeline")
    rig = make_rig(activities=8, **QUICK)
    seen = Searched(rig, type_on(rig))
    rig.control("expire-tokens")
    first = rig.truth()[0]["id"]
    rig.fault(f"/activities/{first}", "html", status=502, times=2)
    seen.type(0, "flow-backfill", "--verbose")  # with a refresh, and retries
    code = seen.code()
    seen.type(0, "auth", "--code", f"http://localhost/exchange_token?state=s&code={code}&scope={ALL}")
    seen.type(1, "auth", "--code", code)  # used up
    refused = seen.code()
    echo = {"message": "Bad Request", "errors": [{"resource": refused, "code": refused}], "refresh_token": refused}
    rig.fault("/oauth/token", "body", status=400, body=echo)
    seen.type(1, "auth", "--code", refused)  # the answer repeats what was sent
    rig.fault("/oauth/token", "html", status=503, times=3)
    seen.type(1, "auth", "--code", seen.code())
    seen.type(0, "status", "--json")
    rig.fault("/athlete/activities", "html", status=500, times=3)
    seen.type(1, "flow", "--verbose")  # fails on a page of HTML
    rig.fault("/athlete/activities", "body", body=[rig.truth()[0], "not an activity"], times=3)
    seen.type(1, "flow", "--verbose")  # fails on a payload
    rig.control("revoke")
    seen.type(1, "flow", "--verbose")  # fails on its login
    seen.type(0, "logs", "latest", "--json")

    settings = rig.settings
    assert len(seen.secrets) > 7
    assert len(list(settings.logs_dir.rglob("flow_*.log"))) >= 4
    kept = [path for path in rig.folder.iterdir() if path.is_dir() and path != settings.secrets_dir]
    seen.assert_nowhere(seen.secrets, *kept, caplog=caplog)
    places = set(positions(rig))
    assert len(places) > 16
    seen.assert_nowhere(places, settings.logs_dir, settings.dagster_home, caplog=caplog)
    seen.assert_nowhere({"something went wrong", "<html"}, settings.logs_dir, settings.dagster_home, caplog=caplog)
