"""Garmin's client beside its emulator: what is asked for, rows that move between pages, files, refusals."""

import json
import logging
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import GoneError, LimitReachedError, NeedsLoginError, RefusedError, TransientError
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.activity_list import days_around
from strava_pipeline.ingest.garmin.client import GEAR as OLDER_GEAR
from strava_pipeline.ingest.garmin.client import NEW_GEAR, GarminClient, connect, login_files
from strava_pipeline.ingest.garmin.downloads import UnusableDownloadError, is_page, only_file
from strava_pipeline.ingest.garmin.emulator.entries import entry
from strava_pipeline.ingest.garmin.record import SPEC
from strava_pipeline.ingest.garmin.tokens import HEADERS
from strava_pipeline.ingest.http import Exchange, Wire
from strava_pipeline_tests.ingest.garmin.subject import GEAR, GarminSubject, running
from strava_pipeline_tests.providers.subjects import GPX, fit_of

Connect = Callable[[], GarminClient]


@pytest.fixture
def garmin() -> Iterator[GarminSubject]:
    with running() as subject:
        yield subject


@pytest.fixture
def settings(garmin: GarminSubject, tmp_path: Path) -> Settings:
    found = Settings(_env_file=None, secrets_dir=tmp_path / "secrets", pauses=0, **garmin.settings)
    garmin.log_in(found)
    return found


@pytest.fixture
def client(garmin: GarminSubject, settings: Settings) -> Connect:
    """Makes clients, as runs one after the other do; each waits on the emulator's clock."""

    def connected() -> GarminClient:
        counter = garmin.clock.epoch
        clock = ServerClock(garmin.clock.now, counter, garmin.clock.advance)
        return connect(settings, clock, lambda why, seconds: None)

    return connected


def add(garmin: GarminSubject, count: int, first: str = "2025-01-01T06:00:00+01:00") -> None:
    """Have so many activities, an hour apart; the ids grow with their starts."""
    began = datetime.fromisoformat(first)
    for number in range(count):
        at = began + timedelta(hours=number)
        key = int(at.timestamp())
        garmin.garmin.activities[key] = entry(key, f"ride {number}", "cycling", at, seconds=600)


def queries(garmin: GarminSubject) -> list[str]:
    """What followed the listing's path, call by call."""
    return [path.partition("?")[2] for _, _, path, _ in garmin.journal.log if path.startswith(garmin.lists)]


@pytest.mark.parametrize(
    ("after", "before", "days"),
    [
        (None, None, {}),
        ("2025-01-01T00:00:00", None, {"startDate": "2024-12-31"}),
        (None, "2025-01-01T00:00:00", {"startDate": "1970-01-01", "endDate": "2025-01-02"}),
        ("2024-12-31T09:59:59", "2026-01-01T12:00:00", {"startDate": "2024-12-30", "endDate": "2026-01-02"}),
        ("1970-01-01T00:00:00", "1970-01-02T00:00:00", {"startDate": "1970-01-01", "endDate": "1970-01-03"}),
    ],
)
def test_the_days_around_a_window_are_asked_for(after: str | None, before: str | None, days: dict[str, str]) -> None:
    def seconds(text: str | None) -> int | None:
        return None if text is None else int(datetime.fromisoformat(f"{text}+00:00").timestamp())

    assert days_around(seconds(after), seconds(before)) == days


@pytest.mark.parametrize(
    ("count", "per_page", "asked", "sizes"),
    [
        (0, 200, ["start=0&limit=100"], []),
        (94, 200, ["start=0&limit=100"], [100]),
        (100, 200, ["start=0&limit=100", "start=95&limit=100"], [100]),
        (230, 200, ["start=0&limit=100", "start=95&limit=100", "start=190&limit=100"], [100, 95, 95]),
        (5, 2, ["start=0&limit=2", "start=0&limit=4", "start=0&limit=6"], [2, 2, 2]),
        (12, 5, ["start=0&limit=5", "start=0&limit=10", "start=5&limit=10"], [5, 5, 5]),
    ],
)
def test_pages_overlap_and_a_quiet_day_is_one_call(
    garmin: GarminSubject, client: Connect, count: int, per_page: int, asked: list[str], sizes: list[int]
) -> None:
    add(garmin, count)
    pages = list(client().list_pages(None, None, per_page))
    assert queries(garmin) == asked
    assert len(garmin.journal.log) == len(asked), "the account stands beside the tokens"
    ids = [activity["source_id"] for page in pages for activity in page.read.activities]
    assert len(ids) == len(set(ids)) == count
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))
    assert [page.per_page for page in pages] == sizes, "a page with as many rows is full"
    assert all(json.loads(page.body) for page in pages), "as received, also where rows came before"


def move_between_pages(
    garmin: GarminSubject, client: GarminClient, move: Callable[[int], None], per_page: int
) -> set[str]:
    """The ids of a listing during which `move` is called after each page, with its number."""
    found = set()
    for page in client.list_pages(None, None, per_page):
        found |= {activity["source_id"] for activity in page.read.activities}
        move(page.number)
    return found


@pytest.mark.parametrize("per_page", [1, 3, 40, 100])
@pytest.mark.parametrize("at_once", [1, 5, 30, 90])
def test_a_shrinking_list_misses_no_row(garmin: GarminSubject, client: Connect, per_page: int, at_once: int) -> None:
    add(garmin, 300 if per_page > 3 else 100)
    gone: set[str] = set()

    def delete_newest(number: int) -> None:
        if number <= 2:
            for key in sorted(garmin.garmin.activities, reverse=True)[:at_once]:
                gone.add(str(garmin.garmin.activities.pop(key)["activityId"]))

    if at_once == 90 and per_page <= 3:  # all of it: whether that is so, the next listing says
        with pytest.raises(TransientError, match="empty pages"):
            move_between_pages(garmin, client(), delete_newest, per_page)
        return
    found = move_between_pages(garmin, client(), delete_newest, per_page)
    assert {str(key) for key in garmin.garmin.activities} <= found
    assert len(queries(garmin)) < 260


@pytest.mark.parametrize("per_page", [1, 3, 40, 100])
def test_no_row_comes_twice_while_the_list_grows(garmin: GarminSubject, client: Connect, per_page: int) -> None:
    add(garmin, 120 if per_page > 3 else 30)
    before = {str(key) for key in garmin.garmin.activities}
    ids: list[str] = []
    for page in client().list_pages(None, None, per_page):
        ids += [activity["source_id"] for activity in page.read.activities]
        if page.number <= 3:
            add(garmin, 2, f"2026-01-0{page.number}T06:00:00+01:00")
    assert before <= set(ids)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("cap", [20, 25, 50])
@pytest.mark.parametrize("count", [19, 20, 52, 100, 120])
def test_a_service_that_gives_fewer_rows_than_asked_for_is_read_to_its_end(
    garmin: GarminSubject, client: Connect, monkeypatch: pytest.MonkeyPatch, cap: int, count: int
) -> None:
    add(garmin, count)
    send = Wire.send

    def capped(wire: Wire, method: str, url: str, **options: Any) -> Exchange:
        params = options.get("params") or {}
        if "limit" in params:
            options["params"] = {**params, "limit": str(min(cap, int(params["limit"])))}
        return send(wire, method, url, **options)

    monkeypatch.setattr(Wire, "send", capped)
    ids = [one["source_id"] for page in client().list_pages(None, None, 100) for one in page.read.activities]
    assert len(ids) == len(set(ids)) == count
    assert len(queries(garmin)) <= count // (cap - 5) + 2


def test_a_list_that_repeats_itself_ends(garmin: GarminSubject, client: Connect) -> None:
    add(garmin, 100)
    same = garmin.garmin.listed(garmin.garmin.account)
    garmin.fail(kind="body", body=same, times=-1)
    with pytest.raises(TransientError, match="repeats itself"):
        list(client().list_pages(None, None, 100))
    assert len(queries(garmin)) == 4


def test_a_turn_of_the_year_is_asked_for_by_the_athletes_day(garmin: GarminSubject, client: Connect) -> None:
    for began in ("2025-01-01T00:30:00+14:00", "2025-12-31T23:30:00-10:00"):
        garmin.add(began[:10], began, began=began)
    after, before = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2025, 2026))
    (page,) = client().list_pages(after - 50_401, before + 43_200, 100)
    assert [activity["start_date_local"][:10] for activity in page.read.activities] == ["2025-12-31", "2025-01-01"]


def test_calls_of_all_runs_keep_the_interval_and_look_like_the_app_s(
    garmin: GarminSubject, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    sent: list[Any] = []
    send = Wire.send
    now = [datetime(2026, 3, 1, tzinfo=UTC)]

    def watched(wire: Wire, method: str, url: str, **options: Any) -> Exchange:
        sent.append(options["headers"])
        return send(wire, method, url, **options)

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += timedelta(seconds=seconds)

    monkeypatch.setattr(Wire, "send", watched)
    slow = settings.model_copy(update={"pauses": 1.0})
    clients = [
        connect(slow, ServerClock(lambda: now[0], lambda: 0.0, sleep), lambda why, seconds: None) for _ in range(2)
    ]
    for client in (*clients, *clients):
        list(client.list_pages(None, None, 100))
    assert (waits, sent) == ([1.0] * 3, [HEADERS] * 4)
    now[0] += timedelta(seconds=0.75)
    list(clients[0].list_pages(None, None, 100))
    now[0] -= timedelta(days=2)
    list(clients[1].list_pages(None, None, 100))
    assert waits[3:] == [pytest.approx(0.25)], "a clock that was set back is waited for by nobody"


def test_one_call_at_a_time_whatever_else_runs(
    garmin: GarminSubject, client: Connect, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(garmin, 200)
    (settings.secrets_dir / "garmin_tokens_pace.lock").write_text("no number")
    under_way: list[str] = []
    most = [0]
    send = Wire.send

    def watched(wire: Wire, method: str, url: str, **options: Any) -> Exchange:
        under_way.append(url)
        most[0] = max(most[0], len(under_way))
        try:
            return send(wire, method, url, **options)
        finally:
            under_way.pop()

    monkeypatch.setattr(Wire, "send", watched)
    threads = [
        threading.Thread(target=lambda each: list(each.list_pages(None, None, 20)), args=[client()]) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(queries(garmin)) > 20
    assert most == [1]


def zipped(**members: bytes) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (zipped(**{"7_ACTIVITY.fit": b"x"}), "7_ACTIVITY.fit"),
        (zipped(**{"Morning ride.GPX": b"x"}), "Morning ride.GPX"),
        (fit_of("2025-01-01"), "7_ACTIVITY.fit"),
        (GPX.format("2025-01-01").encode(), "7_ACTIVITY.gpx"),
    ],
)
def test_the_one_file_of_a_download_is_taken(body: bytes, name: str) -> None:
    found, content = only_file(body, "7", ImportLimits())
    assert (found, content in (b"x", body)) == (name, True)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (zipped(), "0 files"),
        (zipped(**{"a.fit": b"x", "b.fit": b"y"}), "2 files"),
        (zipped(**{"../a.fit": b"x"}), "path"),
        (zipped(**{"folder/a.fit": b"x"}), "path"),
        (zipped(**{"C:a.fit": b"x"}), "path"),
        (zipped(**{"a.exe": b"x"}), "none of FIT"),
        (zipped(**{"a.fit": b"x" * 1001}), "larger"),
        (zipped(**{"a.fit": b"x"})[:-30], "damaged"),
        (b"PK\3\4nothing", "damaged"),
        (b"", "neither"),
        (b"<kml/>", "neither"),
    ],
)
def test_any_other_download_is_not_used(body: bytes, why: str) -> None:
    with pytest.raises(UnusableDownloadError, match=why):
        only_file(body, "7", ImportLimits(file_bytes=1000))


@pytest.mark.parametrize(
    ("body", "found"),
    [(b"\xef\xbb\xbf\n <!DOCTYPE html>", True), (b"<html lang=en>", True), (b"<?xml version='1.0'?><gpx/>", False), (b"PK", False)],
)  # fmt: skip
def test_a_web_page_is_recognised(body: bytes, found: bool) -> None:
    assert is_page(body) is found


def spoil_download(garmin: GarminSubject, key: str) -> None:
    """Have a zip of two files for the activity. A fault's body is text, so the files are what the emulator packs."""
    garmin.fail_file(key, kind="body", body="PK\3\4 damaged", times=9)


def test_what_garmin_makes_of_an_activity_replaces_an_unusable_download(garmin: GarminSubject, client: Connect) -> None:
    gpx, fit = garmin.add("2025-01-01", "gpx"), garmin.add("2025-01-02", "fit")
    for key in (gpx, fit):
        spoil_download(garmin, key)
    received = client().get_file(gpx)
    assert (received.name, received.body) == (f"{gpx}_derived.gpx", GPX.format("2025-01-01").encode())
    with pytest.raises(RefusedError, match="damaged"):
        client().get_file(fit)


def test_a_web_page_in_place_of_a_file_is_asked_for_again(garmin: GarminSubject, client: Connect) -> None:
    key = garmin.add("2025-01-01", "gpx")
    garmin.fail_file(key, kind="html", status=200, times=2)
    assert client().get_file(key).name == f"{key}.gpx"
    with pytest.raises(GoneError):
        client().get_file("12")


def refused(garmin: GarminSubject, client: Connect, status: int, **headers: str) -> timedelta | type[Exception]:
    """How long a refused call stops the runs, or which other error it is."""
    garmin.fail(kind="status", status=status, headers=headers, body={"message": "Rate limited"})
    try:
        list(client().list_pages(None, None, 100))
    except LimitReachedError as error:
        return timedelta(hours=round((error.resumes_at - garmin.clock.now()) / timedelta(hours=1)))
    except NeedsLoginError as error:
        return type(error)
    return timedelta(0)


def test_pauses_after_429_double_up_to_a_day_until_a_call_succeeds(garmin: GarminSubject, client: Connect) -> None:
    hours = [refused(garmin, client, 429) for _ in range(7)]
    assert hours == [timedelta(hours=hour) for hour in (1, 2, 4, 8, 16, 24, 24)]
    assert len(queries(garmin)) == 7, "a refused call is not tried again"
    list(client().list_pages(None, None, 100))
    assert refused(garmin, client, 429, **{"Retry-After": "7"}) == timedelta(hours=1)
    assert refused(garmin, client, 429, **{"Retry-After": "180000"}) == timedelta(hours=50)


@pytest.mark.parametrize("status", [403, 427])
def test_a_block_is_a_pause_and_a_second_needs_a_person(garmin: GarminSubject, client: Connect, status: int) -> None:
    assert refused(garmin, client, status) == timedelta(hours=1)
    assert refused(garmin, client, status) is NeedsLoginError
    list(client().list_pages(None, None, 100))
    assert refused(garmin, client, status) == timedelta(hours=1), "not in a row"


def test_a_403_for_one_activity_says_nothing_of_the_account(garmin: GarminSubject, client: Connect) -> None:
    key = garmin.add("2025-01-01", "ride")
    garmin.fail_file(key, kind="status", status=403, times=3)
    for _ in range(3):
        with pytest.raises(RefusedError):
            client().get_file(key)
    assert refused(garmin, client, 403) == timedelta(hours=1)


def test_counted_refusals_are_purged_with_the_login(garmin: GarminSubject, client: Connect, settings: Settings) -> None:
    assert [path.name for path in login_files(settings)] == ["garmin_tokens.json"]
    refused(garmin, client, 429)
    assert [path.name for path in login_files(settings)] == ["garmin_tokens.json", "garmin_tokens_refusals.json"]
    login_files(settings)[1].write_text("{")
    assert refused(garmin, client, 429) == timedelta(hours=1), "a damaged count is none"


@pytest.mark.parametrize("pieces", [0, 20, 45])
def test_gear_of_both_lists_comes_in_one_answer(garmin: GarminSubject, client: Connect, pieces: int) -> None:
    garmin.garmin.new_gear += [{"uuid": f"{number:04}-AA", "name": f"gear {number}"} for number in range(pieces)]
    (answer,) = client().list_kind("gear", None, None)
    found = dict(SPEC.kinds["gear"](json.loads(answer.body)))
    assert found.keys() == {GEAR, *(f"{number:04}aa" for number in range(pieces))}
    assert len(garmin.journal.log) == 2 + pieces // 20


@pytest.mark.parametrize(("absent", "found"), [(NEW_GEAR, {GEAR}), (OLDER_GEAR, {"0000aa"})])
def test_one_list_of_gear_is_enough(garmin: GarminSubject, client: Connect, absent: str, found: set[str]) -> None:
    garmin.garmin.new_gear.append({"uuid": "0000-AA", "name": "new"})
    garmin.fail(path=absent, kind="status", status=404)
    (answer,) = client().list_kind("gear", None, None)
    assert dict(SPEC.kinds["gear"](json.loads(answer.body))).keys() == found
    for path in (NEW_GEAR, OLDER_GEAR):
        garmin.fail(path=path, kind="status", status=404)
    with pytest.raises(GoneError):
        list(client().list_kind("gear", None, None))


def test_whose_login_it_is_is_asked_for_once_after_a_login(
    garmin: GarminSubject, client: Connect, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    del garmin.tokens["account"]
    garmin.log_in(settings)
    assert [client().login().account for _ in range(3)] == [str(garmin.garmin.account)] * 3
    assert len(garmin.journal.log) == 1
    assert garmin.secret not in caplog.text
