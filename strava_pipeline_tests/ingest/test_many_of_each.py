"""50,000 of each thing that a file can hold: each reader comes to an end, with the right number or a fault in words.

A loop within a loop takes minutes, and is stopped by the limit of CPU of the process that reads. `benchmarks/many.py` measures.
"""

import json
import resource
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.files.apple_days import read_days
from strava_pipeline.core.files.archive_csv import read_activities_csv, read_gear
from strava_pipeline.core.files.garmin_days import days_reader
from strava_pipeline.core.files.objects import Numbering
from strava_pipeline.core.files.recording import DecodedFile
from strava_pipeline.core.json_values import json_bytes, parse_json
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.wellness import DayClock
from strava_pipeline.ingest.archive.api_json import read_objects
from strava_pipeline.ingest.archive.container import open_container
from strava_pipeline.ingest.archive.contents import contents
from strava_pipeline.ingest.archive.entry import Entry, Fault
from strava_pipeline.ingest.archive.exports import csv_reader, json_reader
from strava_pipeline.ingest.archive.import_reader import ImportReader, KeptFile
from strava_pipeline.ingest.files.reading import read_file
from strava_pipeline.ingest.providers_file import providers_file
from strava_pipeline.ingest.spreadsheet.client import SpreadsheetClient
from strava_pipeline.lake.gold.rules_file import rules_of
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.user_files import goals_of
from strava_pipeline_tests.ingest.archive.exports import RUNKEEPER, garmin_item
from strava_pipeline_tests.ingest.archive.made import zipped
from strava_pipeline_tests.ingest.archive.test_apple_health import document, workout
from strava_pipeline_tests.ingest.files import made
from strava_pipeline_tests.processes import python

pytestmark = pytest.mark.slow
COUNT, CPU_SECONDS = 50_000, 120
LIMITS = ImportLimits(recordings=3_000)  # each takes some 15 ms: of more there is nothing else to learn
DEAR = ("gpx", "tcx", "kml", "fit", "apple", "lists", "strava", "table", "workbook")  # several CPU seconds and more
Case = tuple[Callable[[int], str | bytes], Callable[[bytes], object]]


def _of(what: Callable[[DecodedFile], object]) -> Callable[[bytes], object]:
    return lambda body: what(read_file(body, "a", made.RECEIVED, LIMITS))


_points = _of(lambda read: sum(each.track.height for each in read.recordings) or read.problem)
_recordings = _of(lambda read: len(read.recordings) or read.problem)
_laps = _of(lambda read: sum(len(each.laps) for each in read.recordings))


def _opened(name: str, use: Callable[[Path], object]) -> Callable[[bytes], object]:
    """`use` of a file of that name in a folder of its own."""

    def read(body: bytes) -> object:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, name).write_bytes(body)
            return use(Path(folder, name))

    return read


def _import(path: Path) -> object:
    """The activities of an import, without those of its recordings; else its faults."""
    with open_container(path) as container:
        found = contents(container, with_days=True)
        kept = {each.name: each for _, each in found.entries}
        files = [KeptFile(each.name, each.name, each.size, role) for role, each in found.entries]
        reader = ImportReader(files, container.kind, {}, lambda name: kept[name].read(), Numbering())
        days = [each for role, each in found.entries if role == "wellness" and each.name.endswith(".days.json")]
        nights = sum(1 for each in days for _ in read_days(parse_json(each.read()), DayClock(lambda at: None, UTC)))
        return sum(1 for _ in reader.activities(lambda name: None, {})) or nights or list(map(str, found.faults))


_apple = _opened("export.xml", _import)
_archive = _opened("export.zip", _import)


def _table(path: Path) -> object:
    clock: Any = SimpleNamespace()
    client = SpreadsheetClient([path], clock, sheet=None, zone="UTC", units="metric", on_wait=lambda *_: None)
    whole = client.read_whole(None)
    return whole and len(whole.read.activities)


def _objects(body: bytes) -> object:
    found = list(read_objects([Entry("a.json", len(body), lambda: body)]))
    return str(found[0]) if isinstance(found[0], Fault) else len(found)


def _list(body: bytes) -> object:
    reader = json_reader(parse_json(body)) if body[:1] in b"[{" else None
    found = reader(parse_json(body)) if reader else csv_reader(body.decode().splitlines()[0].split(","))(body)  # type: ignore[misc]
    return len(found.rows)


def _garmin_days(name: str) -> Callable[[bytes], object]:
    return lambda body: len(list(days_reader(name)(parse_json(body))))  # type: ignore[misc]


def _days(name: str, **fields: object) -> Case:
    return lambda n: json_bytes([{"calendarDate": "2024-05-01", **fields}] * n), _garmin_days(name)


def _book(sheet: Callable[[int], str], strings: Callable[[int], str] = lambda n: "") -> Case:
    """A workbook with these parts: a header, and what stands below it."""
    kind, office = "application/vnd.openxmlformats-officedocument.spreadsheetml", "http://schemas.openxmlformats.org"
    main, related = f"{office}/spreadsheetml/2006/main", f"{office}/officeDocument/2006/relationships"
    titles = "".join(f'<c t="inlineStr"><is><t>{each}</t></is></c>' for each in TITLES.strip().split(","))

    def make(n: int) -> bytes:
        types = "".join(
            f'<Override PartName="/xl/{part}.xml" ContentType="{kind}.{word}+xml"/>'
            for part, word in (("workbook", "sheet.main"), ("s", "worksheet"), ("t", "sharedStrings"))
        )
        link = '<Relationship Id="{}" Type="' + related + '/{}" Target="{}"/>'
        rels, links = (
            "http://schemas.openxmlformats.org/package/2006/relationships",
            (("a", "worksheet", "/xl/s.xml"), ("b", "sharedStrings", "/xl/t.xml")),
        )
        return zipped({
            "[Content_Types].xml": f'<Types xmlns="{office}/package/2006/content-types">{types}</Types>'.encode(),
            "_rels/.rels": f'<Relationships xmlns="{rels}">{link.format("a", "officeDocument", "xl/workbook.xml")}</Relationships>'.encode(),
            "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{related}"><sheets><sheet name="A" sheetId="1" r:id="a"/></sheets></workbook>'.encode(),
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{rels}">{"".join(link.format(*each) for each in links)}</Relationships>'.encode(),
            "xl/s.xml": f'<worksheet xmlns="{main}"><sheetData><row>{titles}</row>{sheet(n)}</worksheet>'.encode(),
            "xl/t.xml": f'<sst xmlns="{main}">{strings(n)}</sst>'.encode(),
        })  # fmt: skip

    return make, _opened("a.xlsx", _table)


TITLES = "start_time,activity_type,distance,duration_hms\n"
ROW = "2024-05-01 08:00,Run,5,0:30:00\n"
CELLS = '<row><c t="inlineStr"><is><t>2024-05-01 08:00</t></is></c><c t="s"><v>{}</v></c></row>'
STRAVA = "Activity ID,Activity Date,Activity Name,Activity Type,Distance,Filename,Media"
AT = "2021-05-0{} 0{}:00:00 +0200"
RIDE = workout("Cycling", AT.format(1, 7), AT.format(1, 8), "{}")
STEPS = '<Record type="HKQuantityTypeIdentifierStepCount" unit="count" sourceName="{}" value="6" startDate="2021-05-01 09:00:00 +0200"/>'
SLEEP = '<Record type="HKCategoryTypeIdentifierSleepAnalysis" sourceName="a" value="HKCategoryValueSleepAnalysisAsleepCore" startDate="2021-05-01 01:00:00 +0200" endDate="2021-05-01 0{}:00:00 +0200"/>'
POINT, TRACK = made.trkpt(0), f"<trk><trkseg>{made.trkpt(0)}</trkseg></trk>"
PLACEMARK = "<Placemark><Track><when>2024-05-01T08:00:00Z</when><coord>13 52 0</coord></Track></Placemark>"


def _gpx(inner: Callable[[int], str], read: Callable[[bytes], object] = _points) -> Case:
    return lambda n: f"<gpx>{inner(n)}</gpx>", read


def _kml(inner: Callable[[int], str], read: Callable[[bytes], object] = _points) -> Case:
    return lambda n: f"<kml>{inner(n)}</kml>", read


def _tcx(inner: Callable[[int], str], read: Callable[[bytes], object] = _points) -> Case:
    return lambda n: made.tcx(inner(n)), read


def _fit(inner: Callable[[int], bytes], read: Callable[[bytes], object] = _points) -> Case:
    return lambda n: made.fit(made.file_id(), inner(n)), read


_rules = _opened("rules.toml", lambda path: len(rules_of(Lake(path.parent / "data"))))
_goals = _opened("goals.toml", lambda path: len(goals_of(Lake(path.parent / "data")).all))
_providers = _opened("providers.toml", lambda path: len(providers_file(path).gear))


def _rows(n: int) -> str:
    return "".join(f'{key},"Jul 14, 2020, 10:36:55 PM",a,Run,1,,\n' for key in range(1, n + 1))


def _csv_rows(body: bytes) -> object:
    return len(read_activities_csv(body).rows)


def _csv_columns(body: bytes) -> object:
    (row,) = read_activities_csv(body).rows
    return len(row.extra)


CASES: dict[str, dict[str, Case]] = {
    "gpx": {
        "points": _gpx(lambda n: f"<trk><trkseg>{POINT * n}</trkseg></trk>"),
        "segments": _gpx(lambda n: f"<trk>{f'<trkseg>{POINT}</trkseg>' * n}</trk>"),
        "tracks": _gpx(lambda n: TRACK * n),
        "tracks of days": _gpx(lambda n: "".join(f"<trk><trkseg>{made.trkpt(at * 86_400)}</trkseg></trk>" for at in range(-n, 0)), _recordings),
        "planned tracks": _gpx(lambda n: TRACK.replace("<trk>", "<trk><type>route</type>") * n, _of(lambda read: read.left_out["route"])),
        "routes": _gpx(lambda n: "<rte><rtept/></rte>" * n, _of(lambda read: read.left_out["route"])),
        "waypoints": _gpx(lambda n: TRACK + '<wpt lat="1" lon="1"/>' * n),
        "metadata": _gpx(lambda n: TRACK + "<metadata><name>a</name></metadata>" * n),
        "extensions": _gpx(lambda n: TRACK.replace("</trkpt>", f"<extensions>{'<x>1</x>' * n}</extensions></trkpt>")),
        "statistics": _gpx(lambda n: TRACK.replace("<trk>", f"<trk><extensions>{'<a/>' * n}</extensions>")),
        "fields of a name": _gpx(lambda n: TRACK.replace("<trk>", f"<trk><name>Workout(id=1{', a=1' * n})</name>")),
        "comments": _gpx(lambda n: f"<trk><trkseg>{(POINT + '<!-- a -->') * n}</trkseg></trk>"),
        "unclosed": _gpx(lambda n: POINT.removesuffix("</trkpt>") * n),
        "nested": _gpx(lambda n: TRACK + "<a>" * n + "</a>" * n),
        "entities": (lambda n: "<!DOCTYPE gpx [" + "<!ENTITY a SYSTEM 'b'>" * n + f"]><gpx>{TRACK}</gpx>", _points),
        "document types": (lambda n: "<!DOCTYPE gpx [" * n + f"<gpx>{TRACK}</gpx>", _points),
        "encodings": (lambda n: "<?xml <gpx " + 'encoding="a" ' * n, _points),
        "attributes": (lambda n: "<gpx" + "".join(f" a{at}='1'" for at in range(n)) + f">{TRACK}</gpx>", _points),
    },
    "tcx": {
        "points": _tcx(lambda n: made.activity(made.tcx_lap(0, 1, 1, made.trackpoint(0) * n))),
        "tracks": _tcx(lambda n: made.activity(made.tcx_lap(0, 1, 1, f"{made.trackpoint(0)}</Track><Track>" * n))),
        "laps": _tcx(lambda n: made.activity(made.tcx_lap(0, 1, 1, made.trackpoint(0, 1)) * n), _laps),
        "activities": _tcx(lambda n: made.activity(made.tcx_lap(0, 1, 1, made.trackpoint(0))) * n, _recordings),
        "courses": _tcx(lambda n: f"<Course><Track>{made.trackpoint(0)}</Track></Course>" * n, _of(lambda read: read.left_out["course"])),
        "extensions": _tcx(lambda n: made.activity(made.tcx_lap(0, 1, 1, made.trackpoint(0, more="<x>1</x>" * n)))),
        "fields": _tcx(lambda n: made.activity(made.tcx_lap(0, 1, 1, made.trackpoint(0)).replace("<Track>", "<Calories>1</Calories>" * n + "<Track>"))),
        "unclosed": _tcx(lambda n: "<Activity><Lap>" * n),
    },
    "kml": {
        "points": _kml(lambda n: PLACEMARK.replace("<when>", "<when>2024-05-01T08:00:00Z</when><coord>13 52 0</coord>" * (n - 1) + "<when>")),
        "tracks": _kml(lambda n: f"<Placemark>{PLACEMARK[11:-12] * n}</Placemark>"),
        "placemarks": _kml(lambda n: PLACEMARK * n, _recordings),
        "arrays": _kml(lambda n: PLACEMARK.replace("</Track>", '<SimpleArrayData name="x"><value>1</value></SimpleArrayData>' * n + "</Track>"), _of(lambda read: read.unknown["x"])),
        "data": _kml(lambda n: PLACEMARK.replace("<Track>", '<Data name="type"><value>a</value></Data>' * n + "<Track>")),
        "lines": _kml(lambda n: "<Placemark><LineString/></Placemark>" * n, _recordings),
        "unclosed": _kml(lambda n: "<Placemark><Track>" * n),
    },
    "fit": {
        "points": _fit(made.records),
        "laps": _fit(lambda n: made.records(1) + b"".join(made.lap(at, 1) for at in range(n)), _laps),
        "sessions": _fit(lambda n: b"".join(made.session(at, 1) for at in range(n)), _recordings),
        "laps and sessions": _fit(lambda n: b"".join(made.lap(at, 1) for at in range(n)) + b"".join(made.session(at, 1) for at in range(n)), _laps),
        "sensors": _fit(lambda n: made.records(n) + made.message(4, 23, (0, made.U8, 1), (1, made.U8, 120)) * n),
        "heart rates": _fit(lambda n: made.records(n) + made.message(4, made.HR, (253, made.U32, 1), (6, made.U8, 99), (9, made.U32, 9)) * n),
        "definitions": _fit(lambda n: made.records(1) + b"".join(made.record(at, first=True) for at in range(1, n))),
        "faults": _fit(lambda n: b"".join(made.definition(4, 23, (0, made.U8, 1)) * (n // 200) + made.records(30, start=30 * at) + b"\x0f" * 9 for at in range(200))),
        "developers' fields": _fit(lambda n: made.message(5, made.DEVELOPER_ID, (3, made.U8, 0)) + made.message(6, made.FIELD_DESCRIPTION, (0, made.U8, 0), (1, made.U8, 0), (2, made.U8, 2)) * n + made.records(n)),
        "parts": (lambda n: made.fit(made.file_id(), made.records(1)) * n, _recordings),
        "headers": (lambda n: made.fit(length=0)[:12] * n, _recordings),
    },
    "apple": {
        "document types": (lambda n: document(RIDE, doctype="<!DOCTYPE HealthData [" * (n * 4 // 5)), _apple),
        "records": (lambda n: document(STEPS * n), _apple),
        "sources": (lambda n: document(*map(STEPS.format, range(n))), _apple),
        "sleeps": (lambda n: document(*(SLEEP.format(2 + at % 7) for at in range(n))), _apple),
        "workouts": (lambda n: document(RIDE * n), _apple),
        "metadata": (lambda n: document(RIDE.format('<MetadataEntry key="HKa" value="1"/>' * n)), _apple),
        "statistics": (lambda n: document(RIDE.format('<WorkoutStatistics type="HKQuantityTypeIdentifierHeartRate" average="1"/>' * n)), _apple),
        "routes": (lambda n: zipped({"export.xml": document(RIDE.format("".join(f'<WorkoutRoute><FileReference path="/{at}.gpx"/></WorkoutRoute>' for at in range(n)))), **{f"{at}.gpx": b"<gpx/>" for at in range(n)}}), _archive),
        "unclosed": (lambda n: document("<Workout><Record>" * n), _apple),
    },
    "garmin": {
        "days": _days("UDSFile_1.json", allDayStress={"aggregatorList": [{"type": "TOTAL"}] * 9}),
        "stress": (lambda n: json_bytes([{"allDayStress": {"aggregatorList": [{"type": "TOTAL"}] * n}}]), _garmin_days("UDSFile_1.json")),
        "nights": _days("1_sleepData.json", deepSleepSeconds=1),
        "measures": _days("1_healthStatusData.json", metrics=[{"type": "HRV", "value": 1}]),
        "weighings": _days("1_userBioMetrics.json", weight={"weight": 1}),
        "activities": (lambda n: json_bytes([{"summarizedActivitiesExport": [garmin_item(at, made.BEGAN) for at in range(1, n + 1)]}]), _list),
    },
    "lists": {
        "rows of intervals.icu": (lambda n: "id,start_date_local,type,icu_training_load\n" + "i1,2024-05-01T08:00:00,Run,1\n" * n, _list),
        "columns of intervals.icu": (lambda n: f"id,start_date_local,type,icu_training_load{',a' * n}\ni1,2024-05-01T08:00:00,Run,1{',1' * n}\n", _list),
        "rows of Runkeeper": (lambda n: RUNKEEPER + ",2024-05-01 08:00:00,Running,,5,30:00,,,,,,,,\n" * n, _list),
        "objects": (lambda n: json_bytes([{"id": 1, "type": "Run", "start_date": "2024"}] * n), _objects),
        "lines": (lambda n: b'{"id": 1}\n' * n, _objects),
        "broken lines": (lambda n: b'{"id": 1}\n' + b"{\n" * n, _objects),
        "nested": (lambda n: b"[" * n + b"]" * n, _objects),
        "laps": (lambda n: json_bytes({"id": 1, "laps": [{"id": 1}] * n}), _objects),
    },
    "strava": {
        "rows": (lambda n: f"{STRAVA}\n{_rows(n)}", _csv_rows),
        "rows of one id": (lambda n: f"{STRAVA}\n" + _rows(1) * n, _csv_rows),
        "columns": (lambda n: f"{STRAVA}{',a' * n}\n{_rows(1)[:-1]}{',1' * n}", _csv_columns),
        "known columns": (lambda n: f"{STRAVA}{',Distance' * n}\n{_rows(1)[:-1]}{',x' * n}", _csv_columns),
        "cells": (lambda n: f"{STRAVA}\n{_rows(1)[:-1]}{',x' * n}", _csv_columns),
        "quotes": (lambda n: f"{STRAVA}\n" + '1,"' * n, _csv_rows),
        "pictures": (lambda n: f"{STRAVA}\n{_rows(1)[:-1]}{'|media/a.jpg' * n}", lambda body: len(read_activities_csv(body).rows[0].media)),
        "gear": (lambda n: "Name,Brand,Model\n" + "a,b,c\n" * n, lambda body: len(read_gear(body, "bike"))),
        "lists": (lambda n: zipped({f"{at}/activities.csv": f"{STRAVA}\n{_rows(1)}".encode() for at in range(n)}), _archive),
    },
    "table": {
        "rows": (lambda n: TITLES + "".join(ROW.replace("5,", f"{at},") for at in range(n)), _opened("a.csv", _table)),
        "equal rows": (lambda n: TITLES + ROW * n, _opened("a.csv", _table)),
        "columns": (lambda n: f"{TITLES[:-1]}{',a' * n}\n{ROW[:-1]}{',1' * n}", _opened("a.csv", _table)),
        "quotes": (lambda n: TITLES + '1,"' * n, _opened("a.csv", _table)),
        "blank rows": (lambda n: TITLES + ",\n" * n + ROW, _opened("a.csv", _table)),
    },
    "workbook": {
        "rows": _book(lambda n: "".join(map(CELLS.format, range(n))) + "</sheetData>", lambda n: "<si><t>Run</t></si>" * n),
        "columns": _book(lambda n: f"<row>{'<c><v>1</v></c>' * n}</row></sheetData>"),
        "merged cells": _book(lambda n: CELLS.format(0) + "</sheetData><mergeCells>" + "".join(f'<mergeCell ref="A{at}:B{at}"/>' for at in range(1, n + 1)) + "</mergeCells>", lambda n: "<si><t>Run</t></si>"),
        "formatted rows": _book(lambda n: CELLS.format(0) + "<row/>" * n + "</sheetData>", lambda n: "<si><t>Run</t></si>"),
        "formulas": _book(lambda n: (CELLS.format(0).replace("<v>0</v>", "<f>A1</f>")) * n + "</sheetData>"),
    },
    "written": {
        "rules": (lambda n: '[[rule]]\nwhen.sport="run"\n' * n, _rules),
        "texts": (lambda n: "[[rule]]\nwhen.device=[" + "'a'," * n + "]\nthen.commute=true", _rules),
        "patterns": (lambda n: "[[rule]]\nwhen.name='" + "a|" * n + "'\nthen.commute=true", _rules),
        "parts of a key": (lambda n: f"a{'.a' * n}=1", _rules),
        "blanks": (lambda n: f"a{' ' * n}b", _rules),
        "twice": (lambda n: "\n".join(f"a{at}=1" for at in range(n)) + "\na0=1", _rules),
        "nested": (lambda n: "a=" + "[" * n, _rules),
        "goals": (lambda n: "\n".join(f"[a{at}]" for at in range(n)), _goals),
        "athlete": (lambda n: "[[athlete]]\n" * n, _goals),
        "zones": (lambda n: "[[privacy.zones]]\na=1\n" * n, _goals),
        "gear": (lambda n: "[gear]\n" + "\n".join(f"{at}={{strava=1}}" for at in range(n)), _providers),
        "providers": (lambda n: "[providers]\n" + "\n".join(f"a{at}={{}}" for at in range(n)), _providers),
        "services": (lambda n: "[gear.a]\n" + "\n".join(f"a{at}='1'" for at in range(n)), _providers),
    },
}  # fmt: skip


MOST = LIMITS.recordings
ONE = (
    "gpx waypoints", "gpx metadata", "gpx extensions", "tcx extensions", "gpx statistics", "gpx fields of a name", "gpx nested", "gpx entities", "gpx attributes",
    "tcx fields", "kml data", "apple records", "apple sources", "apple sleeps", "apple metadata", "apple statistics",
    "apple routes", "garmin stress", "lists columns of intervals.icu", "lists laps", "strava quotes", "table columns",
    "table blank rows", "workbook merged cells", "workbook formatted rows", "written texts", "written patterns",
)  # fmt: skip
OTHERS: dict[str, object] = {
    **dict.fromkeys(ONE, 1),
    **dict.fromkeys(("gpx tracks", "gpx tracks of days", "tcx activities", "kml placemarks"), MOST + 1),
    **dict.fromkeys(("gpx planned tracks", "fit sessions"), MOST),
    **dict.fromkeys(("gpx unclosed", "gpx encodings", "kml unclosed", "tcx unclosed"), "It is damaged"),
    **dict.fromkeys(("gpx entities", "gpx document types"), "It is neither"),
    "kml lines": "It is a route",
    "fit parts": 1_000,
    "fit faults": 30 * 200,
    "fit headers": "It ends in the middle",
    **dict.fromkeys(("apple document types", "apple unclosed"), "it ends in the middle"),
    "lists broken lines": COUNT + 1,
    "lists nested": "no JSON",
    "strava lists": "more than 1,000 lists",
    "table quotes": "the quotes are wrong",
    "workbook columns": 0,
    "written rules": "more than 1000000 bytes",
    "written parts of a key": "more than 500 points",
    "written blanks": "Expected '='",
    "written twice": "a0 is set twice",
    "written nested": "nested too deeply",
    "written goals": "neither a year",
    "written athlete": "is no date",
    "written zones": "more than 1000000 bytes",
    "written gear": "the same as in",
    "written providers": "no such provider",
    "written services": "no such service",
}


@pytest.mark.parametrize("reader", [pytest.param(each, marks=[pytest.mark.dear] * (each in DEAR)) for each in CASES])
def test_a_reader_ends_whatever_there_are_many_of(reader: str) -> None:
    done = python("-m", __spec__.name, reader, str(COUNT), timeout=CPU_SECONDS * len(CASES[reader]) * 5)
    found = {name: what for name, _, what in map(json.loads, done.stdout.splitlines())}
    assert found.keys() == CASES[reader].keys(), (
        f"the next one took {CPU_SECONDS} s of CPU, or failed: {done.stderr[-2000:]}"
    )
    wanted = {name: OTHERS.get(f"{reader} {name}", COUNT) for name in found}
    wrong = {
        name: str(what)[:200]
        for name, what in found.items()
        if what != wanted[name] and str(wanted[name]) not in str(what)
    }
    assert not wrong


def seconds_of(reader: str, name: str, count: int) -> tuple[float, object]:
    """CPU seconds that a case takes in this process, and what was read: a number, or faults."""
    make, read = CASES[reader][name]
    content = make(count)
    used = resource.getrusage(resource.RUSAGE_SELF)
    begun = used.ru_utime + used.ru_stime
    resource.setrlimit(resource.RLIMIT_CPU, (int(begun) + CPU_SECONDS, resource.RLIM_INFINITY))
    try:
        found = read(content.encode() if isinstance(content, str) else content)
    except PipelineError as error:
        found = str(error)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime - begun, found if isinstance(found, int) else str(found)[:500]


if __name__ == "__main__":
    for _name in sys.argv[3:] or CASES[sys.argv[1]]:
        _seconds, _found = seconds_of(sys.argv[1], _name, int(sys.argv[2]))
        print(json.dumps([_name, round(_seconds, 2), _found]), flush=True)
