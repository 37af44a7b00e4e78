"""Efforts beside what each provider has of them: who leads, what differs, and what is proposed so that they agree."""

from datetime import UTC, datetime
from typing import Any

import pytest

from strava_pipeline.core.changes.comparison import Effort, Party, Row, Said, compared
from strava_pipeline.core.changes.linked_gear import LinkedGear
from strava_pipeline.core.changes.proposals import Facts, OriginalFile, alone_at, proposals_of
from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.gear_links import Piece
from strava_pipeline.core.sheets.header import WORDS

MONTH = "2026-10"
ALL = ("name", "gear", "duration")
PIECES = [
    Piece("strava", "b1", "Domane"),
    Piece("strava", "b2", "Tarmac"),
    Piece("garmin", "g1", "My Domane"),
    Piece("garmin", "g2", "Tarmac"),
    Piece("garmin", "g3", "Old one"),
    Piece("garmin", "g4", "Twin"),
    Piece("garmin", "g5", "twin "),
]
LINKS = {
    "Domane": {"strava": "b1", "garmin": "g1", "spreadsheet": "The red one"},
    "Tarmac": {"strava": "tarmac", "garmin": "g2"},
    "Lost": {"spreadsheet": "Lost", "garmin": "Lost"},
    "Gone": {"spreadsheet": "Gone", "garmin": "9f2c"},
    "Twin": {"spreadsheet": "Twin", "garmin": "Twin"},
}
GEAR = LinkedGear(LINKS, PIECES, {"spreadsheet"})
PARTIES = {
    "spreadsheet": {"by_hand": True, "edits": ALL},
    "strava": {"edits": ("name", "gear"), "link": "https://strava.example/{source_id}"},
    "garmin": {"edits": ("name", "gear")},
}


def parties(**chosen: dict[str, Any]) -> list[Party]:
    """The three, in the order of priority, with what is chosen of them."""
    return [
        Party(**{"name": name, "months": {MONTH}, **of_record, **chosen.get(name, {})})
        for name, of_record in PARTIES.items()
    ]


def said(provider: str, name: str | None = None, gear: str | None = None, **more: Any) -> Said:
    by_hand = provider == "spreadsheet"
    return Said(
        **{
            "provider": provider,
            "source_id": f"{provider}-1",
            "name": name,
            "gear_id": gear,
            "by_hand": by_hand,
            **more,
        }
    )


def effort(*rows: Said, **more: Any) -> Effort:
    began = datetime(2026, 10, 18, 6, tzinfo=UTC)
    fixed = {
        "key": "7",
        "month": MONTH,
        "start": began,
        "local_start": datetime.fromisoformat("2026-10-18T08:00"),
        "sport": "Ride",
    }
    return Effort(**{**fixed, **more, "said": rows})


def names(row: Row) -> tuple[str | None, str]:
    """Who leads, and the statuses in the order of the providers: two letters each."""
    return row.name_from, " ".join((cell.name_status or "--")[:2] for cell in row.cells.values())


def gear(row: Row) -> tuple[str | None, str]:
    return row.gear_from, " ".join((cell.gear_status or "--")[:2] for cell in row.cells.values())


@pytest.mark.parametrize(
    ("sheet", "strava", "garmin", "chosen", "found"),
    [
        ("Home", "Home", "Home", {}, ("spreadsheet", "au ok ok")),
        ("Home", "Away", "Home", {}, ("spreadsheet", "au wr ok")),
        ("Home", " Home\n", "Ho\u0308me", {}, ("spreadsheet", "au ok wr")),
        ("Cafe\u0301", "Café", "café", {}, ("spreadsheet", "au ok wr")),
        ("Home", "Morning Ride", "", {}, ("spreadsheet", "au wr mi")),
        (None, "Morning Ride", "Vienna Cycling", {}, (None, "ok ok ok")),
        ("  ", "Morning Ride", "Home", {}, ("garmin", "mi wr au")),
        ("Lunch Run", "Away", "Home", {}, ("strava", "wr au wr")),
        ("Home", "Away", None, {"spreadsheet": {"leads": False}}, ("strava", "wr au mi")),
        ("Home", None, None, {"spreadsheet": {"leads": False}}, (None, "ok ok ok")),
        ("Home", "Away", "Home", {"strava": {"edits": ()}}, ("spreadsheet", "au un ok")),
        ("=1+1", "1", "=1+1 ", {}, ("spreadsheet", "au wr ok")),
    ],
)
def test_the_first_name_that_a_person_wrote_leads(
    sheet: str | None, strava: str | None, garmin: str | None, chosen: dict[str, Any], found: tuple[str | None, str]
) -> None:
    here = effort(said("spreadsheet", sheet), said("strava", strava), said("garmin", garmin))
    assert names(compared(here, parties(**chosen), GEAR)) == found


@pytest.mark.parametrize(
    ("sheet", "strava", "garmin", "found"),
    [
        ("The red one", "b1", "g1", ("spreadsheet", "au ok ok")),
        (" THE RED ONE ", "b2", "g2", ("spreadsheet", "au wr wr")),
        ("The red one", None, "g3", ("spreadsheet", "au mi un")),
        (None, "b1", None, ("strava", "mi au mi")),
        (None, "b2", "g1", ("strava", "un au wr")),  # Tarmac has no link to the spreadsheet
        (None, None, "g2", ("garmin", "un mi au")),
        ("Unknown", "b1", "g2", (None, "un ok ok")),  # it may be any item, so nobody leads
        ("Lost", None, None, ("spreadsheet", "au un un")),
        ("Twin", None, None, ("spreadsheet", "au un un")),  # two pieces have that name
        (None, None, None, (None, "ok ok ok")),
        ("", "  ", None, (None, "ok ok ok")),
    ],
)
def test_linked_leads(sheet: str | None, strava: str | None, garmin: str | None, found: tuple[str | None, str]) -> None:
    here = effort(*(said(name, None, piece) for name, piece in zip(PARTIES, (sheet, strava, garmin), strict=True)))
    assert gear(compared(here, parties(), GEAR)) == found


def test_gear_that_nobody_asked_for_is_unknown_and_not_missing() -> None:
    here = effort(said("strava", "Home", "b1"), said("garmin", "Home"))
    assert gear(compared(here, parties(garmin={"gear_asked": ()}), GEAR)) == ("strava", "mi au --")
    assert gear(compared(here, parties(garmin={"gear_asked": {"garmin-1"}}), GEAR)) == ("strava", "mi au mi")


def test_what_is_absent_is_missing_withheld_or_unknown() -> None:
    here = effort(said("strava", "Home"), said("garmin", "Home", is_deleted=True))
    listed = compared(here, parties(), GEAR)
    assert names(listed) == ("strava", "mi au mi")
    assert not listed.cells["garmin"].present
    assert listed.cells["strava"].link == "https://strava.example/strava-1"
    assert names(compared(here, parties(spreadsheet={"months": ()}), GEAR)) == ("strava", "-- au mi")
    withheld = parties(garmin={"withheld": {"strava-1"}})
    assert names(compared(here, withheld, GEAR)) == ("strava", "mi au wi")


def test_of_two_rows_at_one_provider_the_best_is_the_cell_and_a_deleted_one_is_none() -> None:
    two = effort(
        said("garmin", "gone", source_id="0", is_deleted=True), said("garmin", "first"), said("garmin", "second")
    )
    assert compared(two, parties(), GEAR).cells["garmin"].name == "first"


def test_legs_are_compared_with_nothing() -> None:
    assert not effort(said("garmin", is_counted=False)).is_compared
    assert effort(said("garmin", is_counted=False), said("strava")).is_compared
    assert effort().is_compared, "what only an import has is compared"


def proposed(here: Effort, *, facts: Facts | None = None, **chosen: dict[str, Any]) -> list[Change]:
    who = parties(**chosen)
    return list(proposals_of(compared(here, who, GEAR), who, GEAR, facts or Facts()))


def short(changes: list[Change]) -> list[tuple[Any, ...]]:
    return [
        (change.kind, change.provider, change.source_id, change.old, change.new, change.source) for change in changes
    ]


WRITE = {"write": ALL}


def test_a_name_is_proposed_where_it_may_be_written() -> None:
    here = effort(said("spreadsheet", " Home"), said("strava", "Morning Ride"), said("garmin"))
    assert proposed(here) == []
    assert short(proposed(here, strava={"write": ["name"]}, garmin={"write": ["gear"]}, spreadsheet=WRITE)) == [
        ("update_name", "strava", "strava-1", "Morning Ride", " Home", "spreadsheet")
    ]
    (one,) = proposed(here, garmin=WRITE)
    assert (one.old, one.effort, one.month, one.start, one.title) == (None, "7", MONTH, here.start, " Home")
    assert proposed(here, garmin={**WRITE, "edits": ()}) == []


def test_what_a_person_said_here_leads_and_is_proposed_everywhere() -> None:
    rows = said("spreadsheet", "Home"), said("strava", "Mine"), said("garmin", gear="g1")
    here = effort(*rows, own_name="Mine", own_gear=("strava", "b1"))
    assert (names(compared(here, parties(), GEAR)), gear(compared(here, parties(), GEAR))) == (
        ("you", "wr ok mi"),
        ("you", "mi mi ok"),
    )
    found = short(proposed(here, spreadsheet=WRITE, strava=WRITE, garmin=WRITE))
    assert [each for each in found if each[0] == "update_name"] == [
        ("update_name", "spreadsheet", "spreadsheet-1", "Home", "Mine", "you"),
        ("update_name", "garmin", "garmin-1", None, "Mine", "you"),
    ]
    assert [each[1] for each in found if each[0] == "update_gear"] == ["spreadsheet", "strava"]
    unknown = effort(*rows, own_gear=("strava", "b9"))
    assert gear(compared(unknown, parties(), GEAR))[0] is None, "gear that is not linked leads nowhere"


def test_gear_is_proposed_by_id_and_to_a_table_as_text() -> None:
    here = effort(said("spreadsheet"), said("strava", gear="b1"), said("garmin", gear="g2"))
    table, garmin = proposed(here, spreadsheet=WRITE, garmin=WRITE)
    assert (table.old, table.new, table.old_id, table.new_id) == (None, "The red one", None, None)
    assert (garmin.old, garmin.new, garmin.old_id, garmin.new_id) == ("Tarmac", "My Domane", "g2", "g1")
    assert (garmin.value_before, garmin.value_after, garmin.source) == ("g2", "g1", "strava")
    nothing = effort(said("strava", gear="b1"), said("garmin"))
    assert [(each.old_id, each.new_id) for each in proposed(nothing, garmin=WRITE)] == [(None, "g1")]


@pytest.mark.parametrize(
    ("item", "may", "created"),
    [("Lost", True, ["Lost"]), ("Lost", False, []), ("Gone", True, []), ("Twin", True, []), ("The red one", True, [])],
)
def test_gear_that_is_linked_by_name_and_is_no_piece_can_be_made(item: str, may: bool, created: list[str]) -> None:
    here = effort(said("spreadsheet", gear=item), said("garmin", gear="g1" if item == "The red one" else None))
    found = proposed(here, garmin={**WRITE, "creates_gear": may})
    assert [change.new for change in found] == created
    assert {(change.kind, change.effort, change.source_id) for change in found} <= {("create_gear", None, None)}


@pytest.mark.parametrize(
    ("sheet", "strava", "new"), [(600, 661, [661]), (None, 661, [661]), (661, 661, []), (600, None, [])]
)
def test_a_table_gets_the_time_that_a_device_measured(sheet: int | None, strava: int | None, new: list[int]) -> None:
    here = effort(said("spreadsheet", elapsed_time=sheet), said("strava", elapsed_time=strava))
    found = proposed(here, spreadsheet=WRITE, strava=WRITE)
    assert [(change.kind, change.old, change.new) for change in found] == [
        ("update_metadata", sheet, each) for each in new
    ]


TABLE = {**WRITE, "adds": True, "columns": frozenset(WORDS)}
CELLS = {"7": {"start_time": "2026-10-18T08:00:00", "activity_type": "Ride", "distance": 1000.0, "calories": None}}


def test_an_effort_without_a_row_gets_one_with_what_is_known() -> None:
    here = effort(said("strava", "Home", "b1"), said("garmin", "x", source_id="99"))
    (change,) = proposed(here, facts=Facts(CELLS), spreadsheet=TABLE)
    assert (change.kind, change.provider, change.source_id, change.effort) == ("add_activity", "spreadsheet", None, "7")
    assert change.new == {
        "start_time": "2026-10-18T08:00:00",
        "activity_type": "Ride",
        "distance": 1000.0,
        "strava_id": "strava-1",
        "garmin_id": "99",
        "notes": "Home",
        "equipment": "The red one",
    }
    assert change.details == {"start": "2026-10-18T06:00:00+00:00"}
    (fewer,) = proposed(here, facts=Facts(CELLS), spreadsheet={**TABLE, "columns": {"start_time", "notes"}})
    assert fewer.new == {"start_time": "2026-10-18T08:00:00", "notes": "Home"}
    (unnamed,) = proposed(effort(said("strava", "Lunch Run")), facts=Facts(CELLS), spreadsheet=TABLE)
    assert isinstance(unnamed.new, dict)
    assert "notes" not in unnamed.new, "a service's own name is nobody's"


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        ([said("strava"), said("spreadsheet", is_deleted=True)], TABLE),
        ([said("strava")], {**TABLE, "months": ()}),
        ([said("strava")], {**TABLE, "adds": False}),
        ([said("strava")], {**TABLE, "withheld": {"strava-1"}}),
    ],
    ids=["a person deleted it there", "the month was not listed", "not allowed", "withheld"],
)
def test_no_row_is_proposed_for_what_may_be_there(rows: list[Said], chosen: dict[str, Any]) -> None:
    assert proposed(effort(*rows), facts=Facts(CELLS), spreadsheet=chosen) == []


@pytest.mark.parametrize(("sport", "adds"), [("Ride", 0), ("GravelRide", 0), ("Run", 1), (None, 0)])
def test_no_row_is_proposed_beside_one_of_that_day_and_sport_that_matches_nothing(sport: str | None, adds: int) -> None:
    row = compared(effort(said("spreadsheet"), sport=sport), parties(), GEAR)
    facts = Facts(CELLS, alone=frozenset(filter(None, [alone_at(row)])))
    assert len(proposed(effort(said("strava")), facts=facts, spreadsheet=TABLE)) == adds


def test_ids_are_proposed_for_empty_cells_alone() -> None:
    here = effort(said("spreadsheet"), said("strava"), said("garmin", source_id="99"))
    (change,) = proposed(here, spreadsheet={**TABLE, "empty_ids": {"spreadsheet-1": {"garmin_id", "ridewithgps_id"}}})
    assert (change.kind, change.old, change.new) == ("link_activity", {"garmin_id": None}, {"garmin_id": "99"})
    assert proposed(here, spreadsheet=TABLE) == []


def test_a_file_is_proposed_to_a_service_that_lacks_the_effort() -> None:
    facts = Facts(CELLS, {"7": OriginalFile("ab" * 32, "ride.fit")})
    (change,) = proposed(effort(said("garmin", "Home")), facts=facts, strava={**WRITE, "uploads": True})
    assert (change.kind, change.provider, change.new) == ("upload_activity", "strava", "ab" * 32)
    assert change.details == {
        "sha256": "ab" * 32,
        "name": "ride.fit",
        "sport_type": "Ride",
        "title": "Home",
        "external_id": f"strava_pipeline_{change.id}",
    }
    gone = effort(said("garmin", "Home"), said("strava", is_deleted=True))
    assert proposed(gone, facts=facts, strava={**WRITE, "uploads": True}) == []


def test_a_file_is_fetched_from_the_first_provider_that_gives_it() -> None:
    here = effort(said("strava"), said("garmin", source_id="99"))
    (change,) = proposed(here, garmin={"downloads": {"99"}})
    assert short([change]) == [("download_file", "disk", "99", None, "garmin", "garmin")]


def test_gear_that_was_never_asked_for_lets_nobody_below_lead() -> None:
    here = effort(said("spreadsheet", None, "The red one"), said("strava", None, "b2"))
    assert gear(compared(here, parties(spreadsheet={"gear_asked": ()}), GEAR)) == (None, "-- ok mi")
    assert gear(compared(here, parties(spreadsheet={"gear_asked": {"spreadsheet-1"}}), GEAR)) == (
        "spreadsheet",
        "au wr mi",
    )
