"""Files that programs send: each in its own way, here after one run and once; and what their token learns of them."""

import json
import re
import subprocess
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from starlette.testclient import TestClient
from tenacity import Retrying, stop_after_delay, wait_fixed

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.imports.files import store_durably
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import MOST_WAITING, PullWanted, end_request, keep_request, latest_requests
from strava_pipeline.serve.dashboard.records.store import Token
from strava_pipeline_tests.imports import a_gpx
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.processes import free_port
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard
from strava_pipeline_tests.serve.dashboard.test_process import started

GPX = a_gpx(60)
FIT = b"\x0e\x20\x00\x00\x00\x00\x00\x00.FIT" + b"\0" * 20
TCX = b'<?xml version="1.0"?><!-- a --><TrainingCenterDatabase xmlns="x"></TrainingCenterDatabase>'
KML = b'\xef\xbb\xbf<?xml version="1.0"?>\n<kml xmlns="x"></kml>'
BOUNDARY = "----53014704754052338"


def zipped(**files: bytes) -> bytes:
    held = BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return held.getvalue()


def form(*parts: tuple[str, bytes], start: str = "") -> bytes:
    """A form with files, byte by byte as programs write it."""
    held = start.encode()
    for name, body in parts:
        about = (
            f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: application/octet-stream'
        )
        held += f"--{BOUNDARY}\r\n{about}\r\n\r\n".encode() + body + b"\r\n"
    return held + f"--{BOUNDARY}--\r\n".encode()


FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
OCTETS = {"Content-Type": "application/octet-stream"}
WAYS: dict[str, dict[str, Any]] = {
    # HttpFileUploadWorker.java: OkHttp's MultipartBody with one part `file`, or the bytes alone
    "GPSLogger, form-data": {
        "content": form(("20250601.gpx", GPX)),
        "headers": {**FORM, "User-Agent": "okhttp/4.12.0"},
    },
    "GPSLogger, binary": {"content": GPX, "headers": {**OCTETS, "User-Agent": "okhttp/4.12.0"}},
    # RequestBuilder.kt, StreamRequestBody.kt: the picked or shared file, with the type that its provider says
    "HTTP Shortcuts, file": {"content": GPX, "headers": {"Content-Type": "application/gpx+xml"}},
    # FormMultipartRequestBody.kt: a form that begins with empty lines
    "HTTP Shortcuts, form": {"content": form(("run.gpx", GPX), start="\r\n\r\n"), "headers": FORM},
    # the support guide of Shortcuts: Get Contents of URL, POST, Request Body: File, or Form with a file
    "iOS Shortcuts, file": {"content": GPX, "headers": {"Content-Type": "application/octet-stream"}},
    "iOS Shortcuts, form": {"content": form(("Run.gpx", GPX)), "headers": FORM},
    # rest_command of Home Assistant: a payload of text with the type that is set
    "Home Assistant": {"content": GPX, "headers": {"Content-Type": "application/gpx+xml"}},
    # curl without a type says that it is a form of a page
    "curl --data-binary": {"content": GPX, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
}


@pytest.fixture
def phone(dashboard: Dashboard) -> TestClient:
    return program(dashboard, "phone")


@pytest.fixture
def folder(settings: Settings) -> Path:
    return Lake(settings.data_dir).inbox_files


def program(dashboard: Dashboard, name: str) -> TestClient:
    text = dashboard.site.records.add_token(Token(name, "send"), dashboard.time)
    client = dashboard.browser(logged_in=False)
    del client.headers["Sec-Fetch-Site"]
    client.headers["Authorization"] = f"Bearer {text}"
    return client


def there(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}


def sent(client: TestClient, url: str = "/api/files", **request: Any) -> dict[str, dict[str, Any]]:
    """What is told of each file that was taken, or known, by its name."""
    answer = client.post(url, **request)
    assert answer.status_code == 202, answer.text
    found = answer.json()["files"]
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in found)
    return {each["name"]: each for each in found.values()}


def refused(client: TestClient, status: int, url: str = "/api/files", **request: Any) -> str:
    answer = client.post(url, **request)
    assert answer.status_code == status, answer.text
    return str(answer.json()["detail"])


def test_each_program_sends_in_its_own_way(phone: TestClient, folder: Path, dashboard: Dashboard) -> None:
    for way, request in WAYS.items():
        ((name, told),) = sent(phone, **request).items()
        assert (told["status"], there(folder)[name]) == ("taken", GPX), way
    assert {*there(folder)} == {"20250601.gpx", "sent.gpx", "run.gpx", "Run.gpx"}
    wanted = [view.request.wanted for view in latest_requests(dashboard.site.lake, dashboard.time, 9)]
    assert sorted(getattr(each, "names", ()) for each in wanted) == [(name,) for name in sorted(there(folder))]
    store_durably(dashboard.site.lake, GPX)  # as a run does
    for request in WAYS.values():
        (told,) = sent(phone, **request).values()
        assert (told["status"], told["id"]) == ("known", None)
    assert len(latest_requests(dashboard.site.lake, dashboard.time, 9)) == 4


def test_kinds_are_told_by_first_bytes_whatever_a_file_is_called(phone: TestClient, folder: Path) -> None:
    packed = zipped(a=GPX)
    for name, body in {
        "a": FIT,
        "b.bin": TCX,
        "c.XML": KML,
        "d": packed,
        "e.kmz": packed,
        "f.gz": b"\x1f\x8b1",
    }.items():
        sent(phone, f"/api/files?name={name}", content=body)
    assert [*sorted(there(folder))] == ["a.fit", "b.bin.tcx", "c.XML.kml", "d.zip", "e.kmz", "f.gz"]
    sent(phone, content=b"<gpx xmlns='x'/>")
    assert "sent.gpx" in there(folder)
    before = there(folder)
    others = (b"", b"{}", b"<html>", b"\xff\xd8\xff\xe0", b"%PDF", b"x" * 99, b"MZ", b"name,distance\n<gpxx>")
    for body in others:
        refused(phone, 415, content=body)
        refused(phone, 415, content=form(("a.gpx", body)), headers=FORM)
    assert there(folder) == before


def test_several_files_of_a_form_are_told_each_by_itself(phone: TestClient, folder: Path, dashboard: Dashboard) -> None:
    store_durably(dashboard.site.lake, FIT)
    found = sent(phone, content=form(("a.gpx", GPX), ("b.fit", FIT), ("c.tcx", TCX), ("a.gpx", KML)), headers=FORM)
    told = {name: each["status"] for name, each in found.items()}
    assert told == {"a.gpx": "taken", "b.fit": "known", "c.tcx": "taken", "a.gpx.kml": "taken"}
    assert {*there(folder)} == {"a.gpx", "c.tcx", "a.gpx.kml"}
    for body in (
        form(),
        b"no form",
        f"--{BOUNDARY}--\r\n".encode(),
        form(*[(f"{n}.gpx", b"<gpx>") for n in range(101)]),
    ):
        refused(phone, 400, content=body, headers=FORM)


def test_what_stands_in_a_form_before_a_file_that_is_refused_is_imported(
    phone: TestClient, dashboard: Dashboard
) -> None:
    assert "FIT, GPX, TCX or KML" in refused(
        phone, 415, content=form(("a.gpx", GPX), ("b.jpg", b"\xff\xd8")), headers=FORM
    )
    (view,) = latest_requests(dashboard.site.lake, dashboard.time, 9)
    assert getattr(view.request.wanted, "names", ()) == ("a.gpx",)


def test_what_can_not_be_taken_leaves_nothing(
    phone: TestClient, folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("../../x.gpx", "..%2fx.gpx", ".hidden", "a%5cb", "a%00b", "a%E2%80%AEb", "x" * 201):
        refused(phone, 400, f"/api/files?name={name}", content=GPX)
    for name in ("../../etc/x.gpx", "/etc/passwd"):
        refused(phone, 400, content=form((name, GPX)), headers=FORM)
    assert phone.post("/api/files", content=iter([GPX])).status_code == 411
    assert phone.post("/api/files", headers={"Content-Length": "999999999999999"}).status_code == 413
    largest = settings.import_limits.file_bytes
    assert "body of its own" in refused(phone, 413, headers={**FORM, "Content-Length": f"{largest + 1}"})
    refused(phone, 400, "/api/files?token=x", content=GPX)
    monkeypatch.setattr("strava_pipeline.lake.imports.uploads.SPARE", 10**18)
    refused(phone, 507, content=GPX)
    assert there(folder) == {}


def test_ten_thousand_files_are_held_up_by_what_waits_and_the_same_file_again_is_taken(
    dashboard: Dashboard, phone: TestClient
) -> None:
    for number in range(MOST_WAITING):
        sent(phone, f"/api/files?name={number}", content=a_gpx(number + 1))
    assert "50 requests wait" in refused(phone, 503, content=GPX)
    lake = dashboard.site.lake
    end_request(lake, latest_requests(lake, dashboard.time, 1)[0].request.id, "done", dashboard.time, "")
    assert sent(phone, content=GPX)["sent.gpx"]["status"] == "taken"


def test_a_token_asks_of_its_own_files_alone(dashboard: Dashboard, phone: TestClient) -> None:
    lake = dashboard.site.lake
    found = sent(phone, content=form(("a.gpx", GPX), ("b.gpx", a_gpx(9))), headers=FORM)
    for name, told in found.items():
        fate = phone.get(f"/api/files/{told['id']}").json()
        assert fate == {"id": told["id"], "name": name, "status": "waiting", "not_readable": {}}
    key = found["b.gpx"]["id"]
    request_id, _, seal = key.rsplit("-", 2)
    for other in (program(dashboard, "another"), dashboard.browser()):
        assert other.get(f"/api/files/{key}").status_code == 404
        assert sent(other, "/api/files?name=a.gpx", content=GPX)["a.gpx"]["status"] == "taken", "it learns nothing yet"
    other_id = f"{request_id[:-1]}{int(request_id[-1], 16) ^ 1:x}"
    for forged in (f"{request_id}-0-{seal}", f"{request_id}-99-{seal}", f"{other_id}-1-{seal}"):
        assert phone.get(f"/api/files/{forged}").status_code == 404
    bads = ("x", request_id, f"{key}0", f"{request_id}-\u0661-{seal}")
    assert [phone.get(f"/api/files/{bad}").status_code for bad in bads] == [400] * 4
    end_request(lake, request_id, "failed", dashboard.time, "a disk was full at 48.1, 16.2")
    assert phone.get(f"/api/files/{key}").json()["status"] == "failed"
    again = sent(phone, "/api/files?name=b.gpx", content=a_gpx(9))["b.gpx"]["id"]
    assert phone.get(f"/api/files/{again}").json()["status"] == "waiting", "sent again, it is asked for again"
    asked = keep_request(lake, PullWanted(kind="pull", provider="strava"), dashboard.time, "a person")
    assert phone.get(f"/api/files/{asked.id}-0-{'0' * 32}").status_code == 404
    log = " ".join(dashboard.lines)
    assert not [word for word in (key, "a.gpx", phone.headers["Authorization"][7:]) if word in log]


def test_settings_makes_a_token_shows_it_once_and_takes_it_back(dashboard: Dashboard, site: TestClient) -> None:
    fields = {"name": " My  phone ", "may": "send", "until": "2026-03-11"}
    page = site.post("/settings/tokens", data=fields)
    (text,) = re.findall('<code id="new-token">([^<]+)</code>', page.text)
    assert (page.headers["cache-control"], page.headers.get("content-encoding")) == ("no-store", None)
    client = dashboard.browser(logged_in=False)
    client.headers["Authorization"] = f"bearer {text}"
    assert client.post("/api/files", content=GPX).status_code == 202
    listed = site.get("/settings").text
    assert ("My phone" in listed, "127.0.0.1" in listed, text in listed) == (True, True, False)
    for wrong in (
        fields, {**fields, "name": ""}, {**fields, "name": "x" * 41}, {**fields, "name": "b", "may": "all"},
        {**fields, "name": "b", "until": "soon"}, {**fields, "name": "b", "until": "9999-12-31"},
    ):  # fmt: skip
        assert site.post("/settings/tokens", data=wrong).status_code == 400, wrong
    dashboard.later(days=1, hours=12)
    assert client.post("/api/files", content=GPX).status_code == 401
    assert "1 wrong token came" in site.get("/settings").text
    assert site.post("/settings/tokens/remove", data={"name": "My phone"}).status_code == 303
    assert site.post("/settings/tokens/remove", data={"name": "My phone"}).status_code == 404
    assert dashboard.site.records.tokens() == []


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str, Path]]:
    """A dashboard that was started, with its address, a token that sends and one that reads, and its folder."""
    folder, port = tmp_path_factory.mktemp("running"), free_port()
    with started(folder, workers=1, DASHBOARD_ADDRESS=f"127.0.0.1:{port}") as (_, address, _):
        browser, origin = requests.Session(), f"http://127.0.0.1:{port}"
        first = browser.get(address, timeout=PATIENCE).text
        headers = {"X-CSRF-Token": re.findall('data-csrf="([^"]+)"', first)[0], "Origin": origin}
        texts = []
        for may in ("send", "read"):
            page = browser.post(f"{origin}/settings/tokens", data={"name": may, "may": may}, headers=headers)
            texts += re.findall('<code id="new-token">([^<]+)</code>', page.text)
        yield origin, *texts, folder


def curl(*words: str) -> dict[str, Any]:
    done = subprocess.run(["curl", "-sS", "--max-time", f"{PATIENCE:.0f}", *words], capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.dear
def test_what_curl_sends_is_here_after_its_run_once_and_what_could_not_be_read_is_told(
    running: tuple[str, str, str, Path], tmp_path: Path
) -> None:
    origin, sending, reading, _ = running
    token, files = ("-H", f"Authorization: Bearer {sending}"), f"{origin}/api/files"
    ride, many, bad, bomb = (tmp_path / name for name in ("ride.gpx", "many.zip", "bad.gpx", "bomb.zip"))
    ride.write_bytes(GPX)
    many.write_bytes(zipped(**{"ride.gpx": GPX, "other.gpx": a_gpx(40, minute=30), "broken.gpx": b"<gpx><trk>"}))
    bad.write_bytes(b"<gpx><trk><trkseg>")
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.gpx", b"<gpx>" + b" " * 200_000_000)

    parts = [word for path in (ride, many, bad, bomb) for word in ("-F", f"file=@{path}")]
    keys = {each["name"]: each["id"] for each in curl(*token, *parts, files)["files"].values()}
    fates = {}
    for name, key in keys.items():
        for attempt in Retrying(stop=stop_after_delay(PATIENCE), wait=wait_fixed(0.2)):
            with attempt:
                fate = fates[name] = curl(*token, f"{files}/{key}")
                assert fate["status"] != "waiting", fate
    told = {name: (fate["status"], [*fate["not_readable"]]) for name, fate in fates.items()}
    assert told == {
        "ride.gpx": ("taken", []),
        "many.zip": ("taken", ["broken.gpx"]),
        "bad.gpx": ("not_readable", ["bad.gpx"]),
        "bomb.zip": ("nothing_kept", []),
    }
    assert "48." not in json.dumps(fates)
    (again,) = curl(*token, "--data-binary", f"@{ride}", f"{files}?name=again.gpx")["files"].values()
    assert again == {"id": None, "name": "again.gpx", "status": "known"}
    assert curl(*token, f"{origin}/api/activities")["status"] == 403
    found = curl("-H", f"Authorization: Bearer {reading}", f"{origin}/api/activities")["activities"]
    assert len(found) == 2, "each activity once"
