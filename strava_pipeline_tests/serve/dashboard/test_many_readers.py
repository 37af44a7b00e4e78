"""Twenty browsers ask two workers for pages while a backfill publishes year after year: each gets an answer, each time."""

import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import requests

from strava_pipeline.lake.gold.publish import published_at
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.processes import free_port
from strava_pipeline_tests.rig import Make
from strava_pipeline_tests.serve.dashboard.test_process import started

READERS = 20
PAGES = (
    "/", "/activities", "/calendar/2026", "/sync", "/fitness/2026", "/records", "/map", "/gear", "/api/activities",
    "/api/heat",
)  # fmt: skip


@pytest.mark.dear
@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(0, marks=pytest.mark.slow, id="one-backfill"),
        pytest.param(60, marks=pytest.mark.soak(part="daemon"), id="a-minute"),
    ],
)
def test_no_reader_sees_a_failure_while_years_are_published(tmp_path: Path, make_rig: Make, seconds: int) -> None:
    rig = make_rig(activities=30, years=(2024, 2026), settings={"first_year": 2024})
    rig.do("flow_backfill", [2026])
    rounds = {published_at(rig.lake)}
    answers: Counter[tuple[str, int]] = Counter()
    failures: list[str] = []
    over = threading.Event()
    port = free_port()
    with started(tmp_path, DASHBOARD_ADDRESS=f"127.0.0.1:{port}") as (_, address, _):
        login = requests.Session()
        login.get(address, timeout=PATIENCE)

        def read(first: int) -> None:
            number = first
            try:
                with requests.Session() as browser:
                    browser.cookies.update(login.cookies)
                    while not over.is_set() or number < first + len(PAGES):
                        path = PAGES[number % len(PAGES)]
                        answer = browser.get(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE, allow_redirects=False)
                        answers[path, answer.status_code] += 1
                        number += 1
            except Exception as error:  # noqa: BLE001 - a thread's end would go unseen
                failures.append(repr(error))

        readers = [threading.Thread(target=read, args=(first,)) for first in range(READERS)]
        for reader in readers:
            reader.start()
        began, turn = time.monotonic(), 0
        while turn == 0 or time.monotonic() < began + seconds:
            for year in rig.years:
                newest = max(one["id"] for one in rig.truth() if one["start_date_local"].startswith(str(year)))
                rig.control("edit", id=newest, set={"name": f"Turn {turn}"})
                rig.do("flow_backfill", [year])
                rounds.add(published_at(rig.lake))
            turn += 1
        over.set()
        for reader in readers:
            reader.join(PATIENCE)
    assert failures == []
    assert {status for _, status in answers} == {200}, answers
    assert {path for path, _ in answers} == {*PAGES}
    assert len(rounds) >= len(rig.years), "the snapshot was replaced under the readers"
