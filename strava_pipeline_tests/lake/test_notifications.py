"""Notifications: once a day each, marked by a person, and nothing that happens to their file stops anything."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from strava_pipeline.lake.notifications import KEPT, LINES, mark_notifications, notifications, notify
from strava_pipeline.lake.paths import Lake

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_the_same_comes_once_a_day_also_when_it_was_cleared(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for hours in (0, 1):
        notify(lake, "error", f"Failed for the {hours}. time", NOON + hours * HOUR, about="flow")
    notify(lake, "warning", "Failed", NOON, about="flow")
    assert {each.message for each in notifications(lake)} == {"Failed for the 0. time", "Failed"}
    mark_notifications(lake, "cleared", [each.id for each in notifications(lake)])
    notify(lake, "error", "Failed", NOON + 2 * HOUR, about="flow")
    assert notifications(lake) == []
    notify(lake, "error", "Failed", NOON + 24 * HOUR, about="flow")
    assert [each.at for each in notifications(lake)] == [NOON + 24 * HOUR]


def test_marks_are_kept_and_unknown_ids_passed_over(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    notify(lake, "info", "activities: 3 new", NOON, link="x", run_id="run")
    (made,) = notifications(lake)
    mark_notifications(lake, "read", [made.id, "nobody"])
    mark_notifications(lake, "posted", [made.id])
    (marked,) = notifications(lake)
    assert (marked.read, marked.posted, marked.link, marked.run_id) == (True, True, "x", "run")


def test_a_damaged_line_hides_no_other_one(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    notify(lake, "info", "one", NOON)
    with (lake.state / "notifications.jsonl").open("ab") as file:
        file.write(b'{"id": "x"}\n[]\n{"mark": "read"}\n{"mark": "loud", "ids": ["x"]}\n\xff\xfe\n{"at": "torn')
    notify(lake, "info", "two", NOON)
    assert {each.message for each in notifications(lake)} == {"one", "two"}


def test_the_file_does_not_grow_for_ever_and_the_newest_stay(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lines = b"".join(
        b'{"id":"%d","at":"%s","category":"info","message":"m"}\n' % (n, (NOON + n * HOUR / 60).isoformat().encode())
        for n in range(LINES)
    )
    lake.state.mkdir(parents=True)
    (lake.state / "notifications.jsonl").write_bytes(lines)
    notify(lake, "info", "the newest", NOON + 100 * HOUR)
    assert len((lake.state / "notifications.jsonl").read_bytes().splitlines()) == KEPT + 1
    found = notifications(lake)
    assert (len(found), found[0].message) == (KEPT, "the newest")


def test_a_message_of_any_length_is_cut(tmp_path: Path) -> None:
    notify(Lake(tmp_path), "error", "many words " * 10_000, NOON)
    assert len(notifications(Lake(tmp_path))[0].message) <= 1000


def test_a_disk_that_refuses_it_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in the folder's place")
    notify(Lake(tmp_path), "error", "Failed", NOON)
