"""Ride with GPS: how its rows and its feed read, which rows are none, and which pages are asked for while its list moves."""

from datetime import UTC, datetime
from typing import Any

import pytest

from strava_pipeline.core.providers import UnreadableRowError, spec_of
from strava_pipeline.core.sports import GROUP_OF
from strava_pipeline.ingest.ridewithgps.changes import read_changes
from strava_pipeline.ingest.ridewithgps.emulator.service import (
    gear_item,
    gear_of_detail,
    legacy_detail,
    legacy_entry,
    trip_of,
)
from strava_pipeline.ingest.ridewithgps.list_passes import MOST_PASSES, ListPasses
from strava_pipeline.ingest.ridewithgps.record import SPORTS, gear_alone, gear_of_trips, read_gear, read_row, rows
from strava_pipeline_tests.present import there

AT = "2026-02-01T10:00:00Z"
RIDE = trip_of(284_579_245, 7001, "2025-07-01T06:30:00+02:00", AT) | {
    "name": "To the lake",
    "activity_type": "cycling:gravel",
    "distance": 46_699,
    "duration": 16_844,
    "moving_time": 10_461,
    "elevation_gain": 686,
    "avg_speed": 16.0709,
    "max_speed": 42.3,
    "avg_hr": 136,
    "max_hr": 178,
    "avg_watts": 209.9,
    "device": "Garmin Edge 540",
    "first_lat": 48.2,
    "first_lng": 16.37,
    "last_lat": 48.3,
    "last_lng": 16.4,
    "visibility": "private",
    "gear": gear_of_detail(gear_item(254_097, None, "Acme", "Racer")),
    "track_points": [{"x": 16.37, "y": 48.2, "t": 1}],
    "photos": [{"url": "https://example.invalid/1.jpg"}],
}
INDOORS = trip_of(2, 7001, "2025-01-01T07:00:00+01:00", AT) | {
    "activity_type": "cycling:indoor",
    "is_stationary": True,
    "elevation_gain": 0,
    "avg_watts": 144.6,
    "max_watts": 215.0,
}


def read(**changes: Any) -> dict[str, Any]:
    """The fields of the ride with these changes; without what is None."""
    return dict(there(read_row({**RIDE, **changes})).summary)


def test_a_trip_of_the_documented_interface_has_stravas_names_and_units() -> None:
    row = there(read_row(RIDE))
    assert row.source_id == "284579245"
    assert row.summary["average_speed"] == pytest.approx(16.0709 / 3.6)
    assert row.summary["max_speed"] == pytest.approx(42.3 / 3.6)
    speeds = {"average_speed", "max_speed"}
    assert {name: value for name, value in row.summary.items() if name not in speeds} == {
        "name": "To the lake",
        "sport_type": "GravelRide",
        "start_date": "2025-07-01T04:30:00Z",
        "start_date_local": "2025-07-01T06:30:00Z",
        "utc_offset": 7200.0,
        "timezone": "(GMT+01:00) Europe/Vienna",
        "distance": 46_699.0,
        "elapsed_time": 16_844,
        "moving_time": 10_461,
        "total_elevation_gain": 686.0,
        "average_heartrate": 136.0,
        "max_heartrate": 178.0,
        "has_heartrate": True,
        "average_watts": 209.9,
        "device_watts": False,
        "device_name": "Garmin Edge 540",
        "start_latlng": [48.2, 16.37],
        "end_latlng": [48.3, 16.4],
        "private": True,
        "visibility": "only_me",
        "gear_id": "254097",
        "trainer": False,
        "track_type": "loop",
        "terrain": "rolling",
        "difficulty": "easy",
        "created_at": AT,
    }


@pytest.mark.parametrize("trip", [RIDE, INDOORS], ids=["outdoors", "indoors"])
def test_both_interfaces_say_the_same_of_a_trip(trip: dict[str, Any]) -> None:
    known = read_row(trip)
    of_list, of_detail = read_row(legacy_entry(trip)), read_row(legacy_detail(trip)["trip"])
    assert known is not None
    assert of_list is not None
    assert of_detail is not None
    # what the web site's interface does not have: a word for the sport, the device, and who but the athlete may see it
    lacks = {"sport_type", "device_name", "visibility"}
    own = {"source_type", "fit_product", "activity_type_id"}
    for other in (of_list, of_detail):
        assert other.source_id == known.source_id
        assert {name: value for name, value in other.summary.items() if name not in own | lacks} == {
            name: value for name, value in known.summary.items() if name not in lacks
        }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"departed_at": "2025-07-01T04:30:00Z"}, ("2025-07-01T04:30:00Z", "2025-07-01T06:30:00Z", 7200.0)),
        (
            {"departed_at": "2026-02-17T23:27:00Z", "utc_offset": -18000, "time_zone": "America/New_York"},
            ("2026-02-17T23:27:00Z", "2026-02-17T18:27:00Z", -18000.0),
        ),
        (
            {"departed_at": "2008-07-20T09:18:59-07:00", "time_zone": None},
            ("2008-07-20T16:18:59Z", "2008-07-20T09:18:59Z", -25200.0),
        ),
        (
            {"departed_at": "2025-07-01T04:30:00Z", "time_zone": "Pacific Time (US & Canada)"},
            ("2025-07-01T04:30:00Z", "2025-07-01T04:30:00Z", 0.0),
        ),
        ({"departed_at": "2025-07-01T06:30:00"}, ("2025-07-01T04:30:00Z", "2025-07-01T06:30:00Z", 7200.0)),
    ],
    ids=["UTC and a zone", "UTC and an offset", "an offset", "a zone in Rails' words", "a zone alone"],
)
def test_a_start_is_read_in_each_form(changes: dict[str, Any], expected: tuple[str, str, float]) -> None:
    found = read(**changes)
    assert (found["start_date"], found["start_date_local"], found["utc_offset"]) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"activity_type": "cycling:commute"}, {"sport_type": "Ride", "commute": True}),
        ({"activity_type": "running:indoor"}, {"sport_type": "Run", "trainer": True}),
        ({"activity_type": "cycling:virtual", "is_stationary": False}, {"sport_type": "VirtualRide", "trainer": True}),
        ({"activity_type": "juggling:fire"}, {"sport_type": "juggling:fire"}),
        ({"activity_type": "driving:generic"}, {"sport_type": "Driving"}),
        ({"activity_type": "motorcycling:atv"}, {"sport_type": "Motorcycling"}),
        ({"activity_type": None, "fit_sport": 2, "fit_sub_sport": 8}, {"sport_type": "MountainBikeRide"}),
        ({"activity_type": None, "fit_sport": "2", "fit_sub_sport": "46"}, {"sport_type": "GravelRide"}),
        ({"activity_type": None, "fit_sport": 2, "fit_sub_sport": 6}, {"sport_type": "Ride", "trainer": True}),
        ({"activity_type": None, "fit_sport": 2, "fit_sub_sport": 58}, {"sport_type": "VirtualRide"}),
        ({"activity_type": None, "fit_sport": 24, "fit_sub_sport": None}, {"sport_type": "Driving"}),
        (
            {"activity_type": None, "fit_sport": None, "fit_sub_sport": None},
            {"sport_type": "Ride", "sport_is_assumed": True},
        ),
        ({"is_stationary": True}, {"trainer": True}),
        ({"is_stationary": True, "elevation_gain": 0}, {"total_elevation_gain": None}),
        ({"avg_watts": 100, "max_watts": 200}, {"device_watts": True}),
        ({"avg_watts": None, "max_watts": None}, {"device_watts": None}),
        ({"avg_hr": None, "max_hr": None}, {"has_heartrate": False, "average_heartrate": None}),
        ({"visibility": 0}, {"private": False, "visibility": "everyone"}),
        ({"visibility": 1}, {"private": True, "visibility": None}),
        ({"visibility": 2}, {"private": True, "visibility": None}),
        ({"visibility": "friends_only"}, {"private": False, "visibility": "followers_only"}),
        ({"gear": None, "gear_id": 17}, {"gear_id": "17"}),
        ({"gear": {"id": "17", "name": "x"}}, {"gear_id": "17"}),
        ({"gear": None}, {"gear_id": None}),
        ({"first_lat": 180.0, "first_lng": 90.0}, {"start_latlng": []}),
        ({"first_lat": None}, {"start_latlng": []}),
        ({"distance": "46699.4"}, {"distance": 46_699.4}),
        ({"distance": "far"}, {"distance": "far"}),
        ({"work": 525}, {"kilojoules": 525.0}),
        ({"privacy_code": "secret", "user": {"name": "x"}}, {"privacy_code": None, "user": None}),
        ({"mood": "good"}, {"mood": "good"}),
    ],
    ids=str,
)
def test_a_field_reads(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    found = read(**changes)
    assert {name: found.get(name) for name in expected} == expected


@pytest.mark.parametrize("activity_type", ["driving:generic", "motorcycling:motocross", "cycling:road"])
def test_driving_counts_nowhere(activity_type: str) -> None:
    (row,) = spec_of("ridewithgps").read_page({"trips": [{**RIDE, "activity_type": activity_type}]}).activities
    assert row.get("not_counted") == (None if activity_type == "cycling:road" else "driving is no sport")


def test_all_documented_sports_are_stravas_or_no_sport() -> None:
    assert len(SPORTS) == 41
    assert {*SPORTS.values()} <= {*GROUP_OF, "Driving", "Motorcycling"}


@pytest.mark.parametrize(
    ("trip_id", "source_id"), [("284579245", "284579245"), (2**70, str(2**70)), (12.0, "12")], ids=str
)
def test_an_id_is_read_in_each_form(trip_id: Any, source_id: str) -> None:
    assert there(read_row({**RIDE, "id": trip_id})).source_id == source_id


@pytest.mark.parametrize("trip_id", [None, "", " ", True, 1.5, {}, []], ids=repr)
def test_a_trip_without_an_id_is_unreadable_and_says_when_it_began(trip_id: Any) -> None:
    with pytest.raises(UnreadableRowError, match="no id") as caught:
        read_row({**RIDE, "id": trip_id})
    assert caught.value.start == datetime(2025, 7, 1, 4, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "odd",
    [
        {"departed_at": "9999-12-31T23:59:59Z", "utc_offset": 50_000},
        {"departed_at": "0001-01-01T00:00:00Z", "utc_offset": -50_000},
        {"departed_at": "9999-12-31T23:59:59Z", "utc_offset": None, "time_zone": "Pacific/Auckland"},
        {"departed_at": AT, "activity_type": None, "fit_sport": "\N{SUPERSCRIPT TWO}"},
        {"departed_at": AT, "duration": 1e308, "distance": "1e400", "moving_time": "nan"},
    ],
    ids=str,
)
def test_a_row_with_an_odd_value_keeps_no_other_one_from_coming(odd: dict[str, Any]) -> None:
    page = spec_of("ridewithgps").read_page({"trips": [{"id": 1, **odd}, {"id": 2, "departed_at": AT}]})
    assert "2" in {activity["source_id"] for activity in page.activities}
    assert len(page.activities) + len(page.unreadable) == 2


@pytest.mark.parametrize("departed_at", [None, "", "soon", 5, "0001-01-01T00:00:00+14:00", {}], ids=repr)
def test_a_trip_without_a_start_is_unreadable(departed_at: Any) -> None:
    with pytest.raises(UnreadableRowError, match="no start"):
        read_row({**RIDE, "departed_at": departed_at})


def test_a_trip_of_nulls_is_only_what_it_says() -> None:
    nothing = dict.fromkeys(RIDE)
    assert there(read_row({**nothing, "id": 3, "departed_at": "2025-01-01T00:00:00Z"})).summary == {
        "start_date": "2025-01-01T00:00:00Z",
        "start_date_local": "2025-01-01T00:00:00Z",
        "utc_offset": 0.0,
        "start_latlng": [],
        "end_latlng": [],
        "sport_type": "Ride",
        "sport_is_assumed": True,
        "has_heartrate": False,
        "gear_id": None,
    }


def test_a_page_is_read_with_the_gear_of_its_trips_and_deleted_ones_are_passed_over() -> None:
    trip = {**RIDE, "gear": None}
    page = {"trips": [trip, {**trip, "id": 2}, {**trip, "id": 3, "deleted_at": AT}]}
    found = spec_of("ridewithgps").read_page({"gear": {"284579245": 17}, "page": page})
    assert [(row["source_id"], row.get("gear_id")) for row in found.activities] == [("284579245", "17"), ("2", None)]
    assert found.foreign == 1


@pytest.mark.parametrize(
    "content", [None, [], "x", {}, {"trips": None}, {"trip": []}, {"error": "no"}, {"page": {}, "gear": {}}], ids=repr
)
def test_what_is_no_page_is_refused(content: Any) -> None:
    with pytest.raises(UnreadableRowError):
        rows(content)


def test_what_only_accompanies_trips_has_no_rows_of_its_own() -> None:
    for content in ({"items": [{}, {}], "meta": {}}, {"results": [RIDE, RIDE]}):
        found = spec_of("ridewithgps").read_page(content)
        assert (found.activities, found.unreadable, found.foreign) == ([], [], 2)


def test_gear_has_its_nickname_or_else_make_and_model_and_nothing_of_its_owner_is_kept() -> None:
    items = [gear_item(1, "Blue bike", "Acme", "Racer"), {**gear_item(2, None, "Acme", "Tour"), "name": None}]
    kept = gear_alone({"user": {"email": "x", "weight": 71, "auth_token": "t", "dob": "d", "gear": items}, "labs": {}})
    assert kept.keys() == {"gear"}
    assert all("serial_number" not in item for item in kept["gear"])
    assert [(key, fields["name"], fields["brand_name"], fields["retired"]) for key, fields in read_gear(kept)] == [
        ("1", "Blue bike", "Acme", False),
        ("2", "Acme Tour", "Acme", False),
    ]


@pytest.mark.parametrize(
    "content", [None, {}, {"user": None}, {"user": {"gear": None}}, {"user": {"gear": [1]}}], ids=repr
)
def test_what_is_no_list_of_gear_is_refused(content: Any) -> None:
    with pytest.raises(UnreadableRowError):
        gear_alone(content)


def test_the_gear_of_trips_is_read_from_the_web_sites_list() -> None:
    assert gear_of_trips({"results": [legacy_entry(RIDE), legacy_entry(INDOORS), None]}) == {
        "284579245": 254_097,
        "2": None,
    }


def item(item_id: Any, action: str, at: str | None = AT, **more: Any) -> dict[str, Any]:
    return {"item_type": "trip", "item_id": item_id, "item_user_id": 7, "action": action, "datetime": at, **more}


def test_the_feed_names_what_changed_last_of_the_accounts_own_trips() -> None:
    later = "2026-02-01T11:00:00Z"
    items = [
        item(1, "created"),
        item(1, "updated", later),
        item("2", "updated", later),
        item(2, "deleted"),  # older than the one above
        item(3, "created"),
        item(3, "deleted", later),
        item(4, "deleted"),
        item(5, "updated", None),
        item(10, "updated"),
        item(10, "deleted"),
        item(11, "deleted"),
        item(11, "created"),
        item(6, "updated", item_user_id=8),
        item(7, "created", item_type="route"),
        item(8, "added"),
        item(9, "removed"),
        item(None, "updated"),
        None,
    ]
    found = read_changes({"items": items, "meta": {"rwgps_datetime": "2026-02-02T00:00:00+00:00"}}, "7")
    assert found.cursor == "2026-02-02T00:00:00+00:00"
    assert {key: at and at.hour for key, at in found.changed.items()} == {
        "1": 11,
        "2": 11,
        "5": None,
        "10": 10,
        "11": 10,  # at one time: asking shows whether they are there
    }
    assert sorted(found.deleted) == ["3", "4"]


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        {"items": []},
        {"items": [], "meta": {"rwgps_datetime": "soon"}},
        {"error": "no"},
        {"items": {}, "meta": {}},
    ],
    ids=repr,
)
def test_an_answer_without_a_cursor_is_none_of_the_feed(content: Any) -> None:
    with pytest.raises(UnreadableRowError):
        read_changes(content, "7")


class Library:
    """Trips by the time of their last update; each page is the service's at the moment that it is asked for."""

    def __init__(self, *keys: int, counted: bool = True) -> None:
        self.keys = [*keys]
        self.versions = dict.fromkeys(keys, 0)
        self.counted = counted

    def update(self, key: int) -> None:
        self.keys = [key, *(other for other in self.keys if other != key)]
        self.versions[key] = self.versions.get(key, 0) + 1

    def page(self, number: int, size: int = 2) -> dict[str, Any]:
        here = self.keys[(number - 1) * size : number * size]
        pagination: dict[str, Any] = {"next_page_url": "x" if number * size < len(self.keys) else None}
        if self.counted:
            pagination["record_count"] = len(self.keys)
        trips = [{"id": key, "updated_at": self.versions[key]} for key in here]
        return {"trips": trips, "meta": {"pagination": pagination}}


def listed(library: Library, changes: dict[int, Any], landed: Any = ()) -> tuple[list[int], set[tuple[int, int]]]:
    """The pages that are asked for, and the versions of trips that come; `changes` happen after so many pages."""
    passes, asked, came = ListPasses(2, landed), [], set()
    while passes.wanted is not None and len(asked) < 99:
        number = passes.wanted
        content = library.page(number)
        asked.append(number)
        came |= {(trip["id"], trip["updated_at"]) for trip in content["trips"]}
        changes.get(len(asked), lambda: None)()
        passes.add(number, content)
    return asked, came


def test_a_list_that_does_not_move_costs_its_pages() -> None:
    assert listed(Library(1, 2, 3, 4, 5), {})[0] == [1, 2, 3]
    assert listed(Library(1), {})[0] == [1]
    assert listed(Library(), {})[0] == [1]


def test_a_next_address_behind_the_last_trip_is_not_asked_for() -> None:
    class Talkative(Library):
        def page(self, number: int, size: int = 2) -> dict[str, Any]:
            content = super().page(number, size)
            content["meta"]["pagination"]["next_page_url"] = "http://localhost/more"
            return content

    assert listed(Talkative(1, 2, 3), {})[0] == [1, 2]
    assert listed(Talkative(1, 2, 3, counted=False), {})[0] == [1, 2, 3, 1], "without a count an empty page is the end"


def test_a_trip_that_is_updated_while_the_list_is_read_is_not_missed() -> None:
    library = Library(1, 2, 3, 4, 5)
    asked, came = listed(library, {1: lambda: library.update(5)})  # from page 3 to page 1, and the others back by one
    assert (5, 1) in came
    assert asked == [1, 2, 3, 1, 2]


def test_trips_that_come_while_the_list_is_read_hide_no_other_page() -> None:
    library = Library(1, 2, 3, 4, 5, 6)

    def two_come() -> None:
        library.update(7)
        library.update(8)

    asked, came = listed(library, {1: two_come})
    assert {key for key, _ in came} == {1, 2, 3, 4, 5, 6, 7, 8}
    assert asked == [1, 2, 3, 4, 1, 2]


def test_a_deletion_that_moves_a_trip_past_a_border_has_the_pages_read_again() -> None:
    library = Library(1, 2, 3, 4, 5)
    asked, came = listed(library, {2: lambda: library.keys.remove(3)})  # 5 moves from page 3 to page 2, which was read
    assert {key for key, _ in came} == {1, 2, 3, 4, 5}
    assert asked == [1, 2, 3, 1, 2]


def test_without_a_count_the_first_page_is_asked_for_again() -> None:
    assert listed(Library(1, 2, 3, counted=False), {})[0] == [1, 2, 1]
    assert listed(Library(1, counted=False), {})[0] == [1]


@pytest.mark.parametrize(
    "told", [{"page_count": 3}, {"record_count": 5}, {"page_count": 3, "record_count": 2}, {}], ids=str
)
def test_a_null_in_place_of_the_next_address_hides_no_page(told: dict[str, Any]) -> None:
    class Silent(Library):
        def page(self, number: int, size: int = 2) -> dict[str, Any]:
            content = super().page(number, size)
            content["meta"]["pagination"] = {"record_count": None, "page_count": None, "next_page_url": None, **told}
            return content

    asked, came = listed(Silent(1, 2, 3, 4, 5), {})
    assert {key for key, _ in came} == {1, 2, 3, 4, 5}
    assert asked[:3] == [1, 2, 3]
    assert len(asked) <= 4


def test_a_list_goes_on_behind_the_pages_that_came() -> None:
    library = Library(1, 2, 3, 4, 5)
    landed = [(1, library.page(1))]
    assert listed(library, {}, landed)[0] == [2, 3]
    library.keys.remove(1)
    assert listed(library, {}, landed)[0] == [2, 1, 2], "a deletion between the two runs"
    whole = [(number, library.page(number)) for number in (1, 2)]
    assert listed(library, {}, whole)[0] == []


def test_pages_of_another_size_are_read_again() -> None:
    content = Library(1, 2, 3).page(1)
    content["meta"]["pagination"]["page_size"] = 200
    assert listed(Library(1, 2, 3), {}, [(1, content)])[0] == [1, 2]


def test_a_service_that_repeats_itself_comes_to_an_end() -> None:
    class Stuck(Library):
        def page(self, number: int, size: int = 2) -> dict[str, Any]:
            return super().page(1, size)

    assert len(listed(Stuck(1, 2, 3), {})[0]) < 9


def test_a_list_that_changes_all_the_time_is_given_up() -> None:
    library, passes = Library(*range(9)), ListPasses(2)
    pages = 0
    while passes.wanted is not None:
        passes.add(passes.wanted, library.page(passes.wanted))
        library.update(100 + pages)
        pages += 1
        assert pages < 99
    assert passes.is_restless
    assert passes._passes == MOST_PASSES
