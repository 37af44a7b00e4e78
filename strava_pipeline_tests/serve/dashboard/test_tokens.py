"""Tokens of programs: what each right opens, of every route that there is; and that no answer has a place without the right."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from strava_pipeline.serve.dashboard import tokens
from strava_pipeline.serve.dashboard.records.store import May, Token
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.serve.dashboard.conftest import ADDRESS
from strava_pipeline_tests.serve.dashboard.houses import MARKS, HouseInUse, house_in
from strava_pipeline_tests.serve.dashboard.test_route_roles import ask, files_of, table

OPEN = {"GET /health", "GET /login", "GET /static/style.css"}  # to everybody
READ = {
    "GET /api/activities", "GET /api/activities/{activity_id}", "GET /api/activities/{activity_id}/sources",
    "GET /api/activities/{activity_id}/history", "GET /api/activities/{activity_id}/recordings", "GET /activities.csv",
    "GET /api/calendar", "GET /api/calendar/{month}", "GET /api/changes", "GET /api/changes/{change_id}",
    "GET /api/devices", "GET /api/fitness", "GET /api/fitness/{year}", "GET /api/gear", "GET /api/insights/{year}",
    "GET /api/notifications", "GET /api/requests/{request_id}", "GET /api/status", "GET /api/openapi.json",
    "GET /api/why", "GET /api/why/{number}", "GET /why/{number}.csv",
}  # fmt: skip
PLACES = {
    "GET /api/activities/{activity_id}/track", "GET /activities/{activity_id}/original",
    "GET /api/activities/{activity_id}/recordings/{first_id}/{second_id}/{side}",
    "GET /activities/{activity_id}/track.gpx", "GET /api/heat", "GET /api/heat/lines", "GET /api/maps",
    "GET /api/routes", "GET /api/routes/{route_id}", "GET /api/tiles", "GET /api/tiles/totals", "GET /api/tiles.geojson",
}  # fmt: skip
BODY = {"GET /api/days", "GET /days.csv"}
SEND = {"POST /api/files", "GET /api/files/{file_id}"}
RIGHTS: dict[str, tuple[May, bool, bool, set[str]]] = {
    "read": ("read", False, False, READ),
    "places": ("read", True, False, READ | PLACES),
    "body": ("read", False, True, READ | BODY),
    "all": ("read", True, True, READ | PLACES | BODY),
    "send": ("send", False, False, SEND),
    "send_all": ("send", True, True, SEND),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Iterator[HouseInUse]:
    with house_in(tmp_path_factory.mktemp("house"), new_lake) as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "SLOWED", 0)
        yield made


def program(house: HouseInUse, text: str) -> TestClient:
    """A program with a token: no cookie, and no header of a browser."""
    client = TestClient(house.app, ADDRESS, raise_server_exceptions=False, follow_redirects=False)
    client.headers["Authorization"] = f"Bearer {text}"
    return client


def made(house: HouseInUse, name: str, may: May, places: bool = False, body: bool = False, **more: Any) -> str:
    token = Token(name, may, places, body, ends_at=more.pop("ends_at", None))
    return house.accounts.add_token(token, house.time, **{"athlete": "anna", **more})


@pytest.mark.dear
@pytest.mark.parametrize("right", RIGHTS)
def test_a_token_opens_what_its_right_names_and_nothing_else(house: HouseInUse, right: str) -> None:
    """Walks the table of routes, in which every route has a line: a new one is closed, or this fails."""
    may, places, body, opened = RIGHTS[right]
    client = program(house, made(house, right, may, places, body))
    before = {athlete: files_of(house, athlete) for athlete in MARKS}
    answered, leaked = {}, []
    for line in table():
        answer = ask(client, line, house.ids)
        answered[line] = answer.status_code
        leaked += [line for mark in [MARKS["bob"]] if mark.lower() in (answer.text + str(answer.headers)).lower()]
        if line not in opened | OPEN | {"POST /login"}:
            assert answer.headers["content-type"].startswith("application/problem+json"), line
            assert MARKS["anna"] not in answer.text, line
    expected = dict.fromkeys(table(), 403)
    expected |= {line: each["nobody"] for line, each in table().items() if line in OPEN}
    expected |= {line: each["athlete"] for line, each in table().items() if line in opened}
    assert answered == expected
    assert leaked == []
    changed = [athlete for athlete in MARKS if files_of(house, athlete) != before[athlete]]
    assert {*changed} <= ({"anna"} if may == "send" else set())


@pytest.mark.dear
def test_a_wrong_token_opens_nothing_and_each_kind_of_wrong_reads_the_same(house: HouseInUse) -> None:
    ended = made(house, "ended", "read", ends_at=house.time + timedelta(seconds=1))
    removed, blocked = made(house, "removed", "read"), made(house, "blocked", "read", account="mother")
    of_nobody = made(house, "nobody", "read", athlete="carol")
    house.later(seconds=2)
    house.accounts.remove_token("removed", "anna")
    house.accounts.change("mother", blocked=True)
    answers = {}
    for text in (ended, removed, blocked, "x" * 43, "", "x'--"):
        client = program(house, text)
        for line in table():
            answer = ask(client, line, house.ids)
            answers.setdefault(line, set()).add(
                (answer.status_code, answer.text, answer.headers.get("www-authenticate"))
            )
    house.accounts.change("mother", blocked=False, argon2=house.accounts.known("father").argon2)
    assert [line for line, kinds in answers.items() if len(kinds) != 1] == []
    wrong = {
        line for line, kinds in answers.items() if {(status, said) for status, _, said in kinds} == {(401, "Bearer")}
    }
    assert {*answers} - wrong == OPEN | {"POST /login"}
    assert program(house, of_nobody).get("/api/activities").status_code in (401, 403, 404)
    assert not [line for line in house.lines if any(text and text in line for text in (ended, removed, blocked))]


def test_two_hundred_requests_between_two_athletes_let_none_through(house: HouseInUse) -> None:
    texts = {name: made(house, "between", "read", True, True, athlete=name) for name in MARKS}
    through = []
    for number in range(100):
        for name, other in (("anna", "bob"), ("bob", "anna")):
            asked = (
                "/api/activities",
                f"/api/activities/{1 + number % 9}",
                "/activities.csv",
                "/api/gear",
                "/api/routes",
            )
            answer = program(house, texts[name]).get(asked[number % 5], headers={"Cookie": f"athlete={other}"})
            through += [answer.url for mark in [MARKS[other]] if mark in answer.text]
    assert through == []


PLACE = re.compile(
    r"latlng|latitude|longitude|polyline|location|segment|\"(map_id|extra|city|x|y|box)\":|\"place\":[^0-9]",
    re.IGNORECASE,
)


@pytest.mark.dear
def test_without_places_no_answer_has_one_also_of_a_login_that_asked_before(house: HouseInUse) -> None:
    without, all_of_it = (program(house, made(house, f"places {each}", "read", each, True)) for each in (False, True))
    browser, seen = house.browser("mother"), 0
    for line in sorted(READ - {"GET /api/openapi.json"}):
        whole = [ask(each, line, house.ids) for each in (browser, all_of_it)]
        assert whole[0].text == whole[1].text, line
        for _ in range(2):  # the second time it was kept
            answer = ask(without, line, house.ids)
            assert (PLACE.search(answer.text), answer.status_code) == (None, whole[0].status_code), line
        seen += PLACE.search(whole[0].text) is not None
        tag = whole[0].headers.get("etag")
        assert tag is None or without.get(answer.url, headers={"If-None-Match": tag}).status_code == 200, line
    assert seen >= 3, "the same answers have some"
    for query in ("place=x", "sort=place"):
        for path in ("/api/activities", "/activities.csv"):
            answered = [each.get(f"{path}?{query}").status_code for each in (without, all_of_it)]
            assert answered == [403, 200], (path, query)
    assert "place" not in without.get("/activities.csv").text.splitlines()[0].split(",")


def test_a_browser_with_a_session_is_not_asked_for_a_token_that_a_proxy_adds(house: HouseInUse) -> None:
    browser = house.browser("mother")
    assert browser.get("/api/gear", headers={"Authorization": "Bearer of-the-proxy"}).status_code == 200
    del browser.headers["X-CSRF-Token"]
    answer = browser.put("/api/files/a.gpx", content=b"x", headers={"Authorization": f"Bearer {'x' * 43}"})
    assert (answer.status_code, "CSRF" in answer.text) == (403, True)


def test_a_token_is_no_login(house: HouseInUse) -> None:
    text = made(house, "as a cookie", "read", True, True)
    stranger = TestClient(house.app, ADDRESS, follow_redirects=False)
    stranger.cookies.set(house.site.cookie, text, path="/")
    assert stranger.get("/api/gear").status_code == 401
    assert stranger.get(f"/api/gear?token={text}").status_code == 401
    assert program(house, text).get("/api/gear", headers={"Host": "evil.example"}).status_code == 403
    for wrong in (text[:-1], text):
        answer = program(house, wrong).get(
            "/settings" if wrong == text else "/activities.csv", headers={"Accept": "text/html"}
        )
        assert (answer.status_code, answer.headers["content-type"]) == (
            403 if wrong == text else 401,
            "application/problem+json",
        )
    basic = {"Authorization": f"Basic {text}"}
    assert program(house, text).get("/api/gear", headers=basic).status_code == 401


def test_wrong_tokens_wait_are_counted_and_lock_nobody_out(house: HouseInUse, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(tokens.asyncio, "sleep", sleep)
    monkeypatch.setattr(tokens, "SLOWED", 7.0)
    right, (before, _) = made(house, "right", "read"), house.accounts.wrong_tokens()
    for number in range(120):
        assert program(house, f"{number}").get("/api/gear").status_code == 401
    assert waited == [7.0] * 120
    assert house.accounts.wrong_tokens() == (before + 120, house.time.replace(microsecond=0))
    assert program(house, right).get("/api/gear").status_code == 200
    answer = house.browser().post("/login", data={"name": "mother", "password": "wrong"})
    assert answer.status_code == 403, "nor do they count as logins"


def test_without_body_no_answer_has_what_days_told(house: HouseInUse) -> None:
    for body in (False, True):
        document = program(house, made(house, f"body {body}", "read", True, body)).get("/api/openapi.json").text
        assert ('"resting_heartrate":' in document, '"weight_kg":' in document) == (body, body), (
            "here as in every answer"
        )


def test_answers_without_a_token_in_them_are_packed(house: HouseInUse) -> None:
    client = program(house, made(house, "packed", "read"))
    assert client.get("/api/openapi.json").headers["content-encoding"] == "gzip"
    assert json.loads(client.get("/api/openapi.json").text)["security"] == [{"session": []}, {"token": []}]
