"""Numbers with units, codes, and text without positions or identities."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strava_pipeline.trips.activity.rules.text import (
    FREE_TEXT,
    REDACTED,
    beside_limit,
    code,
    limit_text,
    one_line,
    quantity,
    round_length,
    safe_text,
    safe_value,
    shown_code,
    unit_of,
    version,
)


@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        ("haversine_m", "m"),
        ("avg_speed_kmh", "km/h"),
        ("duration_s", "s"),
        ("gap_share", "%"),
        ("activity_mix.foot", "%"),
        ("teleports", ""),
    ],
)
def test_the_unit_is_in_the_name(metric: str, unit: str) -> None:
    assert unit_of(metric) == unit


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "m", "–"),
        (0, "", "0"),
        (86.72, "m", "86.7 m"),
        (820.7, "m", "821 m"),
        (1747.74, "m", "1.75 km"),
        (38.25, "km/h", "38.2 km/h"),
        (0.125, "%", "12.5 %"),
        (12.34, "s", "12.3 s"),
        (310.4, "s", "5 min 10 s"),
        (3599.6, "s", "1 h 00 min"),
        (86_400, "s", "24 h 00 min"),
    ],
)
def test_a_number_is_told_with_its_unit(value: float | None, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("value", "limit", "unit", "text"),
    [
        (38.2, 35, "km/h", "38.2 km/h"),
        (35.04, 35, "km/h", "35.04 km/h"),
        (35.0, 35, "km/h", "35.0 km/h"),
        (0.05001, 0.05, "%", "5.001 %"),
        (35.0000000001, 35, "km/h", "35.0 km/h"),
        (59.96, 60, "s", "59.96 s"),
        (None, 35, "km/h", "–"),
    ],
)
def test_beside_its_limit_a_number_never_reads_as_the_limit_unless_it_is(
    value: float | None, limit: float, unit: str, text: str
) -> None:
    assert beside_limit(value, limit, unit) == text


def test_a_limit_has_no_more_decimals_than_it_needs() -> None:
    assert [round_length(0.5), round_length(200), round_length(5000)] == ["0.5 m", "200 m", "5 km"]
    assert [limit_text(35, "km/h"), limit_text(0.05, "%"), limit_text(10, "")] == ["35 km/h", "5 %", "10"]


@pytest.mark.parametrize("text", ["too_short", "accepted", "InReview", "ride_not_detected", "not-bike", "rule2", "IOS"])
def test_a_name_that_a_program_chose_is_a_code(text: str) -> None:
    assert (code(text), shown_code(text)) == (text, text)


@pytest.mark.parametrize(
    "text",
    [
        *("I was at home", "in review", "zürich", "x" * 41),
        *("geofence:48.85837", "lat48.85837lon2.2944", "48.858"),
        *("a3f0c2d1-1111-2222-3333-444455556666", "B827EB4A3F12", "anna@example.com"),
    ],
)
def test_whatever_may_hold_something_else_is_free_text(text: str) -> None:
    assert (code(text), version(text), shown_code(text)) == (None, None, FREE_TEXT)


@pytest.mark.parametrize("value", [None, "", "  ", 7, True, ["gaps"]])
def test_what_is_no_text_is_no_code(value: Any) -> None:
    assert code(value) is shown_code(value) is None


@pytest.mark.parametrize("text", ["1", "0.7", "0.7.0", "12.1.1004", "2026.1", "1.2.3-beta.2", "3.0.0.1", "v2"])
def test_a_version_is_one(text: str) -> None:
    assert version(text) == text


@pytest.mark.parametrize("text", ["48.858", "2.2944", "1767572087.5", "1.2 at home", "1.2.3-B827EB4A3F12"])
def test_what_could_be_a_position_is_no_version(text: str) -> None:
    assert version(text) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("latitude", 48.8537), ("latitude", "48.85"), ("lat", 0), ("LON", -2.5), ("lng", 2), ("startCoord", [1, 2])),
        *(("position", [48.85, 2.29]), ("lastLocation", {"x": 1}), ("locations", [{"x": 1}])),
        *(("gps", {"x": 48.85, "y": 2.29}), ("home_address", {"street": "Rue"}), ("address", "12 Rue de Rivoli")),
        *(("device_id", "ABC"), ("deviceId", 17), ("device", "9774d56d682e549c"), ("device_name", "Anna's iPhone")),
        *(("IDFA", "A1"), ("idfv", "A1"), ("serial_number", "C39"), ("imei", 123), ("iccid", "8944")),
        *(("push_token", "abc"), ("apiKey", "abc"), ("userName", "emilia"), ("email", "someone")),
        *(("hostname", "annas-phone"), ("ip", "192.168.0.12")),
        # by its look
        *(("note", "lat_e6=48858370"), ("note", "48 51 24 N"), ("note", "192.168.0.12")),
        *(("x", 48.853712), ("y", -122.41942)),
    ],
)
def test_a_position_or_an_identity_is_known_by_its_key_or_its_look(key: str, value: Any) -> None:
    assert safe_value(key, value) == REDACTED


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("location", "denied"), ("location", True), ("latitude", None), ("location_count", 40), ("speed", 12.345)),
        *(("platform", "ios"), ("app_version", "3.14.0"), ("battery", 0.82), ("low_power", False)),
        *(("duration", 1234.56789), ("retries", 0), ("big", 2**63 - 1)),
    ],
)
def test_what_is_neither_stays(key: str, value: Any) -> None:
    assert safe_value(key, value) == value
    assert type(safe_value(key, value)) is type(value)


def test_every_level_goes_by_its_own_keys() -> None:
    told = {"a": [{"lat": 48.8, "ok": 1, "note": "at 48.85, 2.34"}], "b": {"token": {"x": 1}, "c": {"coords": [1, 2]}}}
    assert safe_value("outer", told) == {
        "a": [{"lat": REDACTED, "ok": 1, "note": f"at {REDACTED}"}],
        "b": {"token": REDACTED, "c": {"coords": REDACTED}},
    }


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("at 48.85, 2.29", f"at {REDACTED}"),
        ("at 48.853712,2.348219 now", f"at {REDACTED} now"),
        ("(-33.8688 151.2093)", f"({REDACTED})"),
        ("fix 48.853712 lost", f"fix {REDACTED} lost"),
        ("fix -0.127", f"fix {REDACTED}"),
        ("48,853712 2,348219", f"{REDACTED} {REDACTED}"),
        ('{"lat": 48, "lon": 2}', f'{{"{REDACTED}, "{REDACTED}}}'),
        ("latitude=48 longitude=-2.5", f"{REDACTED} {REDACTED}"),
        ("at 48.85, 2.29.", f"at {REDACTED}."),
        ("48.853712:2.348219", REDACTED),
        ("at...48.853712!", f"at...{REDACTED}!"),
        ("geo:48.8537,2.3482", f"geo:{REDACTED}"),
        ("48°51'13\"N 2°20'53\"E", f"{REDACTED} {REDACTED}"),
        ("id 6F9619FF-8B86-D011-B42D-00CF4FC964FF.", f"id {REDACTED}."),
        ("wifi 0a:1b:2c:3d:4e:5f", f"wifi {REDACTED}"),
        ("imei 356938035643809", f"imei {REDACTED}"),
        ("from someone@example.org", f"from {REDACTED}"),
        ("key gAAAAABmYWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo0==", f"key {REDACTED}"),
    ],
)
def test_in_a_text_what_looks_like_a_position_or_an_identity_goes(text: str, safe: str) -> None:
    assert safe_text(text) == safe


@pytest.mark.parametrize(
    "text",
    [
        *("cycling, low confidence", "speed 12.5 km/h, accuracy 65 m", "took 12.345 s", "battery 21 °C"),
        *("woke up at 08:03:12.345 after 3 tries", "2026-01-05T01:39:08.123Z", "version 3.14.159"),
        *("distance 1234.567", "pressure 998.1234"),
        *("background location not authorised", "CLLocationManagerDidFailWithErrorDomain"),
    ],
)
def test_what_tells_a_person_something_stays(text: str) -> None:
    assert safe_text(text) == text


@given(
    st.decimals(-180, 180, places=5).filter(lambda degrees: abs(degrees) >= 1),
    st.decimals(-180, 180, places=5).filter(lambda degrees: abs(degrees) >= 1),
    st.sampled_from([",", ", ", " ", ";", ":", "/", " and ", "|", "\n", "\t", ",\u00a0", "_", " lon="]),
    st.sampled_from(["", "at ", "pos:", "(", "[", "x=", "#1:", "fix.", "GPS", "-> "]),
    st.sampled_from(["", ".", ")", " m", ":", ",", "!", "°", "N"]),
)
def test_however_two_degrees_are_put_in_a_text_neither_is_left(
    one: object, other: object, between: str, before: str, after: str
) -> None:
    left = safe_text(f"{before}{one}{between}{other}{after}")
    assert str(one).lstrip("-") not in left
    assert str(other).lstrip("-") not in left


def test_a_text_takes_one_line_and_commands_no_terminal() -> None:
    assert one_line("a\nb\x1b[31m\u202ec\ud800") == "a b�[31m�c�"


def test_numbers_that_json_has_no_room_for_become_text() -> None:
    assert [safe_value("n", value) for value in (2**70, float("nan"), float("inf"))] == [str(2**70), "nan", "inf"]
    assert safe_value("battery", 0.8500000238418579) == 0.85
