"""Who may: every route is closed but three, and what changes something has to come from a page of the dashboard itself."""

import json
import re
from html import unescape
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from argon2 import PasswordHasher
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.secret_file import save_secret
from strava_pipeline.serve.dashboard.records.store import LINK, SESSION
from strava_pipeline.serve.dashboard.routes import HERE, routes
from strava_pipeline_tests.serve.dashboard.conftest import ADDRESS, Dashboard, settings_in

PASSWORD = "correct horse battery"
CHEAP = {"argon2": PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)}  # costs stand in the hash
PAGE = {"Accept": "text/html"}
OWN = {"Sec-Fetch-Site": "same-origin"}
HOSTS = {"dashboard_hosts": "rides.example.org,rides.lan,nas.lan"}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Dashboard:
    """A dashboard that answers to names of HOSTS, too."""
    return Dashboard(settings_in(tmp_path_factory.mktemp("known"), **HOSTS))


@pytest.fixture(scope="module")
def at_home(known: Dashboard) -> Dashboard:
    """The same, on a home network."""
    return Dashboard(known.settings.model_copy(update={"dashboard_lan": True}))


def test_without_a_login_every_route_is_closed_but_health_login_and_static_files(dashboard: Dashboard) -> None:
    """Walks what is registered, and paths that no route has; each by every method."""
    stranger = dashboard.browser(logged_in=False)
    places = {(method, route.path) for route in routes() for method in route.methods}
    places |= {("GET", path) for route in dashboard.app.routes if (path := getattr(route, "path", None))}
    places |= {("GET", "/health%3F/api/activities"), ("GET", "/x%23/login")}
    places |= {("GET", "/nowhere"), ("POST", "/nowhere"), ("GET", "/health/"), ("GET", "//health"), ("GET", "/login/x")}
    answered = {
        (method, path): stranger.request(method, re.sub(r"\{\w+(:\w+)?\}", "1", path)).status_code
        for method, path in places
    }
    assert len(answered) > 8
    refused = {place for place, status in answered.items() if status == 401}
    assert {*answered} - refused - {("GET", "/static")} == {("GET", "/health"), ("GET", "/login"), ("POST", "/login")}
    assert stranger.get("/static/style.css").status_code == 200
    assert stranger.get("/health").json() == {"ok": True}, "nothing else is told"
    assert stranger.get("/static/../site.py").status_code == 401  # the client takes the dots away: /site.py
    assert stranger.get("/static/%2e%2e/site.py").status_code == 404


def test_a_stranger_gets_a_problem_a_redirection_or_no_socket(dashboard: Dashboard) -> None:
    stranger = dashboard.browser(logged_in=False)
    page = stranger.get("/", headers=PAGE)
    assert (page.status_code, page.headers["location"]) == (303, "/login")
    part = stranger.get("/", headers={**PAGE, "HX-Request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/login")
    assert stranger.get("/api/nowhere", headers=PAGE).json()["status"] == 401
    with pytest.raises(WebSocketDisconnect), stranger.websocket_connect("/"):
        pass
    assert "published" not in stranger.get("/login", headers=PAGE).text


def test_a_stranger_is_told_the_command_that_prints_a_link_of_this_dashboard(settings: Settings) -> None:
    usual = "strava-pipeline dashboard link"
    for command, has_password in ((usual, True), (f"{usual} --demo --folder '<mine>'", False)):
        made = Dashboard(settings, link_command=command)
        stranger = made.browser(logged_in=False)
        assert f"`{command}`" in stranger.get("/api/gear").json()["detail"]
        assert f"`{command}`" in stranger.get("/login?token=x").json()["detail"]
        shown = unescape(stranger.get("/login", headers=PAGE).text)
        assert (f"<code>{command}</code>" in shown, "dashboard password" in shown) == (True, has_password)
        assert f"`{command}`" in attempt_refused(stranger)


def attempt_refused(browser: TestClient) -> str:
    detail: str = browser.post("/login", data={"password": "x"}).json()["detail"]
    return detail


HERE_AS = "127.0.0.1:8723 localhost LOCALHOST:1 rides.localhost:8723 [::1]:8723 rides.example.org rides.example.org."
ELSEWHERE_AS = (
    "evil.example 192.168.1.20:8723 127.0.0.1.evil.example localhost@evil.example localhost/x localhost:x [::1"
)


@pytest.mark.parametrize("host", [*HERE_AS.split(), *ELSEWHERE_AS.split(), ""])
def test_the_host_header_names_this_machine_or_a_host_of_the_settings(known: Dashboard, host: str) -> None:
    status = 200 if host in HERE_AS.split() else 403
    assert known.browser().get("/health", headers={"Host": host}).status_code == status


AT_HOME_AS = (  # any port, which a container's engine may lead here, and an address mapped into IPv6
    "127.0.0.1:8723 192.168.1.20:8723 192.168.1.20 10.0.0.7:1 172.16.0.9:8723 169.254.3.4:8723 [fd00::20]:8723 "
    "[fe80::1]:8723 [::ffff:192.168.1.20]:8723 rides.lan:8723"
)
NOT_AT_HOME_AS = (  # 172.32 is beyond RFC 1918, and one number is an address that browsers never send
    "172.32.0.9:8723 other.lan:8723 nas.local nas 192.168.1.20.evil.example evil.example:8723 3232235796 8.8.8.8:8723 "
    "[2606:4700::1111]:8723 [::ffff:8.8.8.8]:8723 0.0.0.0:8723 224.0.0.251 192.168.1.20@evil.example"
)


@pytest.mark.parametrize("host", [*AT_HOME_AS.split(), *NOT_AT_HOME_AS.split()])
def test_on_a_home_network_private_addresses_are_own_names_too(at_home: Dashboard, host: str) -> None:
    browser, may = at_home.browser(), host in AT_HOME_AS.split()
    assert browser.get("/health", headers={"Host": host}).status_code == (200 if may else 403)
    own = {"Host": host, "Origin": f"http://{host}"}
    assert browser.post("/nowhere", headers=own).status_code == (404 if may else 403)
    assert browser.post("/nowhere", headers={**own, "Origin": f"https://{host}"}).status_code == 403


def browser_from(client: str, made: Dashboard, address: str = ADDRESS) -> TestClient:
    """A stranger's browser at this address of the network."""
    return TestClient(made.app, address, client=(client, 50_000), follow_redirects=False, headers=dict(OWN))


@pytest.mark.parametrize(
    ("client", "server", "may"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("192.168.1.77", "192.168.1.20", True),
        ("::ffff:192.168.1.77", "[::ffff:192.168.1.20]", True),
        ("172.17.0.1", "172.17.0.2", True),  # what leads to a container
        ("100.64.0.9", "100.64.0.2", True),  # a network of one's own through a provider's
        ("fe80::77%eth0", "[fe80::1]", True),
        ("fd00::77", "[fd00::20]", True),
        ("2a02:8388::77", "[2a02:8388::20]", True),  # in the same network, which many homes have of their provider
        ("2a02:8388:0:1::77", "[2a02:8388::20]", False),
        ("2a02:8388::77", "192.168.1.20", False),
        ("8.8.8.8", "192.168.1.20", False),  # by a port that a router forwards
        ("::ffff:8.8.8.8", "[::ffff:192.168.1.20]", False),  # as a socket for both kinds of addresses has them
        ("8.8.8.8", "8.8.8.9", False),  # a machine of the internet
        ("no address", "192.168.1.20", False),
    ],
)
def test_on_a_home_network_nobody_from_beyond_it_is_answered(
    known: Dashboard, at_home: Dashboard, client: str, server: str, may: bool
) -> None:
    own = {"Host": "nas.lan", "Origin": "http://nas.lan"}
    beyond, behind_proxy = (browser_from(client, made, f"http://{server}:8723") for made in (at_home, known))
    assert beyond.get("/health", headers=own).status_code == (200 if may else 403)
    assert beyond.get("/static/nowhere", headers=own).status_code == (404 if may else 403)
    assert beyond.post("/login", headers=own).status_code == 403
    assert behind_proxy.get("/health", headers=own).status_code == 200, "behind a proxy it is the proxy's to say"


@pytest.mark.parametrize("certificate", [None, Path("cert.pem")])
def test_on_a_home_network_pages_say_that_they_can_be_overheard_and_only_https_has_secure_cookies(
    settings: Settings, certificate: Path | None
) -> None:
    changed = {"dashboard_lan": True, "dashboard_address": "off", "dashboard_cert": certificate}
    made = Dashboard(settings.model_copy(update=changed))
    stranger = made.browser(logged_in=False)
    login = stranger.get("/login", headers=PAGE).text
    assert ("without encryption" in login, "One stands in its log" in login) == (certificate is None, True)
    assert ("without encryption" in made.browser().get("/gear", headers=PAGE).text) == (certificate is None)
    cookie = stranger.get(f"/login?token={made.site.records.add_link(made.time)}").headers["set-cookie"]
    assert cookie.startswith("dashboard_8723=" if certificate is None else "__Host-dashboard_8723=")
    assert ("Secure" in cookie) == (certificate is not None)
    scheme, other = ("https", "http") if certificate else ("http", "https")
    browser = made.browser()
    if certificate:  # the client's scheme is http, over which it would not send the cookie that it was given
        browser.headers["Cookie"] = f"{made.site.cookie}={browser.cookies[made.site.cookie]}"
    sent = {"Host": "192.168.1.20:8723"}
    assert browser.post("/nowhere", headers={**sent, "Origin": f"{scheme}://192.168.1.20:8723"}).status_code == 404
    assert browser.post("/nowhere", headers={**sent, "Origin": f"{other}://192.168.1.20:8723"}).status_code == 403


def test_a_client_of_the_home_network_is_slowed_by_its_own_address_whatever_it_says(settings: Settings) -> None:
    save_secret(settings.dashboard_password_file, CHEAP)
    made = Dashboard(settings.model_copy(update={"dashboard_lan": True}))
    said = [{"X-Forwarded-For": f"192.168.1.{number}"} for number in range(6)]

    def attempts(address: str) -> list[int]:
        browser = browser_from(address, made)
        return [attempt(browser, **headers) for headers in said]

    assert attempts("192.168.1.77") == [403] * 5 + [429]
    assert attempts("::ffff:192.168.1.77") == [429] * 6
    assert attempts("fe80::77%eth0") == [403] * 5 + [429]
    assert attempts("192.168.1.78") == [403] * 5 + [429]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (OWN, 404),
        ({"Origin": ADDRESS}, 404),
        ({"Origin": ADDRESS, **OWN}, 404),
        ({}, 403),  # a program, or a very old browser
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:3000"}, 403),  # another port of this machine
        ({"Origin": "https://127.0.0.1:8723"}, 403),
        ({"Origin": "http://evil.example", **OWN}, 403),
        ({"Origin": ADDRESS, "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({**OWN, "X-CSRF-Token": ""}, 403),
        ({**OWN, "X-CSRF-Token": "of another session"}, 403),
        ({**OWN, "X-CSRF-Token": "\xff"}, 403),
        ({**OWN, "Cookie": "dashboard_8723=made-up"}, 401),
    ],
)
def test_changes_come_from_own_pages_with_the_token(known: Dashboard, headers: dict[str, str], status: int) -> None:
    """404: it passed the guard, and there is no such route."""
    browser = known.browser()
    del browser.headers["Sec-Fetch-Site"]
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    for method in ("POST", "PATCH", "DELETE", "OPTIONS", "ODD"):
        assert browser.request(method, "/nowhere", headers=sent).status_code == status, method


def test_a_link_logs_one_browser_in_once_and_for_a_month(dashboard: Dashboard) -> None:
    records = dashboard.site.records
    token, unused = records.add_link(dashboard.time), records.add_link(dashboard.time)
    browser = dashboard.browser(logged_in=False)
    answer = browser.get(f"/login?token={token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    page = browser.get("/", headers=PAGE)
    assert page.status_code == 200
    session = re.search(r"dashboard_8723=([^;]+)", cookie)
    assert session
    assert session[1] not in page.text
    assert dashboard.browser(logged_in=False).get(f"/login?token={token}").status_code == 403
    dashboard.later(seconds=LINK.total_seconds())
    assert browser.get(f"/login?token={unused}").status_code == 403
    assert browser.get("/").status_code == 200
    dashboard.later(seconds=SESSION.total_seconds() - LINK.total_seconds())
    assert browser.get("/").status_code == 401
    said = "".join(dashboard.lines)
    assert not [secret for secret in (token, unused, session[1]) if secret in said or secret in str(records.__dict__)]


def test_logging_out_ends_the_session_on_every_copy_of_the_cookie(dashboard: Dashboard) -> None:
    browser = dashboard.browser()
    copy = dashboard.browser(logged_in=False)
    copy.cookies.update(browser.cookies)
    answer = browser.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert 'dashboard_8723=""' in answer.headers["set-cookie"]
    assert copy.get("/").status_code == 401


@pytest.fixture
def locked(settings: Settings) -> Dashboard:
    save_secret(settings.dashboard_password_file, CHEAP)
    return Dashboard(settings)


def attempt(browser: TestClient, password: str = "wrong", **headers: str) -> int:
    return browser.post("/login", data={"password": password}, headers=headers).status_code


def test_a_password_logs_in_and_a_link_no_longer_does(locked: Dashboard) -> None:
    browser = locked.browser(logged_in=False)
    assert 'type="password"' in browser.get("/login", headers=PAGE).text
    assert browser.get(f"/login?token={locked.site.records.add_link(locked.time)}").status_code == 403
    assert attempt(browser) == 403
    assert attempt(browser, "") == 403
    assert browser.get("/").status_code == 401
    assert attempt(browser, PASSWORD) == 303
    assert browser.get("/").status_code == 200
    assert attempt(browser, PASSWORD, **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert browser.post("/login", content=b"x" * 9_000).status_code == 413
    assert PASSWORD not in "".join(locked.lines)
    assert locked.settings.dashboard_password_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_logins_are_slowed_after_five_failures(locked: Dashboard) -> None:
    browser = locked.browser(logged_in=False)
    assert [attempt(browser) for _ in range(5)] == [403] * 5
    refused = browser.post("/login", data={"password": PASSWORD})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    locked.later(seconds=9)
    assert attempt(browser, PASSWORD) == 429
    locked.later(seconds=1)
    assert [attempt(browser), attempt(browser)] == [403, 429]
    waits = []
    for _ in range(40):
        wait = int(browser.post("/login").headers["retry-after"])
        waits.append(wait)
        locked.later(seconds=wait)
        assert attempt(browser) == 403
    assert (waits[:3], max(waits)) == ([20, 30, 40], 300)
    locked.later(days=1)
    assert [attempt(browser) for _ in range(5)] == [403] * 5
    locked.later(seconds=10)
    assert attempt(browser, PASSWORD) == 303
    assert attempt(browser) == 403, "after a login, failures are counted from none"


@pytest.mark.slow
def test_behind_a_proxy_each_client_is_slowed_by_itself_and_cookies_need_https(settings: Settings) -> None:
    save_secret(settings.dashboard_password_file, CHEAP)
    far = settings.model_copy(update={"dashboard_hosts": "rides.example.org"})
    made = Dashboard(far, behind_proxy=True, address="https://rides.example.org")
    browser = made.browser(logged_in=False)
    assert [attempt(browser, **{"X-Forwarded-For": f"9.9.9.{n}, 203.0.113.7"}) for n in range(6)][-1] == 429
    network = [attempt(browser, **{"X-Forwarded-For": f"2001:db8::{n}"}) for n in range(1, 7)]
    assert network == [403] * 5 + [429]
    mapped = [attempt(browser, **{"X-Forwarded-For": f"::ffff:192.0.2.{n}"}) for n in range(1, 7)]
    assert mapped == [403] * 6, "addresses of IPv4 in those of IPv6 are no network of one client"
    assert attempt(browser, **{"X-Forwarded-For": "::ffff:203.0.113.7"}) == 429, "the first one, written the other way"
    answer = browser.post("/login", data={"password": PASSWORD}, headers={"X-Forwarded-For": "203.0.113.8"})
    assert answer.headers["set-cookie"].startswith("__Host-dashboard_8723=")
    assert "Secure" in answer.headers["set-cookie"]
    assert browser.post("/nowhere", headers={"Origin": "http://rides.example.org"}).status_code == 403
    made.later(hours=1)
    spread = [attempt(browser, **{"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(51)]
    assert (spread.count(403), spread[-1]) == (50, 429), "many addresses together have no more attempts than these"


def test_every_answer_has_the_headers_that_protect_it(dashboard: Dashboard) -> None:
    stranger = dashboard.browser(logged_in=False)
    for answer in (stranger.get("/login"), stranger.get("/"), stranger.get("/", headers={"Host": "evil.example"})):
        assert answer.headers["content-security-policy"].startswith("default-src 'self'; ")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert (answer.headers["x-frame-options"], answer.headers["cache-control"]) == ("DENY", "no-store")


def test_the_log_has_a_line_for_each_request_without_what_was_sent(dashboard: Dashboard) -> None:
    browser = dashboard.browser()
    browser.get("/?near=48.2,16.4")
    browser.get("/static/style.css")
    browser.get("/api/openapi.json")
    browser.request("SECRET", "/secret/48.2")
    lines = [json.loads(line) for line in dashboard.lines]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("GET", "/", 200),
        ("GET", "/static", 200),
        ("GET", "/api/openapi.json", 200),
        ("other", None, 404),
    ]
    assert all(line.keys() == {"method", "path", "status", "ms", "process"} for line in lines)


def test_a_login_leads_to_the_page_that_was_asked_for(dashboard: Dashboard) -> None:
    browser = dashboard.browser(logged_in=False)
    asked = browser.get("/activities?sport=ride&from=2026-01-01", headers=PAGE).headers["location"]
    assert asked == "/login?next=/activities%3Fsport%3Dride%26from%3D2026-01-01"
    assert browser.get(asked, headers=PAGE).status_code == 200
    link = f"/login?token={dashboard.site.records.add_link(dashboard.time)}"
    assert browser.get(link).headers["location"] == "/activities?sport=ride&from=2026-01-01"
    again = f"/login?token={dashboard.site.records.add_link(dashboard.time)}"
    assert browser.get(again).headers["location"] == "/", "once"


NOT_OURS = ["//evil.example", "/\\evil.example", "/%5c%5cevil.example/..//x\\", "https://evil.example", "evil.example"]
ODD = ["", "/\t/evil.example", "/a b", "/x\r\nSet-Cookie: a=b", "/ü", "/" * 2_000]


@pytest.mark.parametrize("address", [*NOT_OURS, *ODD, "/login?next=/", "/logout", "/api/gear"])
def test_a_login_leads_nowhere_else(known: Dashboard, address: str) -> None:
    browser = known.browser(logged_in=False)
    assert "set-cookie" not in browser.get("/login", params={"next": address}, headers=PAGE).headers
    cookie = f"{known.site.cookie}_next"  # as another program may write it
    browser.cookies.set(cookie, quote(address, safe=""), path="/")
    link = f"/login?token={known.site.records.add_link(known.time)}"
    assert browser.get(link).headers["location"] == "/"


def test_after_a_form_or_a_part_the_login_leads_to_the_page_that_sent_it(dashboard: Dashboard) -> None:
    stranger = dashboard.browser(logged_in=False)
    for headers, status, name in (
        ({**PAGE, "Referer": f"{ADDRESS}/month/2026-02?page=2#changes"}, 303, "location"),
        ({**PAGE, "HX-Request": "true", "HX-Current-URL": f"{ADDRESS}/month/2026-02?page=2"}, 401, "hx-redirect"),
    ):
        answer = stranger.post("/requests", headers=headers)
        assert (answer.status_code, answer.headers[name]) == (status, "/login?next=/month/2026-02%3Fpage%3D2")
    for elsewhere in ("http://evil.example/x", "http://[", f"{ADDRESS}:x/"):
        answer = stranger.post("/x", headers={**PAGE, "Referer": elsewhere})
        assert (answer.status_code, answer.headers.get("location")) == (303, "/login"), elsewhere


def test_a_form_without_a_script_brings_its_token_in_a_field(dashboard: Dashboard) -> None:
    browser = dashboard.browser()
    token = browser.headers.pop("X-CSRF-Token")
    wrong = dashboard.browser().headers["X-CSRF-Token"]
    form = {"mark": "read", "csrf_token": token}
    assert browser.post("/notifications", data=form, headers=PAGE).status_code == 200
    for fields in ({"mark": "read"}, *(form | {"csrf_token": each} for each in (wrong, "", "ü"))):
        assert browser.post("/notifications", data=fields).status_code == 403, fields
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/json"}, {"X-CSRF-Token": wrong}):
        body = urlencode(form)
        assert browser.post("/notifications", content=body, headers=headers).status_code == 403, headers
    assert browser.post("/notifications", data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.post("/notifications", data=form | {"x": "x" * 65_000}).status_code == 413
    stranger = dashboard.browser(logged_in=False)
    assert stranger.post("/notifications", data=form).status_code == 401
    assert browser.post("/logout", data={"csrf_token": token}).headers["location"] == "/login"


def test_every_form_that_changes_something_works_without_a_script() -> None:
    templates = [path.read_text() for path in (HERE / "templates").glob("*.html")]
    sent = [
        form
        for text in templates
        for form in re.findall(r"<form[^>]*>\s*(?:{{ (?:form_)?token }})?", text)
        if 'method="get"' not in form
    ]
    before_login = tuple(f'<form class="narrow" method="post" action="/{page}">' for page in ("login", "join"))
    assert len(sent) > 8
    assert [
        form
        for form in sent
        if not form.startswith(before_login)
        and not (re.search(r'method="post" action="(/|{{)', form) and form.endswith("token }}"))
    ] == []
