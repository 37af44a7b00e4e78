"""Every route × who asks: nobody, the athlete, another athlete, an admin. The table is route_roles.txt; each line is asked for."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from strava_pipeline.serve.dashboard.routes import DATA, DOCUMENT, FRONT, HOUSE, STATIC, routes
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.pmtiles import region
from strava_pipeline_tests.serve.dashboard.houses import MARKS, HouseInUse, house_in
from strava_pipeline_tests.serve.dashboard.route_values import NEEDED, SENT, VALUES

TABLE = Path(__file__).with_name("route_roles.txt")
ADMINS = ("POST /admin/accounts/{name}/let-in", "POST /admin/accounts/{name}/block")
WHO = {"nobody": None, "athlete": "mother", "another": "father", "admin": "ada"}
FILES = {"PUT /api/files/{name}": {"name": "ride.fit"}, "PUT /api/maps/{name}": {"name": "new.pmtiles"}}
OTHER_VALUES = {**FILES, **{line: {"name": "guest"} for line in ADMINS}}


def bodies(ids: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What is sent by whom, where nothing is not enough to be understood: about what anna alone has."""
    sealed = f"{ids['change_id']}:{'0' * 32}"
    return {
        "PATCH /api/changes": {"json": {ids["change_id"]: "rejected"}},
        "POST /month/{month}/changes": {"data": {"verdict": "rejected", "change": sealed}},
        "PUT /api/files/{name}": {"content": b"x"},
        "PUT /api/maps/{name}": {"content": region()},
        "POST /api/files": {"content": SENT},
        "PATCH /api/notifications": {"json": {ids["notification_id"]: "read"}},
        "POST /notifications": {"data": {"mark": "cleared", "id": ids["notification_id"]}},
        "POST /activities/{activity_id}/bests": {"data": {"dismissed": "true"}},
        "POST /api/requests": {"json": {"kind": "import", "names": [ids["dropped"]]}},
        "POST /requests": {"data": {"kind": "import", "names": ids["dropped"]}},
        "POST /settings/goals": {"data": {'["units"]': "miles", "seal": ids["seal"]}},
        "POST /settings/tokens": {"data": {"name": "phone", "may": "send"}},
        "POST /settings/tokens/remove": {"data": {"name": "of anna"}},
        "POST /account": {"data": {"password": "wrong", "new": "another password"}},
        ADMINS[0]: {"data": {"athlete": "bob"}},
        "POST /login": {"data": {"name": "mother", "password": "wrong"}},
    }


def table() -> dict[str, dict[str, int]]:
    """The expected status by `METHOD /path` and who asks."""
    lines = [line.split() for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == ["method", "path", *WHO]
    return {f"{method} {path}": dict(zip(WHO, map(int, answers), strict=True)) for method, path, *answers in lines[1:]}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Iterator[HouseInUse]:
    with house_in(tmp_path_factory.mktemp("house"), new_lake) as made:
        yield made


def test_every_route_has_a_line_and_every_line_a_route() -> None:
    known = {f"{method} {route.path}" for route in routes((*DATA, *HOUSE, *FRONT)) for method in route.methods}
    assert {*table()} == known | {f"GET {DOCUMENT}", f"GET {STATIC}/style.css"}


def ask(browser: TestClient, line: str, ids: Mapping[str, str]) -> Any:
    method, path = line.split()
    values = {**VALUES, **ids, **OTHER_VALUES.get(line, {})}
    place = re.sub(r"\{(\w+)\}", lambda found: values[found[1]], path)
    return browser.request(method, f"{place}{NEEDED.get(path, '')}", **bodies(ids).get(line, {}))


def files_of(house: HouseInUse, athlete: str) -> dict[str, str]:
    """Each file of an athlete with a hash of what is in it, but for what looking leaves (locks)."""
    folder = house.served.data_dir / athlete
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.mark.dear
@pytest.mark.parametrize("who", WHO)
def test_every_route_answers_as_the_table_says_and_shows_nobody_what_is_anothers(house: HouseInUse, who: str) -> None:
    house.later(days=1, minutes=1)  # logins that failed before are forgotten
    account = WHO[who]
    before = {athlete: files_of(house, athlete) for athlete in MARKS}
    own = {"mother": "anna", "father": "bob"}.get(account or "")
    answered, seen, leaked = {}, False, {}
    for line in table():
        browser = house.browser(account)  # a new session for each: one of the routes ends it
        answer = ask(browser, line, house.ids)
        answered[line] = answer.status_code
        text = answer.text + str(answer.headers) + str(answer.request.url.path in answer.text)
        leaked |= {(line, mark): text for who, mark in MARKS.items() if who != own and mark.lower() in text.lower()}
        seen = seen or (own is not None and MARKS[own].lower() in text)
    assert leaked == {}
    assert seen == (own is not None), "who has a folder sees it"
    changed = [athlete for athlete in MARKS if athlete != own and files_of(house, athlete) != before[athlete]]
    assert changed == []
    assert answered == {line: expected[who] for line, expected in table().items()}
