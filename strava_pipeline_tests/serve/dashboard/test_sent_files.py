"""Files that programs send: each in its own way, here after one run and once; and what their token learns of them."""

import json
import re
import subprocess
import zipfile
from collections.abc import Iterator
from hashlib import sha256
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
from strava_pipeline.lake.requests import end_request, latest_requests
from strava_pipeline.serve.dashboard import api_files
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


def sent(client: TestClient, status: int = 202, **request: Any) -> dict[str, Any]:
    answer = client.post(request.pop("url", "/api/files"), **request)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found["files"] if status == 202 else found


def test_each_program_sends_its_own_way_and_the_same_bytes_are_one_file_and_one_request(
    phone: TestClient, folder: Path, dashboard: Dashboard
) -> None:
    told = {way: sent(phone, **request) for way, request in WAYS.items()}
    assert {key for files in told.values() for key in files} == {sha256(GPX).hexdigest()[:32]}
    first, *others = (each["status"] for files in told.values() for each in files.values())
    assert (first, {*others}) == ("taken", {"known"})
    assert there(folder) == {"20250601.gpx": GPX}
    (request,) = latest_requests(dashboard.site.lake, dashboard.time, 9)
    assert request.request.wanted.model_dump() == {"kind": "import", "names": ("20250601.gpx",)}


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
        sent(phone, url=f"/api/files?name={name}", content=body)
    assert [*sorted(there(folder))] == ["a.fit", "b.bin.tcx", "c.XML.kml", "d.zip", "f.gz"], "e.kmz has the bytes of d"
    sent(phone, content=b"<gpx xmlns='x'/>")
    assert "sent.gpx" in there(folder)
    before = there(folder)
    others = (b"", b"{}", b"<html>", b"\xff\xd8\xff\xe0", b"%PDF", b"x" * 99, b"MZ", b"name,distance\n<gpxx>")
    for body in others:
        sent(phone, 415, content=body)
        sent(phone, 415, content=form(("a.gpx", body)), headers=FORM)
    assert there(folder) == before


def test_several_files_of_a_form_are_told_each_by_itself(phone: TestClient, folder: Path, dashboard: Dashboard) -> None:
    store_durably(dashboard.site.lake, FIT)
    found = sent(phone, content=form(("a.gpx", GPX), ("b.fit", FIT), ("c.tcx", TCX), ("a.gpx", KML)), headers=FORM)
    told = {each["name"]: each["status"] for each in found.values()}
    assert told == {"a.gpx": "taken", "b.fit": "known", "c.tcx": "taken", "a.gpx.kml": "taken"}
    assert {*there(folder)} == {"a.gpx", "c.tcx", "a.gpx.kml"}
    for body in (
        form(),
        b"no form",
        f"--{BOUNDARY}--\r\n".encode(),
        form(*[(f"{n}.gpx", b"<gpx>") for n in range(101)]),
    ):
        sent(phone, 400, content=body, headers=FORM)


def test_what_can_not_be_taken_leaves_nothing(
    phone: TestClient, folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("../../x.gpx", "..%2fx.gpx", ".hidden", "a%5cb", "a%00b", "a%E2%80%AEb", "x" * 201):
        sent(phone, 400, url=f"/api/files?name={name}", content=GPX)
    for name in ("../../etc/x.gpx", "/etc/passwd"):
        sent(phone, 400, content=form((name, GPX)), headers=FORM)
    assert phone.post("/api/files", content=iter([GPX])).status_code == 411
    assert phone.post("/api/files", headers={"Content-Length": "999999999999999"}).status_code == 413
    largest = settings.import_limits.file_bytes
    assert "body of its own" in sent(phone, 413, headers={**FORM, "Content-Length": f"{largest + 1}"})["detail"]
    sent(phone, 400, url="/api/files?token=x", content=GPX)
    monkeypatch.setattr("strava_pipeline.lake.imports.uploads.SPARE", 10**18)
    sent(phone, 507, content=GPX)
    assert there(folder) == {}


def test_an_hour_has_a_limit_for_new_files_of_one_token(
    dashboard: Dashboard, phone: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_files, "MOST_AN_HOUR", 2)
    for number in (1, 1, 2):
        sent(phone, content=a_gpx(number + 2))
    answer = phone.post("/api/files", content=a_gpx(9))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "600")
    sent(program(dashboard, "another"), content=a_gpx(9))
    dashboard.later(hours=1, seconds=1)
    sent(phone, content=a_gpx(9))


def test_a_full_queue_of_requests_says_so_and_the_same_file_again_is_taken(
    dashboard: Dashboard, phone: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strava_pipeline.lake.requests.MOST_WAITING", 0)
    sent(phone, 503, content=GPX)
    monkeypatch.undo()
    (told,) = sent(phone, content=GPX).values()
    assert told["status"] == "taken"


def test_a_token_asks_of_its_own_files_alone_and_a_failed_run_is_asked_for_again(
    dashboard: Dashboard, phone: TestClient
) -> None:
    ((key, _),) = sent(phone, content=GPX).items()
    fate = phone.get(f"/api/files/{key}").json()
    assert fate == {"id": key, "name": "sent.gpx", "status": "waiting", "not_readable": {}}
    for other in (program(dashboard, "another"), dashboard.browser()):
        assert other.get(f"/api/files/{key}").status_code == 404
        (told,) = sent(other, content=GPX).values()
        assert told["status"] == "taken", "it learns nothing of what another one sent before it is here"
    (request,) = latest_requests(dashboard.site.lake, dashboard.time, 9)
    end_request(dashboard.site.lake, request.request.id, "failed", dashboard.time, "a disk was full at 48.1, 16.2")
    assert phone.get(f"/api/files/{key}").json()["status"] == "failed"
    (told,) = sent(phone, content=GPX).values()
    assert (told["status"], phone.get(f"/api/files/{key}").json()["status"]) == ("taken", "waiting")
    assert [phone.get(f"/api/files/{bad}").status_code for bad in ("0" * 32, "x", "0" * 31)] == [404, 400, 400]
    log = " ".join(dashboard.lines)
    assert not [word for word in (key, "sent.gpx", phone.headers["Authorization"][7:]) if word in log]


def test_settings_makes_a_token_shows_it_once_and_takes_it_back(dashboard: Dashboard, site: TestClient) -> None:
    fields = {"name": " My  phone ", "may": "send", "until": "2026-03-11"}
    page = site.post("/settings/tokens", data=fields)
    (text,) = re.findall('<code id="token">([^<]+)</code>', page.text)
    assert (page.headers["cache-control"], page.headers.get("content-encoding")) == ("no-store", None)
    client = dashboard.browser(logged_in=False)
    client.headers["Authorization"] = f"bearer {text}"
    assert client.post("/api/files", content=GPX).status_code == 202
    listed = site.get("/settings").text
    assert ("My phone" in listed, "127.0.0.1" in listed, text in listed) == (True, True, False)
    for wrong in (
        fields, {**fields, "name": ""}, {**fields, "name": "x" * 41}, {**fields, "name": "b", "may": "all"},
        {**fields, "name": "b", "until": "2026-03-09"}, {**fields, "name": "b", "until": "soon"},
        {**fields, "name": "b", "places": "true"},
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
            texts += re.findall('<code id="token">([^<]+)</code>', page.text)
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
    keys = {each["name"]: key for key, each in curl(*token, *parts, files)["files"].items()}
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
        "bomb.zip": ("not_readable", ["bomb.zip"]),
    }
    assert "48." not in json.dumps(fates)
    again = curl(*token, "--data-binary", f"@{ride}", f"{files}?name=again.gpx")["files"]
    assert [(key, each["status"]) for key, each in again.items()] == [(keys["ride.gpx"], "known")]
    assert curl(*token, f"{origin}/api/activities")["status"] == 403
    found = curl("-H", f"Authorization: Bearer {reading}", f"{origin}/api/activities")["activities"]
    assert len(found) == 2, "each activity once"
