"""Dagster's UI below /dagster: who is let through to it, and what Dagster gets to see. That it works is tested in e2e/."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from strava_pipeline.environment.settings import Settings
from strava_pipeline.serve.dashboard.records.store import Account
from strava_pipeline_tests.local_server import Quiet, serving
from strava_pipeline_tests.processes import free_port
from strava_pipeline_tests.serve.dashboard.conftest import ADDRESS, Dashboard
from strava_pipeline_tests.serve.dashboard.houses import HouseInUse, cheap_passwords, settings_of_house

PAGE = {"Accept": "text/html"}
JSON = {"Content-Type": "application/json"}
OWN = {"Sec-Fetch-Site": "same-origin"}
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
SOCKETS = ADDRESS.replace("http", "ws")  # a path alone is asked of another host
Asked = dict[str, Any]


@pytest.fixture
def web_server() -> Iterator[tuple[str, list[Asked]]]:
    """A web server in Dagster's place: its address, and what it was asked."""
    asked: list[Asked] = []

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(
                {
                    "line": f"{self.command} {self.path}",
                    "body": body,
                    **{name.lower(): value for name, value in self.headers.items()},
                }
            )
            self.send_response(307 if self.path.endswith("/moved") else 200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Security-Policy", "script-src 'nonce-7'")
            self.send_header("Set-Cookie", "dashboard_8723=made-up; Path=/")
            self.send_header("Location", f"http://{self.headers['Host']}/dagster/runs")
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"/data")

        do_POST = do_GET  # noqa: N815 - as the base class calls it

    with serving(Handler) as address:
        yield f"{address}/dagster", asked


def home_network(settings: Settings, dagster: str | None) -> Dashboard:
    used = settings.model_copy(update={"dashboard_lan": True, "dashboard_hosts": "nas.lan"})
    return Dashboard(used, dagster=dagster)


def test_dagster_gets_all_it_needs_and_no_session(settings: Settings, web_server: tuple[str, list[Asked]]) -> None:
    url, asked = web_server
    browser = home_network(settings, url).browser()
    page = browser.get(
        "/dagster/runs/%2e%2e/a%20b?q=%2F", headers={**PAGE, "X-Forwarded-For": "1.2.3.4", "If-None-Match": '"7"'}
    )
    assert (page.status_code, page.text) == (200, "/data"), "its answers are as they are"
    posted = browser.post("/dagster/graphql", content=b'{"query": ""}', headers={**JSON, "Origin": ADDRESS})
    assert posted.status_code == 200
    assert [each["line"] for each in asked] == ["GET /dagster/runs/%2e%2e/a%20b?q=%2F", "POST /dagster/graphql"]
    assert (asked[0]["if-none-match"], asked[1]["body"]) == ('"7"', b'{"query": ""}')
    names = {name for each in asked for name in each}
    assert names == {
        "line", "body", "host", "accept", "accept-encoding", "if-none-match", "content-length", "content-type"
    }  # fmt: skip
    assert "set-cookie" not in page.headers
    policies = page.headers.get_list("content-security-policy")
    assert (policies[0], "frame-ancestors 'none'" in policies[1]) == ("script-src 'nonce-7'", True)
    assert "connect-src 'self' ws://127.0.0.1:8723;" in policies[1]
    assert (page.headers["x-frame-options"], page.headers["cache-control"]) == ("DENY", "no-cache")
    assert browser.get("/dagster/moved").headers["location"] == "/dagster/runs"
    head = browser.head("/dagster/")
    assert (head.status_code, head.text) == (200, "")
    assert (
        browser.get("/gear").headers.get_list("content-security-policy")[0].startswith("default-src 'self'; base-uri")
    )


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/dagster/", {}, 200),
        ("GET", "/dagster/", {"Host": "nas.lan:8723"}, 200),
        ("GET", "/dagster/runs", LINK, 200),
        ("POST", "/dagster/graphql", {**JSON, **OWN}, 200),
        ("POST", "/dagster/graphql", {**JSON, "Origin": ADDRESS}, 200),
        # no login
        ("GET", "/dagster/", {"Cookie": ""}, 401),
        ("GET", "/dagster/", {"Cookie": "", **PAGE}, 303),
        ("GET", "/dagster/server_info", {"Cookie": "dashboard_8723=made-up"}, 401),
        # other pages; what a program sends has no Origin, and the session is a browser's
        ("POST", "/dagster/graphql", JSON, 403),
        ("POST", "/dagster/graphql", {**JSON, "Origin": "http://evil.example"}, 403),
        ("POST", "/dagster/report_asset_check/x", {"Origin": "http://evil.example"}, 403),
        ("GET", "/dagster/", {**LINK, "Sec-Fetch-Dest": "iframe"}, 403),
        ("GET", "/dagster/", {"Host": "evil.example"}, 403),
        # a GET executes nothing, and no form is taken
        ("GET", "/dagster/graphql?query=mutation", {}, 405),
        ("POST", "/dagster/graphql?query=mutation", {**OWN, "Content-Type": "text/plain"}, 415),
        # what is no path of Dagster's has the dashboard's rules
        ("POST", "/dagsters", OWN, 403),
        ("POST", "/x/dagster/graphql", {**JSON, **OWN}, 403),
    ],
)
def test_dagsters_pages_need_the_session_and_the_own_origin(
    settings: Settings,
    web_server: tuple[str, list[Asked]],
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
) -> None:
    url, asked = web_server
    browser = home_network(settings, url).browser()
    del browser.headers["Sec-Fetch-Site"], browser.headers["X-CSRF-Token"]
    if "Cookie" in headers:
        browser.cookies.clear()
    assert (
        browser.request(method, path, headers=headers, content=b"" if method == "POST" else None).status_code == status
    )
    assert len(asked) == (status == 200)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/dagster/graphql", {"Origin": ADDRESS, "Cookie": ""}),
        ("/dagster/graphql", {"Origin": ADDRESS, "Cookie": "dashboard_8723=made-up"}),
        ("/dagster/graphql", {}),
        ("/dagster/graphql", {"Origin": "http://evil.example"}),
        ("/api/gear", {"Origin": ADDRESS}),
        ("/dagster/graphql", {"Origin": ADDRESS}),  # let through: nobody is there
    ],
)
def test_a_websocket_needs_a_session_and_the_own_origin(settings: Settings, path: str, headers: dict[str, str]) -> None:
    browser = home_network(settings, f"http://127.0.0.1:{free_port()}/dagster").browser()
    del browser.headers["Sec-Fetch-Site"], browser.headers["X-CSRF-Token"]
    if "Cookie" in headers:
        browser.cookies.clear()
    with (
        pytest.raises(WebSocketDisconnect) as closed,
        browser.websocket_connect(f"{SOCKETS}{path}", headers={**headers}),
    ):
        pass  # which adds to the headers that it is given
    is_let_through = headers == {"Origin": ADDRESS} and path.startswith("/dagster")
    assert closed.value.code == (1013 if is_let_through else 1008)


def test_where_dagster_does_not_answer_a_sentence_says_so_and_the_rest_works(settings: Settings) -> None:
    browser = home_network(settings, f"http://127.0.0.1:{free_port()}/dagster").browser()
    answer = browser.get("/dagster/", headers=PAGE)
    assert (answer.status_code, "Dagster&#39;s UI does not answer" in answer.text) == (503, True)
    assert browser.get("/gear", headers=PAGE).status_code == 200


@pytest.mark.parametrize("is_served", [True, False])
def test_the_menu_has_dagster_where_it_is_served(settings: Settings, is_served: bool) -> None:
    """Its link stays one where Dagster's folder has the same name, as in a container."""
    url = f"http://127.0.0.1:{free_port()}/dagster" if is_served else None
    made = home_network(settings.model_copy(update={"dagster_home": Path("/dagster")}), url)
    assert ('<a href="/dagster/">Dagster</a>' in made.browser().get("/", headers=PAGE).text) == is_served
    assert (made.browser().get("/dagster/", headers=PAGE).status_code == 404) == (not is_served)


def test_a_line_of_the_log_names_no_page_of_dagsters(settings: Settings, web_server: tuple[str, list[Asked]]) -> None:
    made = home_network(settings, web_server[0])
    made.browser().get("/dagster/runs/secret?q=secret")
    (line,) = map(json.loads, made.lines)
    assert (line["path"], line["status"]) == ("/dagster", 200)


def test_with_accounts_it_is_the_admins_alone(web_server: tuple[str, list[Asked]], tmp_path: Path) -> None:
    url, asked = web_server
    with cheap_passwords():
        house = HouseInUse(settings_of_house(tmp_path), dagster=url)
        house.add("ada", "admin", "anna")
        house.add("mother", athlete="anna")
    for account, status in ((None, 401), ("mother", 403)):
        browser = house.browser(account)
        tried = [browser.request(method, "/dagster/x").status_code for method in ("GET", "HEAD", "POST", "PUT")]
        assert ({*tried}, browser.get("/dagster").status_code) == ({status}, status)
        with (
            pytest.raises(WebSocketDisconnect),
            browser.websocket_connect(f"{SOCKETS}/dagster/graphql", headers={**OWN}),
        ):
            pass
    assert asked == []
    ada, mother = house.browser("ada"), house.browser("mother")
    assert (ada.get("/dagster/runs").status_code, len(asked)) == (200, 1)
    shown = ['href="/dagster/"' in browser.get("/account", headers=PAGE).text for browser in (ada, mother)]
    assert shown == [True, False]
    house.accounts.add(Account("eve", "admin", None, argon2="x"), house.time)
    house.accounts.change("ada", role="athlete")
    assert ada.get("/dagster/runs").status_code == 401
    assert house.browser("ada").get("/dagster/runs").status_code == 403
    house.site.records.close()
