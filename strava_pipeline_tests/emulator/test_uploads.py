"""Uploaded files, as the emulated services read them: any bytes come out of a form as they went in."""

import gzip
from datetime import UTC, datetime

import pytest

from strava_pipeline.emulator.uploads import Recording, read_upload, recording_of
from strava_pipeline.ingest.http import form_with_file
from strava_pipeline_tests.present import there
from strava_pipeline_tests.providers.subjects import GPX, fit_of

TCX = b"""<TrainingCenterDatabase><Activities><Activity><Lap><DistanceMeters>99</DistanceMeters><Track>
<Trackpoint><Time>2025-01-01T06:00:00Z</Time><DistanceMeters>0</DistanceMeters></Trackpoint>
<Trackpoint><Time>2025-01-01T06:05:00.500+00:00</Time><DistanceMeters>99.5</DistanceMeters></Trackpoint>
</Track></Lap></Activity></Activities></TrainingCenterDatabase>"""


@pytest.mark.parametrize("content", [b"", b"\r\n", b"a\r\n--b\r\n\r\n--", bytes(range(256)) * 9, b"\n\r\n", b"x\r"])
@pytest.mark.parametrize("title", ["Morning Ride", 'two\r\nlines and "quotes"', "Åkern 🚴", ""])
def test_a_form_comes_out_as_it_went_in(title: str, content: bytes) -> None:
    body, kind = form_with_file({"name": title, "external_id": "s_1"}, "ride 1.fit.gz", content)
    upload = there(read_upload(kind, body))
    assert (upload.fields, upload.name, upload.content) == (
        {"name": title, "external_id": "s_1"},
        "ride 1.fit.gz",
        content,
    )


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", ""])
def test_what_is_no_form_with_a_file_is_no_upload(kind: str) -> None:
    assert read_upload(kind, b'{"name": "x"}') is None
    body, form = form_with_file({}, "a.fit", b"x")
    assert read_upload(form, body.replace(b'"file"', b'"other"')) is None


@pytest.mark.parametrize(
    ("content", "seconds", "metres"),
    [
        (GPX.format("2025-01-01").encode(), 600, 2223.9),
        (TCX, 300, 99.5),
        (fit_of("2025-01-01"), 600, 1800.0),
        (gzip.compress(fit_of("2025-01-01")), 600, 1800.0),
    ],
    ids=["gpx", "tcx", "fit", "fit.gz"],
)
def test_a_file_says_when_it_began_and_how_far_it_went(content: bytes, seconds: int, metres: float) -> None:
    assert recording_of(content) == Recording(datetime(2025, 1, 1, 6, tzinfo=UTC), seconds, metres)


@pytest.mark.parametrize("content", [b"", b"<gpx/>", b"\x1f\x8bno", fit_of("2025-01-01")[:40], b"<time>soon</time>"])
def test_a_file_without_a_start_says_nothing(content: bytes) -> None:
    assert recording_of(content) is None
