"""Pings as phones send them, in every format; and which answers belong to one."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from strava_pipeline.trips.car.rules.events import Event, NoEventError
from strava_pipeline.trips.car.rules.formats import FUTURE_S, LARGEST, Ping, Sent, believable_time, read_ping
from strava_pipeline.trips.car.rules.lines import APART_S, is_of_moment
from strava_pipeline_tests.examples import examples
from strava_pipeline_tests.present import there

NOW = 1_768_826_096.5  # 19 January 2026, 12:34:56.5 UTC
T = 1_768_826_000.0  # 96.5 s before
T_TEXTS = [
    1_768_826_000,
    1_768_826_000_000,
    "2026-01-19T12:33:20Z",
    "2026-01-19T13:33:20+01:00",
    "2026-01-19T12:33:20",
    "2026-01-19 12:33:20",
]


def posted(value: Any, kind: Sent = "ping", query: str = "") -> Ping | None:
    return read_ping(json.dumps(value).encode(), query, kind, NOW)


def event_of(ping: Ping | None) -> Event:
    assert ping is not None
    return ping.event


def located(**changes: Any) -> dict[str, Any]:
    return {"_type": "location", "lat": 0.25, "lon": -7.125, "tst": int(T), "tid": "JJ", **changes}


def background(coords: Any = None, **changes: Any) -> dict[str, Any]:
    """As Traccar Client 9 posts it."""
    coords = coords or {"latitude": 0.25, "longitude": -7.125, "accuracy": 5, "speed": 10, "heading": 0}
    return {
        "location": {"timestamp": "2026-01-19T12:33:20.000Z", "coords": coords, "is_moving": True, **changes},
        "device_id": "48241179",
    }


# our own


def test_our_own_ping_is_a_step_of_a_scenario() -> None:
    told = {"t": "2026-01-19T12:33:20.250Z", "event": "ping", "gps": {"lat": 0.0, "lng": -7.125}, "bluetooth": "zoe"}
    assert posted(told) == Ping(Event("ping", T + 0.25, 0.0, -7.125, None, "zoe"), None, "own")


@pytest.mark.parametrize("kind", ["ping", "start", "end"])
def test_without_event_and_time_the_address_and_our_clock_tell(kind: Sent) -> None:
    assert event_of(posted({"gps": {"lat": 1, "lon": 2}}, kind)) == Event(kind, NOW, 1.0, 2.0)
    assert event_of(posted({}, kind)) == Event(kind, NOW)
    assert event_of(posted({"t": T, "event": None}, kind)) == Event(kind, T)


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(NoEventError, match="the address is for start"):
        posted({"event": "ping", "t": T}, "start")


def test_the_address_of_pings_takes_every_event() -> None:
    for kind in ("start", "end", "clock"):
        assert event_of(posted({"event": kind, "t": T})).kind == kind
    with pytest.raises(NoEventError):
        posted({"event": "stop", "t": T})


@pytest.mark.parametrize("t", T_TEXTS)
def test_times_of_our_own_format(t: object) -> None:
    assert event_of(posted({"t": t})).t == T


@pytest.mark.parametrize("t", [None, "soon", True, [], 1e300, -1e300, "9999-12-31T23:59:59Z", 10**400])
def test_a_time_that_none_is_is_now(t: object) -> None:
    assert event_of(posted({"t": t})).t == NOW


def test_a_time_far_ahead_stays_what_it_is() -> None:
    assert event_of(posted({"t": "6000-01-01"})).t == 127_174_492_800.0, "more than 1e11 seconds are not milliseconds"


def test_an_object_of_nobody_is_refused() -> None:
    with pytest.raises(NoEventError, match="t, event, gps, bluetooth"):
        posted({"lat": 0.25, "lon": 7.125})


BAD_POSITIONS = [
    *({"lat": lat, "lng": 4.5} for lat in (999, -90.01, float("nan"), float("inf"), float("-inf"), "52.1", True, None)),
    *({"lat": 52.1, "lng": lng} for lng in (999, 180.01, float("nan"), float("inf"), "4.5", None)),
    *({"lat": float("nan"), "lon": float("nan")}, {"lat": 52.1}, {"lon": 4.5}, [52.1, 4.5], "52.1,4.5", 0, False),
]


@pytest.mark.parametrize("gps", BAD_POSITIONS)
@pytest.mark.parametrize("kind", ["ping", "start", "end"])
def test_a_new_ping_whose_position_is_none_is_refused(gps: object, kind: Sent) -> None:
    body = json.dumps({"t": T, "gps": gps, "bluetooth": "zoe"}).encode()
    with pytest.raises(NoEventError, match="lat from -90 to 90") as refused:
        read_ping(body, "", kind, NOW, is_new=True)
    assert "52.1" not in str(refused.value)
    kept = read_ping(body, "", kind, NOW)
    assert event_of(kept) == Event(kind, T, bluetooth="zoe"), "what was kept earlier still counts, without a position"


@pytest.mark.parametrize("gps", [None, {}, {"lat": None, "lng": None}, {"lat": None, "lon": None, "timestamp": T}])
def test_a_phone_without_a_fix_pings_without_a_position(gps: object) -> None:
    body = json.dumps({"t": T, "gps": gps, "bluetooth": "zoe"}).encode()
    assert event_of(read_ping(body, "", "ping", NOW, is_new=True)) == Event("ping", T, bluetooth="zoe")


@pytest.mark.parametrize("lat", [999, float("nan"), float("inf"), None])
def test_every_format_refuses_an_impossible_latitude(lat: object) -> None:
    for told in (located(lat=lat), background({"latitude": lat, "longitude": 4.5})):
        with pytest.raises(NoEventError):
            read_ping(json.dumps(told).encode(), "", "ping", NOW, is_new=True)
    with pytest.raises(NoEventError):
        read_ping(b"", f"id=1&lat={lat}&lon=4.5", "ping", NOW, is_new=True)


@pytest.mark.parametrize("kind", ["start", "end"])
def test_a_shortcut_may_post_nothing(kind: Sent) -> None:
    assert read_ping(b"", "", kind, NOW) == Ping(Event(kind, NOW), None, "own")


# OwnTracks


def test_an_owntracks_location_is_a_ping_with_kmh() -> None:
    ping = posted(located(vel=61, acc=5, batt=67))
    assert ping == Ping(Event("ping", T, 0.25, -7.125), 61.0, "owntracks")


@pytest.mark.parametrize("kind", ["start", "end"])
def test_owntracks_may_be_pointed_at_start_and_end(kind: Sent) -> None:
    assert event_of(posted(located(), kind)).kind == kind


@pytest.mark.parametrize("vel", [None, -1, "61", True, float("nan")])
def test_a_speed_that_none_is_is_none(vel: object) -> None:
    assert there(posted(located(vel=vel))).speed_kmh is None


def test_standing_is_a_speed() -> None:
    assert there(posted(located(vel=0))).speed_kmh == 0.0


def test_without_a_time_it_is_now() -> None:
    told = located()
    del told["tst"]
    assert event_of(posted(told)).t == NOW


@pytest.mark.parametrize(
    "of",
    [
        *("lwt", "transition", "waypoint", "waypoints", "status", "card", "cmd"),
        *("steps", "request", "beacon", "configuration", "dump"),
    ],
)
def test_other_messages_of_owntracks_are_no_pings(of: str) -> None:
    assert posted(located(_type=of)) is None


@pytest.mark.parametrize("query", ["", "u=anna&d=phone"])
def test_owntracks_posts_nothing_where_a_friend_was_removed(query: str) -> None:
    assert read_ping(b" \n", query, "ping", NOW) is None


def test_an_encrypted_payload_is_told_how_to_be_read() -> None:
    with pytest.raises(NoEventError, match="empty the encryption key"):
        posted({"_type": "encrypted", "data": "1Vu7Owp"})


@pytest.mark.parametrize("of", ["locations", "", None, 5, ["location"], {}])
def test_a_type_that_owntracks_has_none_of_is_refused(of: object) -> None:
    with pytest.raises(NoEventError, match="_type"):
        posted(located(_type=of))


@pytest.mark.parametrize("place", [{"lat": None}, {"lat": 90.5}, {"lon": -180.5}, {"lon": "7"}, {"lat": True}])
def test_a_location_without_a_position_is_refused(place: dict[str, Any]) -> None:
    with pytest.raises(NoEventError, match="lat, lon"):
        posted(located(**place))


# Traccar and OsmAnd


def asked(query: str, kind: Sent = "ping") -> Ping | None:
    return read_ping(b"", query, kind, NOW)


def test_osmand_tells_in_the_query_and_in_knots() -> None:
    ping = asked(f"id=1&lat=0.25&lon=-7.125&timestamp={int(T)}&hdop=6.0&altitude=224.0&speed=10")
    assert ping == Ping(Event("ping", T, 0.25, -7.125), 18.52, "traccar")


def test_the_same_as_a_form() -> None:
    form = urlencode({"deviceid": "1", "location": "0.25,-7.125", "timestamp": "2026-01-19 12:33:20"})
    assert read_ping(form.encode(), "", "end", NOW) == Ping(Event("end", T, 0.25, -7.125), None, "traccar")


@pytest.mark.parametrize("t", T_TEXTS)
def test_times_of_a_query(t: object) -> None:
    assert event_of(asked(f"lat=1&lon=2&timestamp={quote(str(t))}")).t == T
    assert event_of(asked(f"lat=1&lon=2&timestamp={quote(str(t)).replace('%20', '+').replace('%2B', '%2b')}")).t == T


@pytest.mark.parametrize("query", ["lat=1&lon=2", "lat=1&lon=2&timestamp=", "lat=1&lon=2&timestamp=soon"])
def test_a_query_without_a_time_is_of_now(query: str) -> None:
    assert event_of(asked(query)).t == NOW


@pytest.mark.parametrize(
    "query",
    [
        "id=123456&timestamp=1377177267&cell=257,02,16,2224",
        "deviceid=5&batt=87",
        "id=1&lat=1&lon=2&valid=false",
        "id=1&lat=1&lon=2&valid=0",
    ],
)
def test_a_query_without_a_fix_is_no_ping(query: str) -> None:
    assert asked(query) is None


@pytest.mark.parametrize(
    "query",
    [
        *("lat=1", "lon=2", "lat=91&lon=2", "lat=1&lon=181", "lat=nan&lon=2", "lat=1_0&lon=2", "lat=x&lon=2"),
        *("location=1", "location=", "location=a,b", "location=1,2,3", "lat=&lon=&location=91,2"),
        *("latitude=1&longitude=2", "u=anna&lt=5", "&".join(f"a{number}=1" for number in range(200)) + "&lat=1&lon=2"),
    ],
)
def test_a_query_with_no_such_position_is_refused(query: str) -> None:
    with pytest.raises(NoEventError):
        asked(query)


def test_the_new_traccar_client_tells_in_json_and_in_metres_a_second() -> None:
    assert posted(background()) == Ping(Event("ping", T, 0.25, -7.125), 36.0, "traccar")


def test_a_speed_below_zero_is_one_that_the_phone_does_not_know() -> None:
    ping = posted(background({"latitude": 1, "longitude": 2, "speed": -1}))
    assert ping == Ping(Event("ping", T, 1.0, 2.0), None, "traccar")


def test_without_coordinates_the_new_client_tells_of_no_position() -> None:
    assert posted({"location": {"timestamp": "2026-01-19T12:33:20Z", "event": "heartbeat"}, "device_id": "1"}) is None


@pytest.mark.parametrize("coords", [5, [1, 2], {"latitude": 1}, {"latitude": "1", "longitude": 2}])
def test_coordinates_that_none_are_are_refused(coords: object) -> None:
    with pytest.raises(NoEventError, match=r"location\.coords"):
        posted(background(coords))


# which one it is


def test_a_json_body_counts_before_the_query_and_the_query_before_a_form() -> None:
    assert event_of(posted(located(), query="lat=1&lon=2")).lat == 0.25
    assert event_of(read_ping(b"lat=3&lon=4", "lat=1&lon=2", "ping", NOW)).lat == 1
    assert event_of(read_ping(b"lat=3&lon=4", "u=anna", "ping", NOW)).lat == 3


def test_a_byte_order_mark_and_space_around_it_do_no_harm() -> None:
    body = b"\xef\xbb\xbf \n" + json.dumps(located()).encode() + b"\n"
    assert event_of(read_ping(body, "", "ping", NOW)).lat == 0.25


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "no JSON"),
        (b"[" * 10_000, "no JSON"),
        (b'[{"t": 5}]', "no JSON object"),
        (b"null", "neither"),
        (b"secret", "neither"),
        (b"\xff\xfe{", "no UTF-8"),
        (b" " * (LARGEST + 1), "larger than 16384 bytes"),
    ],
)
def test_a_body_that_is_nothing_is_told_what_it_is_not(body: bytes, told: str) -> None:
    with pytest.raises(NoEventError, match=told):
        read_ping(body, "", "ping", NOW)


def test_the_largest_body_is_taken() -> None:
    body = json.dumps(located(desc="")).encode()
    padded = body.replace(b'"desc": ""', b'"desc": "' + b"x" * (LARGEST - len(body)) + b'"')
    assert len(padded) == LARGEST
    assert event_of(read_ping(padded, "", "ping", NOW)).lat == 0.25


def test_no_position_is_in_the_representation() -> None:
    assert "0.25" not in repr(posted(located()))


def test_a_time_that_is_plainly_ahead_is_the_time_of_coming() -> None:
    assert believable_time(NOW + FUTURE_S, NOW) == NOW + FUTURE_S
    assert believable_time(NOW + FUTURE_S + 0.001, NOW) == NOW
    assert believable_time(0.0, NOW) == 0.0, "a phone without a network sends what is hours old"


SECRET = "51.98765"
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just(SECRET)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                st.text(max_size=5),
                st.sampled_from(
                    [
                        *("_type", "lat", "lon", "lng", "tst", "vel", "t", "event", "gps", "bluetooth", "location"),
                        *("coords", "latitude", "longitude", "speed", "timestamp"),
                    ]
                ),
            ),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=12,
)
QUERY = st.one_of(
    st.text(max_size=60),
    st.dictionaries(
        st.sampled_from(["lat", "lon", "location", "id", "timestamp", "speed", "valid"]), st.text(max_size=12)
    ).map(urlencode),
)
KIND = st.sampled_from(["ping", "start", "end"])


def taken_or_refused(body: bytes, query: str, kind: Sent) -> None:
    refused = ""
    ping = None
    try:
        ping = read_ping(body, query, kind, NOW)
    except NoEventError as error:
        refused = str(error)
    assert SECRET not in refused
    if ping is not None:
        assert ping.event.kind == kind
        assert (ping.event.lat is None) == (ping.event.lng is None)
        assert ping.event.lat is None or (abs(ping.event.lat) <= 90 and abs(ping.event.lng or 0) <= 180)
        assert ping.speed_kmh is None or ping.speed_kmh >= 0


@settings(max_examples=examples(200))
@given(st.binary(max_size=200), QUERY, KIND)
@example(b"{\x00", "", "ping")
def test_any_bytes_are_taken_or_refused(body: bytes, query: str, kind: Sent) -> None:
    taken_or_refused(body, query, kind)


@settings(max_examples=examples(150))
@given(
    st.dictionaries(st.sampled_from(["_type", "location", "t", "event", "gps", "lat", "lon", "tst"]), JSON) | JSON,
    QUERY,
    KIND,
)
@example({"location": {"coords": {"latitude": 1, "longitude": 2, "speed": 1e308}}}, "", "ping")
@example({"t": 5, "bluetooth": "\ud800", "gps": {"lat": 1, "lng": 2, "timestamp": 10**400}}, "", "ping")
def test_any_json_is_taken_or_refused(value: Any, query: str, kind: Sent) -> None:
    taken_or_refused(json.dumps(value).encode(), query, kind)


AT = 1_768_826_000.0


@pytest.mark.parametrize(("off", "does"), [(0, True), (50, True), (-50, True), (50.001, False), (-50.001, False)])
def test_an_answer_belongs_to_a_ping_that_is_no_further_off_than_the_next_one(off: float, does: bool) -> None:
    assert APART_S == 50
    assert is_of_moment(AT + off, AT) is does
