"""Files uploaded to Garmin: sent once, followed until they are read, and found again where the answer was lost."""

import gzip
import hashlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.errors import LimitReachedError, PipelineError, RefusedError, TransientError
from strava_pipeline.emulator.service import Fault
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.uploads import CHECKS, STATUS, UPLOAD, status_path
from strava_pipeline.ingest.garmin.writes import GarminWriter, connect_writer
from strava_pipeline.ingest.writer import UnsupportedChangeError
from strava_pipeline_tests.ingest.garmin.subject import GarminSubject, running
from strava_pipeline_tests.providers.subjects import GPX, fit_of

Connect = Callable[[], GarminWriter]
DAY = "2026-02-20"
FIRST = 23_000_000_001  # the first activity of a file


@pytest.fixture
def garmin() -> Iterator[GarminSubject]:
    with running() as subject:
        subject.add(DAY, "another ride", began=f"{DAY}T12:00:00+01:00")
        yield subject


@pytest.fixture
def connect(garmin: GarminSubject, tmp_path: Path) -> Connect:
    secrets: dict[str, Any] = {"secrets_dir": tmp_path / "secrets"}
    settings = Settings(_env_file=None, pauses=0, **secrets, **garmin.settings)
    garmin.log_in(settings)

    def connected() -> GarminWriter:
        clock = ServerClock(garmin.clock.now, garmin.clock.epoch, garmin.clock.advance)
        return connect_writer(settings, clock, lambda why, seconds: None)

    return connected


def upload(folder: Path, content: bytes | None = None, **more: Any) -> Change:
    """A change that uploads a file, which lies packed in the lake; its ride began at 06:00 UTC."""
    content = fit_of(DAY) if content is None else content
    digest = hashlib.sha256(content).hexdigest()
    path = folder / "file.gz"
    path.write_bytes(gzip.compress(content))
    details = {"sha256": digest, "name": "8823414069.fit", "external_id": "strava_pipeline_0123456789abcdef"}
    start = datetime.fromisoformat(f"{DAY}T06:00:07Z")  # as another service gives it
    given: dict[str, Any] = {"new": "8823414069.fit", "start": start, "details": {**details, "path": str(path)}}
    return Change(kind="upload_activity", provider="garmin", month=DAY[:7], effort="7", **(given | more))


def writes(garmin: GarminSubject) -> list[tuple[str, Any, int]]:
    return [(each["path"], each["body"], each["status"]) for each in garmin.journal.report()["writes"]]


@pytest.mark.parametrize(
    ("content", "kind"),
    [(fit_of(DAY), "fit"), (GPX.format(DAY).encode(), "gpx"), (gzip.compress(fit_of(DAY), mtime=0), "fit")],
    ids=["FIT", "GPX", "packed when it came"],
)
def test_a_file_goes_out_once_and_is_followed_until_it_is_read(
    garmin: GarminSubject, connect: Connect, tmp_path: Path, content: bytes, kind: str
) -> None:
    change, writer = upload(tmp_path, content), connect()
    before = writer.read(change)
    assert (before.value, before.page, before.source_id) == (None, None, None)
    plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    name = f"strava_pipeline_0123456789abcdef.{kind}"
    file = {"file": {"name": name, "size": len(plain), "sha256": hashlib.sha256(plain).hexdigest()}}
    (request,) = writer.requests(change, before)
    assert (request.method, request.address, request.body, writes(garmin)) == ("POST", UPLOAD, file, [])
    taken, followed = writer.write([change], [before])
    assert writes(garmin) == [(UPLOAD, file, 202)]
    assert (taken.status, followed.status, b"192.0.2.7" in taken.body + followed.body) == (202, 201, False)
    after = writer.read(change)
    assert (after.value, after.source_id) == (change.new, str(FIRST))
    assert after.page is not None
    assert sorted(row["source_id"] for row in after.page.read.activities) == sorted(map(str, garmin.garmin.activities))
    assert connect().read(change).source_id == str(FIRST), "found by its start, where the answer is not known"


def test_a_file_that_garmin_has_is_its_activity(garmin: GarminSubject, connect: Connect, tmp_path: Path) -> None:
    first, writer = upload(tmp_path), connect()
    writer.write([first], [writer.read(first)])
    moved = upload(tmp_path, start=datetime(2026, 2, 20, 9, tzinfo=UTC))  # no activity begins then
    writer = connect()
    (answered,) = writer.write([moved], [writer.read(moved)])
    assert (answered.status, [status for *_, status in writes(garmin)]) == (409, [202, 409])
    assert writer.read(moved).source_id == str(FIRST)
    assert [str(entry["activityId"]) for entry in garmin.garmin.activities.values()].count(str(FIRST)) == 1


@pytest.mark.parametrize(
    ("path", "fault", "error", "is_taken"),
    [
        pytest.param(UPLOAD, {"kind": "status", "status": 412}, RefusedError, False, id="no consent"),
        pytest.param(UPLOAD, {"kind": "status", "status": 400}, RefusedError, False, id="refused"),
        pytest.param(UPLOAD, {"kind": "status", "status": 429}, LimitReachedError, False, id="limit"),
        pytest.param(UPLOAD, {"kind": "status", "status": 500}, TransientError, False, id="down"),
        pytest.param(UPLOAD, {"kind": "status", "status": 409, "body": {}}, None, False, id="known, without its id"),
        pytest.param(UPLOAD, {"kind": "reset", "processed": True}, TransientError, True, id="answer lost"),
        pytest.param(UPLOAD, {"kind": "empty", "status": 202}, None, False, id="nothing said"),
        pytest.param(f"{STATUS}*", {"kind": "status", "status": 500, "times": 3}, None, True, id="status down"),
        pytest.param(f"{STATUS}*", {"kind": "status", "status": 429}, None, True, id="status at the limit"),
        pytest.param(f"{STATUS}*", {"kind": "status", "status": 404}, None, True, id="no status"),
        pytest.param(
            f"{STATUS}*", {"kind": "status", "status": 202, "times": CHECKS}, None, True, id="not read for long"
        ),
    ],
)
def test_a_file_is_never_sent_twice_and_is_found_where_nothing_said_what_became_of_it(
    garmin: GarminSubject,
    connect: Connect,
    tmp_path: Path,
    path: str,
    fault: dict[str, Any],
    error: type[PipelineError] | None,
    is_taken: bool,
) -> None:
    change, writer = upload(tmp_path), connect()
    before = writer.read(change)
    garmin.faults.order(Fault.from_order({"path": path, **fault}, ""))
    with nullcontext() if error is None else pytest.raises(error) as failed:
        writer.write([change], [before])
    assert failed is None or ("agree to uploads" in str(failed.value)) is (fault.get("status") == 412)
    garmin.clock.advance(7200)
    after = connect().read(change)
    assert (len(writes(garmin)), after.value) == ((1, change.new) if is_taken else (0, None))


def test_a_file_that_cannot_be_read_is_refused_and_an_activity_that_is_not_listed_yet_is_found(
    garmin: GarminSubject, connect: Connect, tmp_path: Path
) -> None:
    broken, writer = upload(tmp_path, fit_of(DAY)[:30]), connect()
    with pytest.raises(RefusedError, match="can't read the file") as refused:
        writer.write([broken], [writer.read(broken)])
    assert b"Invalid file" in refused.value.body
    change = upload(tmp_path)
    writer.write([change], [writer.read(change)])
    garmin.fail(kind="body", body=[])
    reading = writer.read(change)
    assert (reading.value, reading.source_id, len(reading.answers)) == (change.new, str(FIRST), 2)
    assert reading.page is not None
    assert [row["source_id"] for row in reading.page.read.activities] == [str(FIRST)]
    garmin.delete(str(FIRST))
    assert writer.read(change).value is None


@pytest.mark.parametrize(
    ("more", "why"), [({"start": None}, "when its activity began"), ({"new": None}, "can't be taken back")]
)
def test_an_upload_that_cannot_be_found_again_or_undone_is_refused(
    garmin: GarminSubject, connect: Connect, tmp_path: Path, more: dict[str, Any], why: str
) -> None:
    with pytest.raises(UnsupportedChangeError, match=why):
        connect().read(upload(tmp_path, **more))
    assert not garmin.journal.log


@pytest.mark.parametrize("seconds", [-90, -60, 0, 60, 90])
def test_an_upload_is_found_by_a_start_up_to_a_minute_apart(
    garmin: GarminSubject, connect: Connect, tmp_path: Path, seconds: int
) -> None:
    began = datetime.fromisoformat(f"{DAY}T11:00:00Z") + timedelta(seconds=seconds)
    change = upload(tmp_path, start=began)
    assert connect().read(change).value == (change.new if abs(seconds) <= 60 else None)


UUID, CREATED = "f6719eb4-80e8-4608-a927-bfb105665cb3", "2024-05-20 09:52:41.830 GMT"
KNOWN = {"uploadUuid": {"uuid": UUID}, "creationDate": CREATED}
MADE = f"{STATUS}1716198761830/f6719eb480e84608a927bfb105665cb3"


@pytest.mark.parametrize(
    ("location", "result", "path"),
    [
        (f"https://connectapi.garmin.com{STATUS}17/0a", KNOWN, f"{STATUS}17/0a"),
        (f"{STATUS}17/0a", {}, f"{STATUS}17/0a"),
        ("", KNOWN, MADE),
        (f"https://connectapi.garmin.com{STATUS}17/../../../gear-service", KNOWN, MADE),
        ("https://connectapi.garmin.com/activity-service/activity/7", KNOWN, MADE),
        ("", KNOWN | {"creationDate": None}, ""),
        ("", KNOWN | {"uploadUuid": {"uuid": "../7"}}, ""),
        ("", {"uploadUuid": None, "creationDate": CREATED}, ""),
        ("", {}, ""),
    ],
)
def test_what_became_of_a_file_is_asked_for_at_no_other_place(location: str, result: dict[str, Any], path: str) -> None:
    assert status_path(location, result) == path
