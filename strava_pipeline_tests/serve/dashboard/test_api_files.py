"""Files dropped onto the page: whole in the drop folder, or not there at all."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.imports import uploads
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.dashboard import api_files
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard


@pytest.fixture
def folder(settings: Settings) -> Path:
    return Lake(settings.data_dir).inbox_files


def there(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}


def test_a_file_is_kept_once_and_never_over_another(site: TestClient, folder: Path) -> None:
    large = b"x" * (api_files.PIECE + 17)
    kept = []
    for name, body in [
        ("ride.fit.gz", b"one"), ("ride.fit.gz", b"one"), ("ride.fit.gz", b"two"), ("ride.fit.gz", b"two"),
        ("Jänner 🚲.gpx", large), ("empty", b""),
    ]:  # fmt: skip
        answer = site.put(f"/api/files/{name}", content=body)
        assert (answer.status_code, answer.json()["bytes"]) == (201, len(body)), answer.text
        kept.append(answer.json()["name"])
    assert kept == ["ride.fit.gz", "ride.fit.gz", "ride-2.fit.gz", "ride-2.fit.gz", "Jänner 🚲.gpx", "empty"]
    assert there(folder) == {"ride.fit.gz": b"one", "ride-2.fit.gz": b"two", "Jänner 🚲.gpx": large, "empty": b""}
    asked = site.post("/api/requests", json={"kind": "import", "names": kept[:1]})
    assert asked.status_code == 202, asked.text


def test_what_cannot_be_kept_leaves_nothing(site: TestClient, dashboard: Dashboard, folder: Path) -> None:
    names = ["..%2f..%2fx", "..", ".hidden", "a%5cb", "a%00b", "a%0ab", "a\u202ebc", "a\u2069", "x" * 201, "ä" * 101]
    for name in names:
        answer = site.put(f"/api/files/{name}", content=b"x")
        assert answer.status_code in (400, 404, 405), (name, answer.text)
    assert site.put("/api/files/a", content=iter([b"x"])).status_code == 411
    assert site.put("/api/files/a", headers={"Content-Length": "999999999999999"}).status_code == 413
    assert site.put("/api/files/a", content=b"x", headers={"X-CSRF-Token": "another"}).status_code == 403
    assert site.put("/api/files/a", content=b"x", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert dashboard.browser(logged_in=False).put("/api/files/a", content=b"x").status_code == 401
    assert there(folder) == {}


def test_a_disk_without_room_says_so_and_one_without_links_does(
    site: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    with monkeypatch.context() as patch:
        patch.setattr(uploads, "SPARE", 10**18)
        answer = site.put("/api/files/a", content=b"x")
        assert (answer.status_code, "make room" in answer.json()["detail"]) == (507, True)
        assert there(folder) == {}
    monkeypatch.setattr("os.link", refuse)
    for body, name in ((b"x", "a"), (b"y", "a-2"), (b"x", "a")):
        assert site.put("/api/files/a", content=body).json()["name"] == name
    assert there(folder) == {"a": b"x", "a-2": b"y"}


def test_half_a_file_is_removed_also_after_a_kill(site: TestClient, settings: Settings, folder: Path) -> None:
    lake = Lake(settings.data_dir)
    with uploads.uploading(lake, "a.fit", 10) as upload:
        upload.write(b"half")
        assert [path.name[0] for path in folder.iterdir()] == ["."], "hidden from imports until it is whole"
        with pytest.raises(MisuseError):
            upload.finish()
    assert there(folder) == {}
    (folder / ".upload-0123abcd.tmp").write_bytes(b"of a process that was killed")
    with uploads.uploading(lake, "b.fit", 1) as other:
        other.write(b"x")
        assert site.put("/api/files/c.fit", content=b"y").status_code == 201
        assert other.finish() == "b.fit"
    assert there(folder) == {"b.fit": b"x", "c.fit": b"y"}


@pytest.mark.parametrize(("last", "status"), [({"type": "http.disconnect"}, 400), (None, 408)])
def test_a_body_that_breaks_off_or_stalls_is_given_up(
    site: TestClient, dashboard: Dashboard, folder: Path, monkeypatch: pytest.MonkeyPatch, last: Any, status: int
) -> None:
    monkeypatch.setattr(api_files, "PATIENCE", 1)
    request = site.build_request("PUT", "/api/files/a", headers={"Content-Length": "2"})
    messages = [{"type": "http.request", "body": b"x", "more_body": True}, last]
    answers: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0) if messages and messages[0] else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        answers.append(message)

    headers = [(name.lower(), value) for name, value in request.headers.raw]
    scope = {"type": "http", "method": "PUT", "path": "/api/files/a", "query_string": b"", "headers": headers}
    asyncio.run(dashboard.app(scope, receive, send))
    assert (answers[0]["status"], there(folder)) == (status, {})
