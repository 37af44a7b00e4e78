"""What a person reads when something between here and Strava is broken, the exit code, and that the same command goes on."""

import re
from typing import Any

import pytest

from strava_pipeline_tests.jumping import QUICK
from strava_pipeline_tests.raw_answers import raw_answer
from strava_pipeline_tests.rig import Make
from strava_pipeline_tests.verbs.conftest import TypeOn

LISTING, TOKEN = "/athlete/activities", "/oauth/token"
LATER = "What was fetched is kept; run the same command again later."
REDIRECT = {"kind": "raw", "body": raw_answer("302 Found\r\nLocation: https://portal.invalid/?token=secret")}

TOLD = [  # where, what, exit code, what is said
    (LISTING, {"kind": "status"}, 1, f"GET {LISTING}: Strava answered 500. {LATER}"),
    (LISTING, {"kind": "html", "status": 502}, 1, f"GET {LISTING}: Strava answered 502. {LATER}"),
    (LISTING, {"kind": "html", "status": 200}, 1, f"GET {LISTING}: Strava answered 200, but with no valid JSON"),
    (LISTING, {"kind": "reset"}, 1, f"no answer from 127.0.0.1 (ProtocolError). {LATER}"),
    (LISTING, REDIRECT, 1, "a redirect (302), not followed. Either this network asks for a login of its own"),
    (LISTING, {"kind": "status", "status": 403, "body": {}}, 1, "does not allow this login that call"),
    (LISTING, {"kind": "status", "status": 401}, 1, "although it was just renewed. If it stays so, run strava-pipeline auth"),
    (LISTING, {"kind": "status", "status": 429}, 3, "Stopped early. Strava's limit of"),
    (TOKEN, {"kind": "status", "status": 503}, 1, "login service can't answer for now (503), 3 times. Nothing was lost"),
    (TOKEN, {"kind": "status", "status": 429}, 1, "login service can't answer for now (429), 3 times. Nothing was lost"),
    (TOKEN, REDIRECT, 1, "login of its own, in a browser, or STRAVA_BASE_URL is wrong"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "fault", "code", "says"), TOLD, ids=[f"{row[0]} {row[3][:40]}" for row in TOLD])
def test_a_failure_says_what_happened_to_what_and_what_to_do(
    make_rig: Make, type_on: TypeOn, path: str, fault: dict[str, Any], code: int, says: str
) -> None:
    rig = make_rig(activities=8, **QUICK)
    typed = type_on(rig)
    rig.control("expire-tokens")
    rig.fault(path, **fault, times=-1)
    said = typed("run-all", "--per-page", "5")
    assert said.code == code
    assert says in said.err
    assert not [word for word in ("<", "emulator-", "secret", "Traceback") if word in said.out + said.err]
    rig.clear_faults()
    assert typed("run-all", "--per-page", "5").code == 0


def test_a_wait_for_a_limit_is_told_with_its_time(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=8, **QUICK)
    rig.fault(LISTING, "status", status=429)
    said = type_on(rig)("run-all")
    assert said.code == 0
    assert "it opens again at 2026-03-10" in said.err
    assert re.search(r"Waiting \d+ min\.", said.err)
