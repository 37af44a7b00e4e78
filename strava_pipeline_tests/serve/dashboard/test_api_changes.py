"""Months, changes and services by the JSON API and on pages, in a data folder of Strava and the toy: decisions are those of the command line."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from strava_pipeline.core.insights.goals import USUAL_DATES
from strava_pipeline.lake.changes import Outcome, record_outcome, verdicts
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import end_request
from strava_pipeline.operations.changes.asking import propose_month
from strava_pipeline.operations.changes.deciding import Wanted, decide
from strava_pipeline.serve.dashboard.pages_months import chosen_changes, waiting_changes
from strava_pipeline.serve.dashboard.rendering import _templates as environment
from strava_pipeline.testing.worlds import at_strava
from strava_pipeline_tests.lake.insight_rows import put
from strava_pipeline_tests.providers.test_comparing import choose, two_names_differ
from strava_pipeline_tests.providers.worlds import World, list_at_strava
from strava_pipeline_tests.serve.dashboard.conftest import served
from strava_pipeline_tests.serve.dashboard.test_pages import words

pytestmark = pytest.mark.slow

MONTH = "2025-06"
HOSTILE = "<b>Up</b> \u202ethe hill 🚵"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with two_names_differ(tmp_path, monkeypatch, HOSTILE) as found:
        propose_month(found.run(), found.settings, MONTH)
        yield found


@pytest.fixture
def api(world: World) -> Iterator[TestClient]:
    with served(world.settings, time=datetime.now(UTC)) as made:
        yield made.browser()


def test_a_file_names_its_service_once_and_a_month_says_how_what_it_requires_is_proposed() -> None:
    file = {"kind": "download_file", "title": None, "old": None, "new": "toy", "source": "toy", "seal": "s"}
    one = {"changes": {"k": {**file, "status": "proposed", "awaits_publish": False}}}
    waiting = [("disk", "download_file", [("k", file)])]
    more = {
        "decided": "",
        "form_token": "",
        "is_out_of_band": False,
        "left_out": 0,
        "month": MONTH,
        "page": 1,
        "pages": 1,
    }
    values = {**more, "status": "requires_action", "units": "km", "zone": UTC}
    shown = environment(USUAL_DATES).get_template("month_changes.html").render
    assert words(shown(**values, **one, waiting=waiting)).count("Toy") == 1
    nothing = {"changes": {}, "waiting": []}
    assert "waits for you. Pull and compare it" in shown(**values, **nothing)
    assert "Pull and compare it" not in shown(**{**values, **nothing, "status": "in_sync"})


@pytest.mark.dear
def test_a_month_is_compared_and_its_changes_are_decided_as_by_a_command(world: World, api: TestClient) -> None:
    lake = Lake(world.settings.data_dir)
    months = api.get(f"/api/calendar?from={MONTH}&to=2025-07").json()["months"]
    assert {month: one["status"] for month, one in months.items()} == {"2025-07": "in_sync", MONTH: "requires_action"}
    early = api.get("/api/calendar?from=1000-01&to=1000-02").json()["months"]
    assert [(one["status"], *(each["status"] for each in one["providers"].values())) for one in early.values()] == [
        ("not_pulled", "not_pulled", "not_pulled")
    ] * 2, "before all years"
    month = api.get(f"/api/calendar/{MONTH}").json()
    assert month["rows"]["1"]["providers"]["toy"]["name"] == HOSTILE
    assert (month["rows"]["1"]["start"], month["providers"]["strava"]["status"]) == (
        "2025-06-10T06:00:00Z",
        "requires_action",
    )
    facts = {fact["name"]: fact for fact in api.get("/api/status").json()["facts"] if fact["of"] == "toy"}
    assert (facts["published"]["values"]["rows"], facts["pull"]["values"]["rows"]) == (3, 3)

    changes = api.get("/api/changes?status=proposed").json()["changes"]
    assert month["changes"].keys() == changes.keys()
    assert [(each["old"], each["new"], each["activity_id"]) for each in changes.values()] == [
        ("Away", "Home", 2),
        ("Morning Ride", HOSTILE, 1),
    ]
    (first, second), page = changes, api.get("/api/changes?limit=1").json()
    assert [*page["changes"]] == [first]
    following = f"/api/changes?status=proposed&limit=1&cursor={page['next']}"
    assert [*api.get(following).json()["changes"]] == [second]

    unseen = api.patch("/api/changes", json={first: "approved", second: "rejected"})
    assert (unseen.status_code, verdicts(lake)) == (428, {}), "what nobody saw is not approved"
    stale = {"status": "approved", "seal": "0" * 32}
    refused = api.patch("/api/changes", json={first: stale, second: "rejected"})
    assert (refused.status_code, first in refused.json()["detail"], verdicts(lake)) == (409, True, {})
    sealed = {"status": "approved", "seal": changes[first]["seal"]}
    decided = api.patch("/api/changes", json={first: sealed, second: "rejected"})
    assert {key: each["status"] for key, each in decided.json()["changes"].items()} == {
        first: "approved",
        second: "rejected",
    }
    assert {key: each.verdict for key, each in verdicts(lake).items()} == {first: "approved", second: "rejected"}
    assert api.get(following).json() == {"changes": {}, "next": None}, "the cursor is that of a decided change"
    assert api.patch("/api/changes", json={first: sealed}).status_code == 409, "it is approved already"
    decide(world.settings, "rejected", [Wanted(first)], "strava-pipeline changes reject")
    found = api.get(f"/api/changes/{first}").json()["changes"][first]
    assert (found["status"], found["attempts"]) == ("rejected", {})
    assert api.get(f"/api/calendar/{MONTH}").json()["status"] == "in_sync"


@pytest.mark.dear
def test_of_two_at_once_one_decides_and_what_is_approved_is_asked_for_once(world: World, api: TestClient) -> None:
    (change, other) = changes = api.get("/api/changes").json()["changes"]
    sealed = {change: {"status": "approved", "seal": changes[change]["seal"]}}
    asked = {"kind": "apply_changes", "ids": [change]}
    assert api.post("/api/requests", json=asked).status_code == 400, "it is not approved"
    with ThreadPoolExecutor(6) as people:
        answers = list(people.map(lambda _: api.patch("/api/changes", json=sealed).status_code, range(6)))
    assert sorted(answers) == [200, *[409] * 5]
    lines = (world.settings.data_dir / "decisions" / "changes.jsonl").read_bytes().splitlines()
    assert len(lines) == 1
    first, again = (api.post("/api/requests", json=asked) for _ in range(2))
    assert (first.status_code, first.json(), first.headers["location"]) == (
        202,
        again.json(),
        f"/api/requests/{first.json()['id']}",
    )
    refused = api.post("/api/requests", json={"kind": "apply_changes", "ids": [change, other]})
    assert (refused.status_code, other in refused.json()["detail"]) == (400, True)
    shown = api.get(first.headers["location"]).json()
    assert (shown["kind"], shown["ids"], shown["status"], shown["lines"]) == ("apply_changes", [change], "waiting", [])
    assert (shown["looked_at"], shown["run_id"]) == (None, None)
    for body in (
        {"kind": "pull", "provider": "toy"},
        {"kind": "sync_month", "month": MONTH},
        {"kind": "backfill", "year": 2025},
    ):
        assert api.post("/api/requests", json=body).status_code == 202, body


@pytest.mark.dear
def test_changes_are_decided_on_their_months_page_and_approved_ones_asked_for(world: World, api: TestClient) -> None:
    lake, address = Lake(world.settings.data_dir), f"/month/{MONTH}"
    world.subject.add("2025-06-20", "Only at the toy", began="2025-06-20T08:00:00+02:00")
    world.pull()
    publish(lake)
    api.headers["Accept"] = "text/html"
    text = api.get(address).text
    assert text.count("&lt;b&gt;Up&lt;/b&gt; \\u202ethe hill") == 3, "at the toy, and in a change"
    assert "Toy ✓ in sync Strava ! requires action" in words(text), "above each column"
    row = words(text.partition("<tbody>")[2].partition("</tr>")[0])
    assert row.startswith("20 Jun 2025, 08:00 2.2 km Toy Only at the toy at Toy counts")
    assert row.endswith("Strava not there"), "nothing is to do"
    assert ('requires_action">change?' in text, "Pull and compare" in text, "<bdi>Home</bdi>" in text) == (
        True,
        True,
        True,
    )
    months = unescape(words(api.get("/sync?year=2025").text))
    assert "how it stands at Toy Toy, Str Strava." in months, "the key of the marks"
    assert "June 2025 4 activities 8.9 km ✓\u2009Toy Toy: in sync !\u2009Str Strava: requires action" in months, (
        "beside their names"
    )
    assert "2 changes to decide about" in api.get("/").text
    assert "Pull Toy now" in api.get("/providers").text
    sealed = re.findall(r'name="change" value="([0-9a-f]+:[0-9a-f]{32})"', text)
    assert len(sealed) == 2

    stale = [sealed[0], f"{sealed[1].split(':')[0]}:{'0' * 32}"]
    for form, status in (
        ({"verdict": "approved", "change": stale}, 409),
        ({"verdict": "approved", "change": ["../x"]}, 400),
        ({"verdict": "applied", "change": sealed}, 400),
        ({"change": sealed}, 400),
        ({"verdict": "approved", "change": sealed * 600}, 413),
        ({f"x{n}": "" for n in range(1001)}, 400),
    ):
        assert api.post(f"{address}/changes", data=form).status_code == status, form.keys()
    token = api.headers.pop("X-CSRF-Token")
    assert api.post(f"{address}/changes", data={"verdict": "approved", "change": sealed}).status_code == 403
    api.headers["X-CSRF-Token"] = token
    assert verdicts(lake) == {}

    assert 'name="change"' in text, "and none is ticked"
    assert " checked" not in text
    plain = api.post(f"{address}/changes", data={"verdict": "approved"})
    assert (plain.status_code, plain.headers["location"]) == (303, f"{address}#changes"), "without a script"
    api.headers["HX-Request"] = "true"
    nothing = api.post(f"{address}/changes", data={"verdict": "approved"}).text
    assert ("Nothing was chosen." in nothing, verdicts(lake)) == (True, {})
    assert "autofocus" not in text, "who opens the page is at its top"
    parts = api.post(f"{address}/changes", data={"verdict": "approved", "change": sealed[:1]}).text
    assert '<p role="status" tabindex="-1" autofocus>1 approved.</p>' in parts, "the button that had the focus is gone"
    assert ("1 approved." in parts, "Write 1 change now" in parts, "<html" in parts) == (True, True, False)
    assert '<p id="month-head" hx-swap-oob="true">' in parts, "the head of the page follows"
    assert '<p id="month-head">' in text
    after = api.post(f"{address}/changes", data={"verdict": "rejected", "change": sealed[1:]}).text
    assert 'name="change"' not in after
    assert [each.verdict for each in verdicts(lake).values()] == ["approved", "rejected"]

    wanted = {"kind": "apply_changes", "ids": re.findall(r'name="ids" value="([0-9a-f]+)"', after)}
    asked = api.post("/requests", data=wanted)
    assert (asked.status_code, "Write changes: waiting" in asked.text) == (202, True)
    assert "service is not running" in asked.text
    (shown,) = set(re.findall(r'hx-get="(/requests/[^"]+)"', asked.text))
    assert "Write changes: waiting" in api.get(shown).text
    assert api.post("/requests", data={"kind": "sync_month", "month": MONTH}).status_code == 202
    for form in (
        {"kind": "purge"},
        {"kind": "sync_month", "month": "2999-01"},
        {"kind": "apply_changes", "ids": ["0f3c"]},
        {},
    ):
        assert api.post("/requests", data=form).status_code == 400, form
    assert api.get("/requests/20261120T080206564698Z-0123abcd").status_code == 404


@pytest.mark.dear
def test_what_was_written_leaves_its_page_when_the_request_has_ended(world: World, api: TestClient) -> None:
    lake, address = Lake(world.settings.data_dir), f"/month/{MONTH}"
    api.headers |= {"Accept": "text/html", "HX-Request": "true"}
    sealed = re.findall(r'name="change" value="([0-9a-f]+:[0-9a-f]{32})"', api.get(address).text)
    parts = api.post(f"{address}/changes", data={"verdict": "approved", "change": sealed}).text
    ids = re.findall(r'name="ids" value="([0-9a-f]+)"', parts)
    asked = api.post("/requests", data={"kind": "apply_changes", "ids": ids}).text
    assert ("Write changes: waiting" in asked, 'id="changes"' in asked) == (True, False)
    (shown,) = set(re.findall(r'hx-get="(/requests/[^"]+)"', asked))
    decide(world.settings, "rejected", [Wanted(ids[0])], "strava-pipeline changes reject")
    end_request(lake, shown.rpartition("/")[2], "done", datetime.now(UTC), "")
    ended = api.get(shown).text
    assert '<section id="changes" hx-swap-oob="true"' in ended
    assert '<p role="status" tabindex="-1" autofocus>0 of 2 changes were written.</p>' in ended
    assert ("Write 1 change now" in ended, "Write 2 changes now" in ended) == (True, False)
    assert '<p id="month-head" hx-swap-oob="true">' in ended
    assert f'href="{address}">June 2025</a>' in ended
    del api.headers["HX-Request"]
    whole = api.get(shown).text
    assert ('id="changes"' in whole, f'href="{address}">June 2025</a>' in whole) == (False, True)


@pytest.mark.dear
def test_a_name_that_may_not_be_changed_is_no_fault_of_a_month_in_sync(world: World) -> None:
    choose(world, "priority = 1")
    with served(world.settings, time=datetime.now(UTC)) as made:
        browser = made.browser()
        browser.headers["Accept"] = "text/html"
        text = words(browser.get(f"/month/{MONTH}").text)
    assert ("Strava ✓ in sync" in text, "another name change?" in text, text.count("at Strava another name")) == (
        True,
        False,
        2,
    )


@pytest.mark.dear
def test_a_written_change_is_said_to_be_until_the_published_data_show_it(world: World, api: TestClient) -> None:
    lake, address = Lake(world.settings.data_dir), f"/month/{MONTH}"
    put(lake, [{"source": "strava", "gear_id": "b1", "name": "Tourer"}], "gear")
    api.headers["Accept"] = "text/html"
    (key,) = (key for key, each in api.get("/api/changes").json()["changes"].items() if each["new"] == "Home")
    assert words(api.get(address).text).count("another name change?") == 2
    decide(world.settings, "approved", [Wanted(key)], "test")
    record_outcome(lake, Outcome(id=key, round=1, at=datetime.now(UTC), result="applied"), None)
    text = words(api.get(address).text)
    assert "Strava, Home : written, shown after the next publish." in text
    assert "Strava Away at Strava written, shown after the next publish" in text
    assert text.count("another name change?") == 1
    list_at_strava(world, at_strava(2, "2025-06-11", "Home", hours=2) | {"gear_id": "b1"})
    world.pull()
    propose_month(world.run(), world.settings, MONTH)
    publish(lake)
    text = words(api.get(address).text)
    assert ("after the next publish" in text, "Home at Strava Tourer" in text) == (False, True), "no gear is linked"


def test_changes_are_paged_by_kind_and_a_kind_is_chosen_as_a_whole() -> None:
    changes = {
        f"{n:x}": {"status": status, "provider": provider, "kind": "update_name"}
        for n, (status, provider) in enumerate([("proposed", "toy"), ("approved", "toy"), ("proposed", "strava")] * 40)
    }
    first, last = waiting_changes(changes, 1), waiting_changes(changes, 9)
    assert [(provider, kind, len(rows)) for provider, kind, rows in first["waiting"]] == [
        ("strava", "update_name", 40),
        ("toy", "update_name", 10),
    ]
    assert [(provider, kind, len(rows)) for provider, kind, rows in last["waiting"]] == [("toy", "update_name", 30)]
    assert (first["waiting_count"], first["pages"], last["page"]) == (80, 2, 2), "past the end, the last page"
    assert waiting_changes({}, 1) == {"waiting": [], "waiting_count": 0, "page": 1, "pages": 1}
    form = {"change": ["a", "b"], "kind": ["toy:update_name", "none"], "of.toy:update_name": ["b", "c"], "of.x": ["d"]}
    assert chosen_changes(form) == ["a", "b", "c"]
