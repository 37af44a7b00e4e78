"""Two that may be one: said on the page, followed at once everywhere, and taken back; what the command says is the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from strava_pipeline.lake.gold.matches import match_activities, pair_decisions
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import copied
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.lake.test_corrections import say as correct
from strava_pipeline_tests.serve.dashboard.conftest import served
from strava_pipeline_tests.serve.dashboard.test_api import settings_of
from strava_pipeline_tests.serve.dashboard.test_pages import NOW, page, words

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stock(new_lake: NewLake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = new_lake(tmp_path_factory.mktemp("pairs") / "data")
    watch = activity(1, "2025-05-01T08:00", name="Watch")
    put(made, [watch, activity(2, "2025-05-01T08:20", name="Phone", distance=18_000.0)])
    put(made, [activity(3, "2025-05-02T08:00", name="Alone")])
    with writing(made) as connection:
        match_activities(connection, made)
    publish(made)
    return made


@pytest.fixture
def lake(stock: Lake, tmp_path: Path) -> Lake:
    return copied(stock, Lake(tmp_path / "data"))


@pytest.fixture
def site(tmp_path: Path, lake: Lake) -> Iterator[TestClient]:
    with served(settings_of(tmp_path), time=NOW) as made:
        yield made.browser()


def counted(lake: Lake) -> list[int]:
    with snapshot(lake) as connection:
        rows = connection.execute("SELECT activity_id FROM counted_activities ORDER BY 1").fetchall()
    return [one for (one,) in rows]


def say(site: TestClient, said: str, one: int = 1, other: int = 2) -> str:
    answer = site.post("/pairs", data={"one": str(one), "other": str(other), "said": said})
    assert answer.status_code == 303
    return words(page(site, answer.headers["location"]))


@pytest.mark.parametrize(
    ("said", "told", "counts", "shown"),
    [("one", "one, counted once", [1, 3], [1, 3]), ("two", "two, both counted", [1, 2, 3], [1, 2, 3])],
)
def test_what_is_said_of_a_pair_is_followed_at_once_and_undone(
    site: TestClient, lake: Lake, said: str, told: str, counts: list[int], shown: list[int]
) -> None:
    text = words(page(site, "/pairs"))
    assert all(each in text for each in ("Watch", "Phone", "20.0 km", "18.0 km", "One: count it once")), text
    assert counted(lake) == [1, 3]
    assert told in say(site, said)
    assert counted(lake) == counts
    with snapshot(lake) as connection:
        assert [one for (one,) in connection.execute("SELECT id FROM activities ORDER BY 1").fetchall()] == shown
    text = words(page(site, "/pairs"))
    assert "What you said of 1 pair" in text
    assert "One: count it once" not in text
    assert "what you said is taken back" in say(site, "undecided")
    assert counted(lake) == [1, 3]
    assert pair_decisions(lake).joined == ()
    assert not pair_decisions(lake).split
    assert "One: count it once" in words(page(site, "/pairs"))


def test_the_one_that_counts_goes_on_counting_when_both_are_one(tmp_path: Path, new_lake: NewLake) -> None:
    lake = new_lake(tmp_path / "data")
    long = activity(2, "2025-05-01T08:00", name="Whole", elapsed_time=6000, moving_time=5900, distance=30_000.0)
    put(lake, [activity(1, "2025-05-01T08:00", name="Half"), long])
    with writing(lake) as connection:
        match_activities(connection, lake)
    publish(lake)
    with served(settings_of(tmp_path), time=NOW) as made:
        assert counted(lake) == [2], "it is longer"
        assert "one, counted once" in say(made.browser(), "one")
        assert counted(lake) == [2]


def test_a_run_at_work_is_not_waited_for(site: TestClient, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strava_pipeline.operations.bests._PATIENCE", 0.0)
    with writing(lake):
        text = say(site, "two")
    assert "two, both counted. It shows when the run at work has ended" in text
    assert counted(lake) == [1, 3]
    assert pair_decisions(lake).split == {(1, 2)}


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [("1", "1", "one"), ("1", "99", "one"), ("1", "2", "both"), ("1", "x", "two"), ("", "", "")],
)
def test_nothing_is_said_of_what_is_not_there(site: TestClient, lake: Lake, one: str, other: str, said: str) -> None:
    answer = site.post("/pairs", data={"one": one, "other": other, "said": said})
    assert answer.status_code == 404
    assert not (lake.decisions / "matches.jsonl").exists()


def test_both_are_compared_and_decided_where_they_are_read(site: TestClient) -> None:
    assert "These may be one" in words(page(site, "/activities/1/with/2"))
    assert "These may be one" not in words(page(site, "/activities/1/with/3"))
    text = words(page(site, "/activities/2"))
    assert "Two: count both" in text
    assert "strava-pipeline" not in text


def test_the_page_says_which_of_two_counts_as_totals_have_it(site: TestClient, lake: Lake) -> None:
    assert "Until you say, Watch , 20.0 km, counts" in words(page(site, "/pairs"))
    correct(lake, 1, counts=False)
    assert "Until you say, Phone , 18.0 km, counts" in words(page(site, "/pairs"))
    correct(lake, 2, counts=False)
    assert "Neither counts until you say" in words(page(site, "/pairs"))
