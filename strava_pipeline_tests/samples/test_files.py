"""The real activity files of ../shared/samples: file by file what is found, against independent readings and against their twins.

Deselected by default (`-m samples` runs them), and then red where they are absent.
"""

import csv
import json
import random
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from strava_pipeline.core.files.recording import DecodedFile, Recording
from strava_pipeline.ingest.files.reading import read_file, read_whole, zone_of

pytestmark = pytest.mark.samples

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
RECEIVED = datetime(2026, 11, 20, tzinfo=UTC)
ROWED = {"fit/20170518-191602-1740899583.fit": 6163}  # metres: the field of the rower's app, which names the native one
MEASURED: dict[str, dict[str, Any]] = json.loads((SAMPLES / "MEASURED.json").read_bytes()) if SAMPLES.exists() else {}
LAKE = (
    "cerknicko-jezero",
    "cerknicko-jezero-no-creator",
    "cerknicko-jezero-with-elevations-zero",
    "cerknicko-jezero-without-elevations",
)
JUMPS = {"bulk_export/sportiva/activities/8826653772.gpx": 45.3} | {f"gpx/{name}.gpx": 183.7 for name in LAKE}
"""Metres of a step that nobody makes: 45 m in a second of a run, 184 m in two of a walk."""
RECOVERED = "fit/strava-android-app-201.10-b1218918.fit"  # of which the independent reading has a tenth


def names(kind: str) -> list[str]:
    return sorted(name for name, found in MEASURED.items() if found.get("kind") == kind and name != RECOVERED)


@cache
def read(name: str) -> DecodedFile:
    return read_file((SAMPLES / name).read_bytes(), name, RECEIVED)


def only(name: str) -> Recording:
    (one,) = read(name).recordings
    return one


def counts(recordings: tuple[Recording, ...], column: str) -> int:
    return sum(one.track[column].count() for one in recordings)


@pytest.mark.parametrize("name", names("fit"))
def test_a_fit_file_says_what_an_independent_reading_said(name: str) -> None:
    told, found = MEASURED[name], read(name)
    if told["type"] != "activity" and not told["sessions"]:
        assert (found.kind, found.recordings) == (told["type"], ())
        return
    assert found.kind == "activity"
    assert sum(one.track.height for one in found.recordings) == told["records"]
    assert counts(found.recordings, "latitude") == told["gps"]
    silent = sum(one.left_out.get("heartrate", 0) for one in found.recordings)  # a rate of 0
    assert counts(found.recordings, "heartrate") + silent >= told["hr"]
    assert sum(len(one.laps) for one in found.recordings) == told["laps"]
    assert sum(len(one.lengths) for one in found.recordings) == told["lengths"]
    for one, session in zip(found.recordings, told["sessions"], strict=bool(told["sessions"])):
        assert one.sport == session["sport"]
        assert one.elapsed_s == session["total_elapsed_time"]
        metres = ROWED.get(name, session.get("total_distance", one.distance_m))
        assert one.distance_m == metres or (one.distance_m, metres) == (None, 0), "a total of 0 that nothing measured"
        assert one.ascent_m == session.get("total_ascent")
        if isinstance(session["start_time"], str):
            assert one.started_at == datetime.fromisoformat(session["start_time"])
        else:
            assert one.started_at is None


@pytest.mark.parametrize("name", [*names("fit"), *names("gpx"), *names("tcx")])
def test_a_sample_without_an_activity_says_why_and_that_nothing_is_kept(name: str) -> None:
    reading, _ = read_whole((SAMPLES / name).read_bytes(), name, RECEIVED)
    why = reading.why_no_activity
    assert (why is None) == bool(reading.recordings)
    assert why is None or (why.endswith(".") and "kept" not in why)


@pytest.mark.parametrize("name", names("gpx"))
def test_a_gpx_file_says_what_an_independent_reading_said(name: str) -> None:
    told, found = MEASURED[name], read(name)
    if not told["with_time"]:
        assert found.recordings == ()
        assert found.kind == (
            "route" if told["points"] or told["routes"] else "waypoints" if told["waypoints"] else "empty"
        )
        return
    (one,) = found.recordings
    assert one.track["at"].count() == told["with_time"]
    if found.left_out.get("route", 0) > told["routes"]:
        return  # tracks without a time, which the other reading counts
    assert one.track.height == told["points"]
    assert (one.track["altitude"].count(), one.track["heartrate"].count()) == (told["with_ele"], told["hr"])
    assert ("unordered_times" in one.flags) == told["unordered"]
    length = told["length_2d"] - JUMPS.get(name, 0.0)
    assert one.distance_m == pytest.approx(length, rel=0.003, abs=0.1)  # another model of the earth
    first = datetime.fromisoformat(told["first"])
    assert one.started_at == (first if first.tzinfo else first.replace(tzinfo=UTC))


@pytest.mark.parametrize("name", names("tcx"))
def test_a_tcx_file_says_what_an_independent_reading_said(name: str) -> None:
    told, (one,) = MEASURED[name], read(name).recordings
    assert (one.sport, one.started_at) == (told["activities"][0][0], datetime.fromisoformat(told["first"]))
    assert (one.track.height, len(one.laps)) == (told["trackpoints"], told["laps"])
    assert counts((one,), "heartrate") == told["hr"]
    assert one.moving_s == pytest.approx(told["lap_time"], abs=0.01)
    assert (
        one.elapsed_s == (datetime.fromisoformat(told["last"]) - datetime.fromisoformat(told["first"])).total_seconds()
    )


@pytest.mark.parametrize(
    ("name", "kind", "flags"),
    [
        ("fit/activity-settings.fit", "activity", [set()]),
        ("fit/invalid/activity-activity-filecrc.fit", "activity", [set(), {"bad_checksum"}]),
        ("fit/invalid/activity-filecrc.fit", "activity", [{"bad_checksum"}]),
        ("fit/invalid/activity-settings-corruptheader.fit", "activity", [{"damaged"}]),
        ("fit/invalid/activity-settings-nodata.fit", "activity", [{"truncated"}]),
        ("fit/invalid/activity-unexpected-eof.fit", "activity", [{"truncated"}]),
        ("fit/invalid/elemnt-bolt-no-application-id-inside-developer-data-id.fit", "activity", [set()]),
        ("fit/antfs-dump.63.fit", "activity", [{"relative_clock"}]),
        ("fit/compressed-speed-distance.fit", "activity", [{"relative_clock"}]),
        ("fit/DeveloperData.fit", "activity", [{"no_times"}]),
        ("fit/unterminated-strings.fit", "activity", [set()]),
        ("fit/MonitoringFile.fit", "monitoring_b", []),
        ("fit/nametest.FIT", "settings", []),
        ("fit/Berlin_0_9_km.fit", "course", []),
        ("gpx/Berlin_0_9_km.gpx", "route", []),
        ("gpx/Mojstrovka.gpx", "activity", [{"unordered_times", "wrong_clock"}]),
        ("gpx/korita-zbevnica.gpx", "activity", [set()]),
        ("gpx/first_and_last_elevation.gpx", "activity", [{"unordered_times", "faster_than_sport"}]),
        ("tcx/malformed.tcx", "activity", [set()]),
        ("tcx/strava_leading_ws_6281425038.tcx.gz", "activity", [set()]),
    ],
)
def test_what_is_odd_about_a_file_is_flagged(name: str, kind: str, flags: list[set[str]]) -> None:
    found = read(name)
    assert (found.kind, [set(one.flags) for one in found.recordings]) == (kind, flags)


def test_a_file_that_lost_bytes_is_read_to_its_end() -> None:
    """Each of its line feeds has lost the byte before; another reader stops at the first."""
    one = only(RECOVERED)
    assert one.flags == {"damaged", "truncated"}
    assert one.track.height > 5200
    assert one.track["distance"].max() == one.distance_m == 11274.04
    assert one.track["at"].is_sorted()
    assert one.track["at"].max() == datetime(2021, 9, 27, 15, 12, 28, tzinfo=UTC)


def test_a_triathlon_is_five_recordings_with_the_straps_heart_rates() -> None:
    found = read("fit/sample_mulitple_header.fit").recordings
    assert [one.sport for one in found] == ["swimming", "transition", "cycling", "transition", "running"]
    assert [one.track.height for one in found] == [349, 38, 854, 14, 518]
    assert [one.track["heartrate"].null_count() for one in found] == [0, 0, 0, 0, 0]
    swum = found[0].track["heartrate"].mean()
    assert swum == pytest.approx(found[0].summary["avg_heartrate"], abs=1)


def test_a_pool_swims_heart_rates_come_from_the_strap() -> None:
    swim = only("fit/event_timestamp.fit")
    assert swim.track["heartrate"].count() == 4375
    assert swim.track["heartrate"].max() == pytest.approx(swim.summary["max_heartrate"], abs=1)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("garmin-fenix-5-bike", {"heartrate": "wrist"}),
        ("garmin-fenix-5-run", {"heartrate": "Garmin HRM-4 Run"}),
        ("compressed-speed-distance", {"heartrate": "Dynastream Oem Axh 01", "cadence": "Garmin Sdm 4"}),
        ("sample-activity-indoor-trainer", {"heartrate": "strap", "watts": "meter", "cadence": "meter"}),
        (
            "unterminated-strings",
            {"heartrate": "strap"} | dict.fromkeys(("watts", "cadence", "speed"), "Wahoo 32"),
        ),
        ("coros_6916663933", {}),
    ],
)
def test_sensors_are_those_that_the_device_listed(name: str, found: dict[str, str]) -> None:
    assert only(f"fit/{name}.fit").sensors == found


@pytest.mark.parametrize("kind", ["edge-820-bike", "fenix-5-bike", "fenix-5-run", "fenix-5-walk"])
def test_each_record_is_as_its_authors_listed_it(kind: str) -> None:
    with (SAMPLES / f"fit/garmin-{kind}-records.csv").open() as listed:
        rows = list(csv.DictReader(listed))
    track = only(f"fit/garmin-{kind}.fit").track
    pacific = track["at"].dt.offset_by("-7h")
    assert pacific.dt.strftime("%a %b %d %H:%M:%S PDT %Y").to_list() == [row["timestamp"] for row in rows]
    for column, listed_as, scale in [
        ("latitude", "position_lat", 180 / 2**31),
        ("longitude", "position_long", 180 / 2**31),
        ("distance", "distance", 1),
        ("heartrate", "heart_rate", 1),
    ]:
        wanted = [float(row[listed_as]) * scale if row[listed_as] else None for row in rows]
        assert track[column].to_list() == pytest.approx(wanted, abs=1e-6)


def test_compressed_speeds_and_distances_are_as_their_authors_listed_them() -> None:
    with (SAMPLES / "fit/compressed-speed-distance-records.csv").open() as listed:
        rows = list(csv.DictReader(listed, skipinitialspace=True))
    track = only("fit/compressed-speed-distance.fit").track
    # the list begins with the second record, and with the distance at 0
    assert track["heartrate"][1:].to_list() == [float(row["Heart Rate [bpm]"]) for row in rows]
    steps = track["distance"][1:].diff().drop_nulls().to_list()
    assert steps == pytest.approx(
        pl.Series([float(row["Distance [m]"]) for row in rows]).diff().drop_nulls().to_list(), abs=0.01
    )


@pytest.mark.parametrize(
    "row",
    json.loads((SAMPLES / "bulk_export/sportiva/_ORACLE.json").read_bytes()) if SAMPLES.exists() else [],
    ids=lambda row: row["file"],
)
def test_the_files_of_an_export_agree_with_its_rows(row: dict[str, Any]) -> None:
    name = f"bulk_export/sportiva/{row['file']}"
    if not (SAMPLES / name).exists():
        pytest.skip("the export's file is not among the samples")
    one = only(name)
    assert one.started_at == pytest.approx(datetime.fromisoformat(row["file_start"]), abs=timedelta(seconds=1))
    assert one.elapsed_s == pytest.approx(row["file_elapsed"], abs=0.1)
    assert one.distance_m == pytest.approx(row["file_dist"] - JUMPS.get(name, 0.0), rel=0.003)


def test_a_watch_file_and_stravas_export_of_it_are_the_same_run() -> None:
    watch = only("fit/2022-05-29-15-53-35_Laufen_Landal_Park.fit")
    export = only("bulk_export/geo-activity-playground/activities/12866632127.fit.gz")
    for name in ("started_at", "distance_m", "elapsed_s"):
        assert getattr(watch, name) == getattr(export, name)
    assert watch.track.drop("heartrate", "cadence", "temperature").equals(
        export.track.drop("heartrate", "cadence", "temperature")
    )
    assert (watch.track["heartrate"].count(), export.track["heartrate"].count()) == (326, 0)


def test_a_tcx_file_is_its_strava_stream_point_by_point() -> None:
    streams = json.loads((SAMPLES / "strava/streams/runpandas_4437021783_streams.json").read_bytes())
    run = only("tcx/runpandas_2020-12-06T06_36_21_Running.tcx")
    assert run.started_at == datetime(2020, 12, 6, 9, 36, 27, tzinfo=UTC)
    offsets = run.track.select((pl.col("at") - run.started_at).dt.total_seconds())["at"].to_list()
    assert offsets == streams["time"]["data"]
    assert run.distance_m == pytest.approx(streams["distance"]["data"][-1], abs=0.05)


def test_a_fit_file_is_its_strava_stream() -> None:
    streams = json.loads((SAMPLES / "strava/streams/coros_3183465494_streams.json").read_bytes())
    run = only("fit/coros_6916663933.fit")
    assert run.track.height == len(streams["time"]) == 2921
    assert run.elapsed_s == streams["time"][-1]


@pytest.mark.parametrize(
    ("one", "other", "metres"),
    [
        ("fit/10kUNLP2014-Garmin15.fit", "tcx/10kUNLP2014-Garmin15.tcx", 0.01),
        ("derived/antimeridian.gpx", "gpx/activereader_testdata.gpx", 0.05),
        ("derived/dst_fall_back.gpx", "gpx/activereader_testdata.gpx", 0.0001),
    ],
)
def test_twins_are_as_long_as_each_other(one: str, other: str, metres: float) -> None:
    assert only(one).track.height == only(other).track.height
    assert only(one).elapsed_s == pytest.approx(only(other).elapsed_s, abs=1)
    assert only(one).distance_m == pytest.approx(only(other).distance_m, abs=metres)


@pytest.mark.parametrize(
    ("name", "zone", "hours"),
    [
        ("fit/2022-05-29-15-53-35_Laufen_Landal_Park.fit", None, 2),
        ("fit/10kUNLP2014-Garmin15.fit", "America/Argentina/Buenos_Aires", -3),
        ("gpx/activereader_testdata.gpx", "America/Denver", -6),
        ("gpx/Mojstrovka.gpx", "Europe/Ljubljana", 1),
        ("tcx/python-tcxparser_test.tcx", "America/New_York", -5),
        ("tcx/strava-ruby_17611540601.tcx", "America/New_York", -5),
    ],
)
def test_a_zone_agrees_with_what_the_device_says(name: str, zone: str | None, hours: float) -> None:
    one = only(name)
    found = zone_of(one)
    assert found is not None
    assert found.name == (zone or found.name)
    assert found.utc_offset_s == hours * 3600


ALL = sorted(
    str(path.relative_to(SAMPLES))
    for kind in ("fit", "gpx", "tcx", "derived")
    for path in (SAMPLES / kind).rglob("*")
    if path.is_file()
)


@pytest.mark.parametrize("name", ALL)
def test_a_sample_cut_or_changed_anywhere_is_read_as_far_as_it_goes(name: str) -> None:
    content = (SAMPLES / name).read_bytes()[:6_000]
    dice = random.Random(name)
    whole = sum(one.track.height for one in read(name).recordings)
    for place in range(20):
        cut = content[: len(content) * place // 20]
        assert sum(one.track.height for one in read_file(cut, name, RECEIVED).recordings) <= whole
    for _ in range(5):
        changed = bytearray(content)
        for place in dice.sample(range(len(changed)), k=min(20, len(changed))):
            changed[place] = dice.randrange(256)
        read_file(bytes(changed), name, RECEIVED)
