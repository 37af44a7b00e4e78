"""`notifications` as a person types it, after runs that brought something, met a limit, failed and died."""

import json
from typing import Any

import pytest

from strava_pipeline_tests.rig import Make
from strava_pipeline_tests.verbs.conftest import Type, TypeOn

pytestmark = pytest.mark.slow
SMALL = {"activities": 6, "years": (2026, 2026), "jumping": True}


def listed(typed: Type) -> dict[str, dict[str, Any]]:
    found = typed("notifications", "list", "--json")
    assert found.code == 0
    return dict(json.loads(found.out)["notifications"])


@pytest.mark.dear
def test_what_runs_had_to_say_is_listed_until_it_is_read_or_cleared(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(**SMALL, settings={"first_year": 2026})
    typed = type_on(rig)
    assert typed("notifications", "list").out == "There are no notifications.\n"
    typed("flow")
    typed("flow")
    (brought,) = listed(typed).values()
    assert (brought["category"], brought["message"], brought["read"]) == (
        "info",
        "flow (2026): activities: 6 new.",
        False,
    )
    (rig.settings.secrets_dir / "strava_token.json").write_text('{"refresh_token": "revoked-and-gone"}')
    assert typed("flow").code == 1
    found = listed(typed)
    failed = next(each for each in found.values() if each["category"] == "error")
    assert failed["message"].startswith("The run flow (2026) failed: ")
    assert "strava-pipeline auth" in failed["message"]
    assert "revoked-and-gone" not in json.dumps(found)
    shown = typed("notifications", "list").out
    assert failed["message"].split(":")[0] in shown
    assert typed("notifications", "read", *found).code == 0
    assert typed("notifications", "list").out == "There is nothing new.\n"
    assert "error" in typed("notifications", "list", "--all").out
    assert typed("notifications", "clear", "--all").out == "Cleared: 2 notifications.\n"
    assert listed(typed) == {}
    for wrong in (("read",), ("clear", "0123"), ("read", "0123", "--all")):
        assert typed("notifications", *wrong).code == 2
