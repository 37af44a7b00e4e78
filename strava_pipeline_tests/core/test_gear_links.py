"""Which gear of several services is the same, by links and by equal names."""

import pytest

from strava_pipeline.core.gear_links import GearItem, Piece, comparable, gear_items

SOURCES = ["sheet", "strava", "toy"]


def items_of(pieces: str, links: dict[str, dict[str, str]]) -> dict[str, GearItem]:
    """`pieces`: as `strava b1 Blue bike; toy B1 blue bike`."""
    found = [Piece(*each.strip().split(" ", 2)) for each in pieces.split(";") if each.strip()]
    items = gear_items(found, links, SOURCES)
    assert len({item.name for item in items}) == len(items), "a name is a key"
    assert sorted(piece.gear_id for item in items for piece in item.pieces) == sorted(piece.gear_id for piece in found)
    return {item.name: item for item in items}


@pytest.mark.parametrize(
    ("pieces", "links", "proposed"),
    [
        ("", {}, {}),
        ("strava b1 Blue bike", {}, {"Blue bike": {}}),
        ("strava b1 Blue bike; toy B1 Red bike", {}, {"Blue bike": {}, "Red bike": {}}),
        ("strava b1 Blue bike; toy B1 Blue bike", {}, {"Blue bike": {"strava": "b1", "toy": "B1"}}),
        ("strava b1 Blue bike; toy B1  BLUE BIKE ", {}, {"Blue bike": {"strava": "b1", "toy": "B1"}}),
        ("strava b1 Mu\u0308sli; toy B1 m\u00fcsli", {}, {"Mu\u0308sli": {"strava": "b1", "toy": "B1"}}),
        ("toy B1 domane; sheet Domane Domane", {}, {"Domane": {"sheet": "Domane", "toy": "B1"}}),
        ("strava b1 A; toy B1 a; toy B2 A", {}, {"A": {}}),
        ("strava b1 A; toy B1 a; toy B2 A; sheet A A", {}, {"A": {"strava": "b1", "sheet": "A"}}),
        ("strava b1 A; toy B1 A", {"Mine": {"strava": "b1", "toy": "B1"}}, {"Mine": {}}),
        ("strava b1 A; toy B1 A", {"Mine": {"strava": "b1"}}, {"Mine": {"toy": "B1"}}),
        ("strava b1 A; toy B1 mine", {"Mine": {"strava": "b1"}}, {"Mine": {"toy": "B1"}}),
        ("strava b1 A; toy B1 A; toy B2 A", {"Mine": {"strava": "a", "toy": "B2"}}, {"Mine": {}}),
        ("strava b1 b2; strava b2 A", {"Mine": {"strava": "b2"}}, {"Mine": {}, "b2": {}}),
        ("toy B1 A", {"A": {}}, {"A": {}}),
        ("toy B1 A; strava b1 A", {"A": {}}, {"A": {"strava": "b1", "toy": "B1"}}),
        ("toy B1 A", {"A": {"elsewhere": "x"}}, {"A": {"toy": "B1"}}),
    ],
    ids=[
        "nothing",
        "one service",
        "other names",
        "equal names",
        "case and blanks",
        "composed and not",
        "the best service's name",
        "two of that name at one service",
        "two of that name at one of three",
        "linked",
        "linked at one, and the same name there",
        "linked at one, and the item's name",
        "linked by name, and a further one of that name",
        "an id counts before a name",
        "an empty table, one service",
        "an empty table, two services",
        "linked at a service that is not enabled",
    ],
)
def test_links_are_proposed_for_equal_names_of_what_is_not_linked(
    pieces: str, links: dict[str, dict[str, str]], proposed: dict[str, dict[str, str]]
) -> None:
    assert {name: item.proposed for name, item in items_of(pieces, links).items()} == proposed


def test_what_a_person_has_to_choose_and_what_is_no_more_there_is_said() -> None:
    found = items_of("strava b1 A; toy B1 A; toy B2 A", {"Old": {"strava": "b9", "elsewhere": "x"}})
    assert found["A"].unclear == ["toy"]
    assert found["Old"].lost == ["strava"], "of a service that is not asked nothing is known"


@pytest.mark.parametrize(
    ("one", "other"), [("A", "a"), (" A", "A "), ("\u00c5", "A\u030a"), ("STRASSE", "stra\u00dfe")]
)
def test_names_are_the_same_whatever_their_case_blanks_and_form(one: str, other: str) -> None:
    assert comparable(one) == comparable(other)
