"""`webhooks drain` and `webhooks replay`, as typed, with the real intake and an emulated Strava."""

import json

import pytest
from typer.testing import CliRunner

from strava_pipeline.verbs.webhooks import webhooks
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.webhooks import SECRET, subscribed

TYPED = CliRunner()


@pytest.fixture
def rig(make_rig: Make, monkeypatch: pytest.MonkeyPatch) -> Rig:
    made = make_rig(years=(2026, 2026), activities=8, settings={"first_year": 2025, "webhook_secret": SECRET})
    made.begin_with("flow_backfill", [2025, 2026])
    monkeypatch.chdir(made.folder)
    for name, value in made.settings.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("STRAVA_SERVE_ADDRESS", "127.0.0.1:1")  # nobody is there: it opens an intake of its own
    made.calls()
    return made


@pytest.mark.dear
def test_replay_follows_every_activity_of_the_years_and_tells_what_changed(rig: Rig) -> None:
    ids = [key for (key,) in rig.gold("SELECT id FROM activities WHERE year = 2026 ORDER BY id")]
    unseen, gone, *others = ids
    rig.control("edit", id=unseen, set={"description": "which no listing tells"})
    rig.control("delete", id=gone)
    done = TYPED.invoke(webhooks, ["replay", "--years", "2026", "--rate-limit", "500", "--json"])
    told = json.loads(done.stdout)
    assert told["changed"] == [{"id": unseen, "fields": ["description"]}]
    assert (told["posted"], told["acknowledged"], told["followed"]) == (len(ids), len(ids), len(others) + 1)
    assert (told["waiting"], told["calls"], done.exit_code) == (1, len(ids), 3), "one can't be fetched"
    assert sum(rig.calls()["details"].values()) == len(ids)


@pytest.mark.dear
def test_replay_says_first_what_it_costs_and_a_dry_run_does_nothing(rig: Rig) -> None:
    done = TYPED.invoke(webhooks, ["replay", "--years", "2025", "2026", "--dry-run"])
    assert done.stdout == "8 activities: as many events, at 0.2 a second in 40 s, a call each.\n"
    assert (done.exit_code, rig.calls()["total"], rig.lake.inbox_webhooks.exists()) == (0, 0, False)


def test_replay_needs_the_secret(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRAVA_WEBHOOK_SECRET")
    done = TYPED.invoke(webhooks, ["replay", "--years", "2026"])
    assert "STRAVA_WEBHOOK_SECRET is not set" in str(done.exception)


@pytest.mark.dear
def test_drain_follows_what_came_and_says_when_nothing_did(rig: Rig) -> None:
    assert TYPED.invoke(webhooks, ["drain"]).stdout.startswith("Every event was followed")
    edited = rig.one("SELECT min(id) FROM activities")
    with subscribed(rig):
        rig.control("edit", id=edited, set={"name": "Renamed"})
    done = TYPED.invoke(webhooks, ["drain"])
    assert "Followed webhooks: 1 activity in 1 call" in done.stdout
    assert done.exit_code == 0
    rig.assert_true_to_source()
