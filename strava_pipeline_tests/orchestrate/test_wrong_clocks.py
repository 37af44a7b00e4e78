"""Servers, proxies and machines whose clocks are wrong: what comes later is never hidden by it. The whole pipeline."""

import re
import shutil
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.health import answers_on_disk, times_health
from strava_pipeline_tests.rig import NOW, Make, Rig

DAY = 86_400
YEAR = 400 * DAY
SMALL: dict[str, Any] = {"activities": 8, "years": (2026, 2026), "settings": {"first_year": 2026}}
EVERYWHERE = {"path": "/", "kind": "date", "times": -1}


def change(rig: Rig, name: str) -> None:
    """Another activity, an edited one, and one fewer: all within the days that `flow` lists."""
    newest = [item["id"] for item in sorted(rig.truth(), key=lambda item: item["start_date"], reverse=True)]
    rig.control("delete", id=newest[0])
    rig.control("edit", id=newest[1], set={"name": name, "description": name})
    now = datetime.fromisoformat(
        rig.control("clock", advance=7200)["now"]
    )  # hours apart, or the next one may be the same again
    for hours, sport in ((1, "Run"), (2, "Swim")):
        rig.add(now - timedelta(hours=hours), sport)


def assert_kept_up_with(rig: Rig, runs: int = 2) -> None:
    for number in range(runs):
        change(rig, f"edit {number}")
        rig.do("flow")
        rig.assert_true_to_source()
        rig.control("clock", advance=3600)


@pytest.mark.dear
@pytest.mark.parametrize("seconds", [YEAR, -YEAR])
@pytest.mark.parametrize("after", [0, 1])
def test_one_answer_with_a_wrong_date_is_not_believed(make_rig: Make, seconds: float, after: int) -> None:
    rig = make_rig(**SMALL)
    rig.begin_with("flow_backfill")
    rig.fault("/athlete/activities", "date", seconds=seconds, after=after)
    rig.do("flow")
    times = [page.fetched_at for listing in listings(rig.lake) for page in listing.manifest.pages]
    assert all(abs(at - NOW) < timedelta(days=1) for at in times)
    assert_kept_up_with(rig)


@pytest.mark.dear
@pytest.mark.parametrize("seconds", [YEAR, -YEAR, DAY, -DAY, 3 * DAY])
def test_a_server_that_was_wrong_for_a_whole_run_hides_nothing(make_rig: Make, seconds: float) -> None:
    rig = make_rig(**SMALL)
    rig.begin_with("flow_backfill")
    change(rig, "while it was wrong")
    rig.fault(seconds=seconds, **EVERYWHERE)
    rig.do("flow")
    rig.clear_faults()
    assert_kept_up_with(rig)


@pytest.mark.dear
def test_a_proxy_that_keeps_an_old_date_hides_nothing(make_rig: Make) -> None:
    rig = make_rig(**SMALL)
    rig.begin_with("flow_backfill")
    rig.fault(body="Sun, 01 Mar 2026 08:00:00 GMT", **EVERYWHERE)
    assert_kept_up_with(rig)


def poisoned(rig: Rig, days: int) -> None:
    """Make the newest listing, its pages and details what an older version left where a Date header was so far ahead."""
    ahead = timedelta(days=days)
    newest = list(listings(rig.lake))[-1]
    for folder in rig.lake.listings.iterdir():
        manifest = folder / "manifest.json"
        text = re.sub(r'\n *"(landed|local_at|host)": [^\n]*', "", manifest.read_text())
        if folder == newest.folder:
            text = re.sub(
                r'"(started_at|fetched_at)": "([^"]+)"',
                lambda found: f'"{found[1]}": "{(datetime.fromisoformat(found[2]) + ahead).isoformat()}"',
                text,
            )
        manifest.write_text(text)
    for path in sorted((rig.lake.data_dir / "bronze").rglob("*Z.*.gz")):
        path.rename(path.with_name(re.sub(r"Z\.\d+\.", "Z.", path.name)))
    for name in ("landed", "warehouse_was_made"):
        (rig.lake.state / name).unlink(missing_ok=True)
    for left in (rig.lake.shards, rig.lake.working.parent, rig.lake.snapshot.parent):
        shutil.rmtree(left, ignore_errors=True)


@pytest.mark.dear
@pytest.mark.parametrize("heal", ["flow", "rebuild"])
def test_a_folder_that_an_older_version_poisoned_heals(make_rig: Make, heal: str) -> None:
    rig = make_rig(**SMALL)
    rig.begin_with("flow_backfill")
    change(rig, "under a wrong date")
    rig.do("flow")
    poisoned(rig, 400)
    local = datetime.now(NOW.tzinfo)
    asked = min(local, NOW), partial(answers_on_disk, rig.lake, min(local, NOW))
    assert "claim to have come later" in times_health(rig.lake, *asked).text
    if heal == "rebuild":
        rig.do("rebuild")
    assert_kept_up_with(rig)


def test_an_emulator_and_strava_never_share_a_folder(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    for manifest in rig.lake.listings.glob("*/manifest.json"):
        manifest.write_text(manifest.read_text().replace('"host": "127.0.0.1"', '"host": "www.strava.com"'))
    rig.calls()
    with pytest.raises(MisuseError, match=r"holds what www\.strava\.com answered"):
        rig.do("flow")
    assert rig.calls()["total"] == 0


@pytest.mark.dear
def test_two_folders_merged_by_hand_hold_what_both_held(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(**SMALL)
    rig.begin_with("flow_backfill")
    other = tmp_path / "other"
    shutil.copytree(rig.lake.data_dir, other)
    change(rig, "in one")
    rig.do("flow")
    shutil.copytree(other / "bronze", rig.lake.data_dir / "bronze", dirs_exist_ok=True)
    (rig.lake.state / "landed").unlink()
    rig.do("rebuild")
    rig.assert_true_to_source()
    assert_kept_up_with(rig)
