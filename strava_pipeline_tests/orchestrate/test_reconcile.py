"""The job `reconcile` against an emulated Strava: deletions, edits and late uploads reach gold; what is unlikely waits."""

from collections.abc import Callable
from datetime import timedelta

from strava_pipeline_tests.rig import NOW, Rig

Make = Callable[..., Rig]
THIS_YEAR = {"years": (2026, 2026), "settings": {"first_year": 2025}}


def by_start(rig: Rig) -> list[int]:
    return [item["id"] for item in sorted(rig.truth(), key=lambda item: str(item["start_date"]))]


def add(rig: Rig, ago: timedelta) -> int:
    start = (NOW - ago).isoformat()
    return int(
        rig.control("add", generate={"start_date": start, "sport_type": "Run", "timezone": "Europe/London"})["id"]
    )


def test_a_year_follows_its_source_in_one_run(make_rig: Make) -> None:
    rig = make_rig(activities=30, **THIS_YEAR)
    rig.run("flow_backfill")
    gone, edited, liked = by_start(rig)[3], by_start(rig)[5], by_start(rig)[6]
    rig.control("delete", id=gone)
    rig.control("edit", id=edited, set={"name": "Renamed long after"})
    rig.control("edit", id=liked, set={"kudos_count": 99})
    late = add(rig, timedelta(days=60))
    rig.calls()
    metadata = rig.run("reconcile", [2026]).metadata["activities"]
    assert {name: metadata[name] for name in ("inserted", "updated", "deleted", "restored")} == {
        "inserted": 1, "updated": 2, "deleted": 1, "restored": 0,
    }  # fmt: skip
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 2, "/activities/{id}": 2}, (
        "the late one and the edited one"
    )
    assert rig.gold("SELECT id FROM deleted_activities") == [(gone,)]
    assert rig.one(f"SELECT count(*) FROM activity_details WHERE activity_id = {gone}") == 1, "nothing is ever removed"
    assert rig.one(f"SELECT count(*) FROM activities WHERE id = {late}") == 1
    rig.assert_true_to_source()


def test_what_comes_back_unchanged_is_present_again(make_rig: Make) -> None:
    rig = make_rig(activities=10, **THIS_YEAR)
    rig.run("flow_backfill")
    gone = next(item for item in rig.truth() if item["id"] == by_start(rig)[4])
    rig.control("delete", id=gone["id"])
    assert rig.run("reconcile", [2026]).metadata["activities"]["deleted"] == 1
    rig.control("add", activity=gone)
    assert rig.run("reconcile", [2026]).metadata["activities"]["restored"] == 1
    rig.assert_true_to_source()
