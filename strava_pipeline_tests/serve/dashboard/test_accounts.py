"""Accounts: who gets in, what ends a session, and that two athletes of one dashboard never meet."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.environment.process_owner import ATHLETE_FOLDER
from strava_pipeline.serve.dashboard import passwords
from strava_pipeline.serve.dashboard.records.store import SESSION, Account, Records
from strava_pipeline.serve.house_settings import house_settings
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.processes import python
from strava_pipeline_tests.serve.dashboard.houses import (
    MARKS,
    NOW,
    PASSWORD,
    HouseInUse,
    cheap_passwords,
    house_in,
    settings_of_house,
)

PAGE = {"Accept": "text/html"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HouseInUse]:
    """Two athletes without data, the accounts mother (of anna) and father (of bob), and the admin ada."""
    with cheap_passwords():
        made = HouseInUse(settings_of_house(tmp_path))
        made.add("mother", athlete="anna")
        made.add("father", athlete="bob")
        made.add("ada", "admin")
        yield made
        made.site.records.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Iterator[HouseInUse]:
    with house_in(tmp_path_factory.mktemp("house"), new_lake) as made:
        yield made


def log_in(browser: TestClient, name: str, password: str = PASSWORD) -> int:
    return browser.post("/login", data={"name": name, "password": password}).status_code


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that passwords are compared with from now on."""
    hashes: list[str] = []

    class Counting(type(passwords._hasher)):  # type: ignore[misc]
        def verify(self, hash: str, password: str) -> Any:  # noqa: A002 - as argon2 calls it
            hashes.append(hash)
            return super().verify(hash, password)

    cheap = passwords._hasher
    same = Counting(cheap.time_cost, cheap.memory_cost, cheap.parallelism)
    monkeypatch.setattr(passwords, "_hasher", same)
    return hashes


def test_there_are_accounts_where_athletes_dir_has_a_second_athlete_and_in_no_athletes_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of_house(tmp_path)
    assert (found := house_settings(settings)) is not None
    assert found.data_dir == settings.athletes_dir
    assert house_settings(settings.model_copy(update={"athletes_dir": None})) is None
    (tmp_path / "athletes" / "athletes.toml").write_text("[anna]\n")
    assert house_settings(settings) is None
    (tmp_path / "athletes" / "athletes.toml").write_text("[anna]\n[bob]\n")
    monkeypatch.setenv(ATHLETE_FOLDER, str(tmp_path))
    assert house_settings(settings) is None


def test_a_name_that_is_none_a_wrong_password_and_a_blocked_account_cannot_be_told_apart(
    house: HouseInUse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.accounts.change("father", blocked=True)
    hashes, answers = counted(monkeypatch), []
    for name, password in (
        ("nobody", PASSWORD), ("mother", "wrong"), ("father", PASSWORD), ("father", "wrong"), ("../x\x00 ☃", "")
    ):  # fmt: skip
        answer = house.browser().post("/login", data={"name": name, "password": password}, headers=PAGE)
        answers.append((answer.status_code, answer.text, {**answer.headers}))
        house.later(days=1)
    assert answers == [answers[0]] * 5
    assert answers[0][0] == 403
    assert len(hashes) == 5, "each is as much work"
    assert log_in(house.browser(), " Mother ") == 303
    assert not [line for line in house.lines if "mother" in line or "wrong" in line]


def test_an_account_is_slowed_from_all_addresses_and_an_address_for_all_accounts(house: HouseInUse) -> None:
    house.behind_proxy = True
    house.app = house.another()

    def tried(name: str, address: str, password: str = "wrong") -> int:
        headers = {"X-Forwarded-For": address}
        return house.browser().post("/login", data={"name": name, "password": password}, headers=headers).status_code

    assert [tried("mother", f"9.9.9.{n}") for n in range(6)] == [403] * 5 + [429]
    assert tried("mother", "9.9.9.77", PASSWORD) == 429
    assert tried("father", "9.9.9.77", PASSWORD) == 303
    assert [tried("nobody", f"9.9.8.{n}") for n in range(6)] == [403] * 5 + [429], "no account of the name is no matter"
    assert [tried(f"n{n}", "9.9.7.1") for n in range(6)] == [403] * 5 + [429]
    house.later(seconds=10)
    assert tried("mother", "9.9.9.77", PASSWORD) == 303
    assert tried("mother", "9.9.9.78") == 403, "a login forgets"
    with house.accounts._transaction() as connection:
        counted_for = str(connection.execute(text("SELECT client FROM dashboard_attempts")).all())
    assert "nobody" not in counted_for, "what was typed as a name may be a password"


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda accounts: accounts.change("mother", argon2=passwords.hash_of_password("another password")),
        lambda accounts: accounts.change("mother", role="admin"),
        lambda accounts: accounts.change("mother", athlete="bob"),
        lambda accounts: accounts.change("mother", blocked=True),
        lambda accounts: (accounts.change("mother", blocked=True), accounts.change("mother", blocked=False)),
        lambda accounts: accounts.remove("mother"),
        lambda accounts: (accounts.remove("mother"), accounts.add(Account("mother", "athlete", "bob", argon2="x"), NOW)),
    ],
)  # fmt: skip
def test_a_session_ends_everywhere_when_its_account_changes(house: HouseInUse, change: Callable[[Any], object]) -> None:
    seen = house.accounts.known("mother")
    here, there = house.browser("mother"), house.browser("mother", house.another())
    other = house.browser("father")
    assert [each.get("/notifications").status_code for each in (here, there, other)] == [200] * 3
    change(house.accounts)
    assert [each.get("/notifications").status_code for each in (here, there, other)] == [401, 401, 200]
    assert there.get("/api/notifications").status_code == 401
    late = house.accounts.begin_session_of(seen, house.time)
    assert house.accounts.session(late, house.time) is None, "a login that was under way meanwhile"
    house.accounts.remove_old(house.time)
    assert other.get("/notifications").status_code == 200
    house.later(seconds=SESSION.total_seconds())
    assert other.get("/notifications").status_code == 401


def test_a_login_gives_a_session_of_its_own_and_adopts_none(house: HouseInUse) -> None:
    browser = house.browser()
    planted = house.browser("father").cookies[house.site.cookie]
    browser.cookies.set(house.site.cookie, planted, path="/")
    assert log_in(browser, "mother") == 303
    given = {cookie.value for cookie in browser.cookies.jar if cookie.name == house.site.cookie} - {planted}
    assert len(given) == 1
    (token,) = given
    assert house.accounts.session(planted, house.time) is None, "it was this browser's, and has ended"
    session = house.accounts.session(str(token), house.time)
    assert session is not None
    assert session.account == Account("mother", "athlete", "anna")
    for wrong in ("", "made-up", "a" * 5000):
        stranger = house.browser()
        stranger.cookies.set(house.site.cookie, wrong, path="/")
        assert log_in(stranger, "mother", "wrong") == 403
        assert stranger.get("/notifications").status_code == 401
        house.later(days=1)


def test_sessions_with_and_without_accounts_in_the_same_database_are_none_of_the_other(house: HouseInUse) -> None:
    alone = Records(house.accounts._engine)
    token = alone.begin_session(house.time)
    browser = house.browser()
    browser.cookies.set(house.site.cookie, token, path="/")
    assert (browser.get("/notifications").status_code, alone.session(token, house.time) is not None) == (401, True)
    ours = house.browser("mother").cookies[house.site.cookie]
    assert alone.session(ours, house.time) is None
    link = alone.add_link(house.time)
    assert house.browser().get(f"/login?token={link}").status_code == 200, "links log nobody in: the form is shown"
    house.accounts.remove("mother")
    house.accounts.remove_old(house.time)
    assert alone.session(token, house.time) is not None


def test_who_was_blocked_is_let_in_and_sees_the_pages_of_one_athlete(house: HouseInUse) -> None:
    browser, admin = house.browser(), house.browser("ada")
    house.accounts.change("mother", blocked=True, athlete=None)
    assert log_in(browser, "mother") == 403
    assert re.search(r"mother.*blocked", admin.get("/admin", headers=PAGE).text, re.DOTALL)
    where = "/admin/accounts/mother/let-in"
    assert admin.post(where).status_code == 400, "it needs an athlete"
    assert admin.post(where, data={"athlete": "nobody"}).status_code == 400
    assert admin.post("/admin/accounts/nobody/let-in", data={"athlete": "bob"}).status_code == 404
    done = admin.post(where, data={"athlete": "bob"})
    assert (done.status_code, done.headers["location"]) == (303, "/admin")
    assert log_in(browser, "mother") == 303
    assert "<dd>bob</dd>" in browser.get("/account", headers=PAGE).text
    assert admin.post("/admin/accounts/mother/block").status_code == 303
    assert (browser.get("/account").status_code, log_in(browser, "mother")) == (401, 403)


@pytest.mark.parametrize("path", ["/admin/accounts/father/block", "/admin/accounts/father/let-in"])
def test_an_admins_action_needs_a_page_of_the_admins_own_session(house: HouseInUse, path: str) -> None:
    ada = house.browser("ada")
    for headers in (
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": house.browser("ada").headers["X-CSRF-Token"]},
        {"X-CSRF-Token": house.browser("mother").headers["X-CSRF-Token"]},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
    ):
        assert ada.post(path, headers=headers).status_code == 403, headers
    assert [ada.request(method, path).status_code for method in ("GET", "HEAD", "PUT", "OPTIONS")] == [405] * 4
    assert house.browser("mother").post(path).status_code == 403
    assert not house.accounts.known("father").blocked
    form = {"csrf_token": ada.headers.pop("X-CSRF-Token"), "athlete": "bob"}
    assert ada.post(path, data=form).status_code == 303, "as a browser without a script sends it"


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/x", "http://127.0.0.1:8723//admin", "/./admin", "/x/../admin", "/Admin", "/admin%2f", "/%61dmin", "/account/../admin", "/login/../admin", "/static/../admin", "/admin;x", "/admin?x"])  # fmt: skip
def test_no_way_of_writing_its_address_shows_the_admins_page_to_others(house: HouseInUse, path: str) -> None:
    for account, allowed in ((None, {401, 404}), ("mother", {403, 404})):
        for method in ("GET", "HEAD", "OPTIONS", "ODD"):
            answer = house.browser(account).request(method, path)
            assert answer.status_code in allowed | {403, 405}, (account, method)
            assert "father" not in answer.text


def test_the_last_admin_stays_and_an_admin_who_is_blocked_counts_for_none(house: HouseInUse) -> None:
    ada = house.browser("ada")
    house.add("eve", "admin")
    house.accounts.change("eve", blocked=True)
    refused = ada.post("/admin/accounts/ada/block")
    assert (refused.status_code, "only admin" in refused.json()["detail"]) == (400, True)
    for change in (
        lambda: house.accounts.remove("ada"),
        lambda: house.accounts.change("ada", role="athlete", athlete="anna"),
    ):
        with pytest.raises(MisuseError, match="only admin"):
            change()
    assert ada.get("/admin").status_code == 200, "what was refused ended no session"
    house.accounts.change("eve", blocked=False)
    assert ada.post("/admin/accounts/ada/block").status_code == 303
    assert (ada.get("/admin").status_code, house.accounts.known("ada").blocked) == (401, True)


def test_a_password_is_changed_by_who_knows_it_and_logs_the_other_browsers_out(house: HouseInUse) -> None:
    browser, other = house.browser("mother"), house.browser("mother")
    wrong = {"password": "wrong", "new": "a better password"}
    assert browser.post("/account", data=wrong).status_code == 400
    assert browser.post("/account", data={"password": PASSWORD, "new": "short"}).status_code == 400
    assert other.get("/account").status_code == 200
    del browser.headers["X-CSRF-Token"]
    assert browser.post("/account", data={**wrong, "password": PASSWORD}).status_code == 403
    browser = house.browser("mother")
    assert browser.post("/account", data={**wrong, "password": PASSWORD}).status_code == 303
    assert (browser.get("/account").status_code, other.get("/account").status_code) == (200, 401)
    assert [log_in(house.browser(), "mother", each) for each in (PASSWORD, "a better password")] == [403, 303]


def test_a_password_that_an_admin_sets_meanwhile_stays(house: HouseInUse, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = house.browser("mother")

    def hashed_late(password: str) -> str:
        house.accounts.change("mother", argon2="the admin's")
        return "whoever knew the old one's"

    monkeypatch.setattr("strava_pipeline.serve.dashboard.house_account.hash_of_password", hashed_late)
    assert browser.post("/account", data={"password": PASSWORD, "new": "another password"}).status_code == 400
    assert house.accounts.known("mother").argon2 == "the admin's"


def test_who_has_no_athlete_gets_no_data_and_is_told_why(house: HouseInUse) -> None:
    ada = house.browser("ada")
    assert [ada.get("/").headers["location"], ada.get("/notifications").status_code] == ["/admin", 404]
    registry = house.served.data_dir / "athletes.toml"
    registry.write_text("[anna]\n[bob]\nfolder = 'nowhere'\n")
    father, mother = house.browser("father"), house.browser("mother")
    assert father.get("/notifications").status_code == 200, "an empty folder"
    registry.write_text("[anna]\n[carl]\n")
    assert (father.get("/notifications").status_code, mother.get("/notifications").status_code) == (404, 200)
    assert father.get("/").headers["location"] == "/account"
    told = father.get("/account", headers=PAGE).text
    assert ("The pages of bob can’t be shown. An admin sees why." in told, "carl" in told) == (True, False)
    house.add("eve", "admin", "bob")
    assert "There is no athlete" in house.browser("eve").get("/account", headers=PAGE).text
    (house.served.data_dir / "carl").mkdir()
    (house.served.data_dir / "carl" / ".env").write_text("STRAVA_TIMEZONE=nowhere\n")
    shown = ada.get("/admin", headers=PAGE).text
    assert ("STRAVA_TIMEZONE" in shown, "who is no athlete here" in shown) == (True, True)
    registry.write_text("[anna\n")
    assert (ada.get("/admin").status_code, mother.get("/notifications").status_code) == (400, 404)


@pytest.mark.dear
def test_nothing_that_is_kept_of_one_athlete_is_shown_to_another(filled: HouseInUse) -> None:
    """The same addresses, ids and moments: from what was kept before, with the other's tags, in turns."""
    paths = ["/activities", "/activities/1", "/year/2025", "/gear", "/notifications", "/api/activities", "/api/activities/1", "/api/heat", "/settings"]  # fmt: skip
    browsers = {"anna": filled.browser("mother"), "bob": filled.browser("father")}
    tags: dict[str, str] = {}
    for _ in range(2):
        for athlete, browser in browsers.items():
            other = MARKS["bob" if athlete == "anna" else "anna"]
            for path in paths:
                answer = browser.get(path, headers={"If-None-Match": tags.get(path, '"none"')})
                assert answer.status_code == 200, (path, "the other's tag is no tag of this one's")
                assert other.lower() not in answer.text.lower(), path
                tags[path] = answer.headers.get("etag", '"none"')
    assert any(tag != '"none"' for tag in tags.values())
    stolen = browsers["anna"].headers["X-CSRF-Token"]
    assert browsers["bob"].post("/notifications", headers={"X-CSRF-Token": stolen}).status_code == 403


def test_each_athletes_settings_show_on_their_pages_alone(house: HouseInUse) -> None:
    own = "MAP_TILES_URL=https://tiles.example/{z}/{x}/{y}.png\nDASHBOARD_ADDRESS=off\nDASHBOARD_LAN=true\n"
    (house.served.data_dir / "anna" / ".env").write_text(own)
    app = house.another()
    mother, father, ada = (house.browser(name, app) for name in ("mother", "father", "ada"))
    policies = [each.get("/account").headers["content-security-policy"] for each in (mother, father, ada)]
    assert ["tiles.example" in each for each in policies] == [True, False, False]
    assert "without encryption" not in mother.get("/account", headers=PAGE).text
    assert mother.post("/logout").headers["set-cookie"].startswith('dashboard_8723=""'), "the house's, not anna's own"
    shown = "".join(father.get(path, headers=PAGE).text for path in ("/settings", "/", "/providers"))
    assert re.findall(r"<code>strava-pipeline (?!--athlete bob )", shown) == []
    assert "<code>strava-pipeline --athlete bob " in shown
    assert "the Dagster of all" in shown, "which may be what starts bob's runs"
    assert "<code>strava-pipeline dashboard account father</code>" in father.get("/account", headers=PAGE).text
    asked = father.post("/api/requests", json={"kind": "pull", "provider": "strava"}).json()["detail"]
    assert "`strava-pipeline --athlete bob start`" in asked
    assert house.browser("mother").get("/account", headers=PAGE).text.count("<dd>mother</dd>") == 2, "who sees them"
    house.add("spy", athlete="anna")
    assert "<dd>mother, spy</dd>" in house.browser("mother").get("/account", headers=PAGE).text


@pytest.mark.slow
def test_an_admin_sees_how_athletes_stand_and_neither_names_nor_places(filled: HouseInUse) -> None:
    shown = filled.browser("ada").get("/admin", headers=PAGE).text
    assert {"anna", "bob"} <= {*re.findall(r"\w+", shown)}
    assert "1 failure that nobody has read" in shown
    assert not [mark for mark in MARKS.values() if mark in shown]
    filled.add("both", "admin", "anna")
    both = filled.browser("both")
    assert MARKS["anna"] in both.get("/activities", headers=PAGE).text
    assert MARKS["bob"] not in both.get("/activities", headers=PAGE).text
    assert MARKS["anna"] not in re.sub(r"<footer.*", "", both.get("/admin", headers=PAGE).text, flags=re.DOTALL)
    assert 'href="/admin"' in both.get("/activities", headers=PAGE).text
    assert 'href="/admin"' not in filled.browser("mother").get("/activities", headers=PAGE).text


@pytest.mark.dear
def test_a_dashboard_without_accounts_imports_nothing_of_them(tmp_path: Path) -> None:
    script = """if True:
        import sys
        from strava_pipeline.operations.dashboard import DashboardPipeline
        from strava_pipeline.serve.dashboard.app import build_dashboard
        from strava_pipeline.serve.dashboard.start_check import check_start
        from strava_pipeline.environment.settings import Settings
        settings = Settings.load()
        check_start(settings, behind_proxy=False)
        build_dashboard(settings, DashboardPipeline(settings))
        print(*sorted(sys.modules))
        """
    kept = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = python("-c", script, cwd=tmp_path, env=kept, check=True)
    found = done.stdout.split()
    assert [
        each for each in found if re.search(r"\.(athletes|house|house_a\w+|athletes_app|front_\w+|accounts?\w*)$", each)
    ] == []
    assert "strava_pipeline.serve.dashboard.alone_login" in found
