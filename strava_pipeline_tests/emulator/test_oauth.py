"""OAuth: consent, tokens that rotate, scopes, revocation, and errors in Strava's shape."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from strava_pipeline_tests.emulator.conftest import Start


def bad(resource: str, field: str, code: str = "invalid") -> dict[str, Any]:
    return {"message": "Bad Request", "errors": [{"resource": resource, "field": field, "code": code}]}


def test_consent_redirects_with_state_code_and_the_granted_scopes(start: Start) -> None:
    answer = start(scope=None).authorize(scope="activity:read_all,read")
    assert answer.status_code == 302
    location = urlsplit(answer.headers["location"])
    query = parse_qs(location.query)
    assert (location.scheme, location.netloc, location.path) == ("http", "localhost", "/exchange_token")
    assert (query["state"], query["scope"], len(query["code"])) == (["s 1"], ["read,activity:read_all"], 1)


def test_a_code_brings_tokens_and_the_athlete_once(start: Start) -> None:
    client = start(scope=None)
    code = client.code()
    answer = client.exchange(code).json()
    assert set(answer) == {"token_type", "access_token", "expires_at", "expires_in", "refresh_token", "athlete"}
    assert (answer["token_type"], answer["expires_in"], answer["athlete"]["resource_state"]) == ("Bearer", 21600, 2)
    assert answer["access_token"].startswith("emulator-")
    assert answer["refresh_token"].startswith("emulator-")
    again = client.exchange(code)
    assert (again.status_code, again.json()) == (400, bad("RequestToken", "code"))


def test_a_refresh_kills_the_old_refresh_token_at_once_but_not_the_access_token(start: Start) -> None:
    client = start()
    old = dict(client.tokens)
    new = client.refresh().json()
    assert set(new) == {"token_type", "access_token", "expires_at", "expires_in", "refresh_token"}
    assert {new["refresh_token"], new["access_token"]}.isdisjoint({old["refresh_token"], old["access_token"]})
    assert client.get("/athlete").status_code == 200
    again = client.refresh(old["refresh_token"])
    assert (again.status_code, again.json()) == (400, bad("RefreshToken", "refresh_token"))
    client.use(new)
    assert client.get("/athlete").status_code == 200
    assert client.refresh().status_code == 200


def test_an_access_token_expires_by_the_emulators_clock(start: Start) -> None:
    client = start()
    client.control("/clock", advance=21_599)
    assert client.get("/athlete").status_code == 200
    client.control("/clock", advance=1)
    answer = client.get("/athlete")
    assert answer.status_code == 401
    assert answer.json() == {
        "message": "Authorization Error",
        "errors": [{"resource": "Athlete", "field": "access_token", "code": "invalid"}],
    }
    client.use(client.refresh().json())
    assert client.get("/athlete").status_code == 200


@pytest.mark.slow
def test_scopes_decide_what_is_seen(start: Start) -> None:
    client = start(activities=100)
    private = [each["id"] for each in client.truth()["activities"] if each["visibility"] == "only_me"]
    everything = set(client.every_id())
    assert private
    assert set(private) < everything
    assert client.get(f"/activities/{private[0]}").status_code == 200

    client.login("read,activity:read")
    assert set(client.every_id()) == everything - set(private)
    assert client.get(f"/activities/{private[0]}").status_code == 404

    client.login("read")
    for path in ("/athlete/activities", f"/activities/{private[0]}"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert answer.json()["errors"] == [
            {"resource": "AccessToken", "field": "activity:read_permission", "code": "missing"}
        ]
    assert client.get("/athlete").status_code == 200


@pytest.mark.parametrize("kind", ["revoke", "revoke by access token", "control"])
def test_after_a_revocation_nothing_is_valid(start: Start, kind: str) -> None:
    client = start()
    if kind.startswith("revoke"):
        token = client.tokens["access_token" if "access" in kind else "refresh_token"]
        answer = requests.post(
            f"{client.url}/oauth/revoke", auth=("12345", "emulator-secret"), data={"token": token}, timeout=20
        )
        assert answer.status_code == 200
    else:
        client.control("/revoke")
    assert client.get("/athlete").status_code == 401
    assert client.refresh().status_code == 400


def test_revoking_needs_the_client_and_spares_others_for_an_unknown_token(start: Start) -> None:
    client = start()
    for auth, token, status in (
        (("12345", "wrong"), client.tokens["refresh_token"], 401),
        (("12345", "emulator-secret"), "emulator-unknown", 200),
    ):
        answer = requests.post(f"{client.url}/oauth/revoke", auth=auth, data={"token": token}, timeout=20)
        assert answer.status_code == status
    assert client.get("/athlete").status_code == 200
