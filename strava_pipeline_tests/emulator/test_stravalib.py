"""A real client library gets along with the emulator, and its generated models accept every answer.

stravalib only knows www.strava.com; a transport adapter of requests leads what it sends there to the emulator. The tests import it
when they run: it takes half a second, and every worker reads this file.
"""

from typing import TYPE_CHECKING, Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from strava_pipeline.core.activities import STREAM_KEYS
from strava_pipeline_tests.emulator.client import Client
from strava_pipeline_tests.emulator.conftest import Start

if TYPE_CHECKING:
    from stravalib.client import Client as StravalibClient

STRAVA = "https://www.strava.com"


class ToEmulator(HTTPAdapter):
    """Sends what is meant for Strava to the emulator."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.emulator = url

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        assert request.url is not None
        request.url = request.url.replace(STRAVA, self.emulator, 1)
        return super().send(request, *args, **options)


def stravalib_on(client: Client) -> "StravalibClient":
    from stravalib.client import Client as StravalibClient

    session = requests.Session()
    session.trust_env = False
    session.mount(STRAVA, ToEmulator(client.url))
    access = client.tokens.get("access_token")
    return StravalibClient(access_token=access, requests_session=session, rate_limit_requests=False)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SILENCE_TOKEN_WARNINGS", "true")
    monkeypatch.delenv("STRAVA_CLIENT_ID", raising=False)
    monkeypatch.delenv("STRAVA_CLIENT_SECRET", raising=False)


def located(activity: dict[str, Any]) -> dict[str, Any]:
    """Without empty positions: the real Strava sends [], which the generated LatLng refuses."""
    return {key: value for key, value in activity.items() if not (key.endswith("_latlng") and value == [])}


@pytest.mark.slow
def test_stravalib_lists_and_gets_everything(start: Start) -> None:
    client = start(activities=70)
    library = stravalib_on(client)
    truth = {each["id"]: each for each in client.truth()["activities"]}
    listed = list(library.get_activities())
    assert [activity.id for activity in listed] == client.every_id()
    assert [
        activity.id for activity in library.get_activities(after="2024-01-01T00:00:00Z", before="2025-01-01T00:00:00Z")
    ] == [
        each["id"]
        for each in sorted(truth.values(), key=lambda each: each["start_date"])
        if each["start_date"][:4] == "2024"
    ]
    for activity in listed:
        assert activity.id is not None
        detail, expected = library.get_activity(activity.id, include_all_efforts=True), truth[activity.id]
        assert (detail.name, detail.distance) == (expected["name"], expected["distance"])
        assert len(detail.segment_efforts or []) == len(expected["segment_efforts"])
        assert [lap.lap_index for lap in detail.laps or []] == [lap["lap_index"] for lap in expected.get("laps", [])]


def test_stravalib_knows_athlete_gear_and_streams(start: Start) -> None:
    client = start(activities=60)
    library = stravalib_on(client)
    athlete = library.get_athlete()
    assert athlete.bikes
    assert athlete.shoes
    for gear in [*athlete.bikes, *athlete.shoes]:
        assert gear.id is not None
        assert library.get_gear(gear.id).name == gear.name
    totals = library.get_athlete_stats()
    open_to_all = [
        row for row in client.truth()["activities"] if row["visibility"] == "everyone" and row["type"] == "Run"
    ]
    assert totals.all_run_totals is not None
    assert totals.all_run_totals.count == len(open_to_all)
    recorded = next(each for each in client.truth()["activities"] if not each["manual"])
    streams = library.get_activity_streams(recorded["id"], types=["time", "distance"])
    assert set(streams or {}) == {"time", "distance"}


def test_stravalib_logs_in_and_refreshes(start: Start) -> None:
    from stravalib.exc import Fault

    client = start(scope=None)
    library = stravalib_on(client)
    tokens, athlete = library.exchange_code_for_token(12345, "emulator-secret", client.code(), return_athlete=True)
    assert isinstance(tokens, dict)
    assert athlete is not None
    assert athlete.firstname == "Emilia"
    fresh = library.refresh_access_token(12345, "emulator-secret", tokens["refresh_token"])
    assert fresh["refresh_token"] != tokens["refresh_token"]
    with pytest.raises(Fault, match="refresh_token"):
        library.refresh_access_token(12345, "emulator-secret", tokens["refresh_token"])
    assert library.get_athlete().firstname == "Emilia"


@pytest.mark.dear
def test_generated_models_accept_every_activity(default_athlete: Client, default_truth: dict[str, Any]) -> None:
    from stravalib import strava_model

    for detail in default_truth["activities"]:
        model = strava_model.DetailedActivity.model_validate(located(detail))
        assert model.id == detail["id"]
    for page in range(1, 11):
        for row in default_athlete.get("/athlete/activities", per_page=200, page=page).json():
            assert strava_model.SummaryActivity.model_validate(located(row)).id == row["id"]


def test_generated_models_accept_all_but_activities(default_athlete: Client, default_truth: dict[str, Any]) -> None:
    from stravalib import strava_model

    athlete = default_athlete.get("/athlete").json()
    assert athlete == default_truth["athlete"]
    assert strava_model.DetailedAthlete.model_validate(athlete).id == athlete["id"]
    for gear in default_truth["gear"]:
        answer = default_athlete.get(f"/gear/{gear['id']}").json()
        assert answer == gear
        assert strava_model.DetailedGear.model_validate(answer).id == gear["id"]
    for summary in athlete["bikes"] + athlete["shoes"]:
        strava_model.SummaryGear.model_validate(summary)
    recorded = next(each["id"] for each in default_truth["activities"] if not each["manual"])
    streams = default_athlete.get(f"/activities/{recorded}/streams", keys=",".join(STREAM_KEYS), key_by_type="true")
    strava_model.StreamSet.model_validate(streams.json())
