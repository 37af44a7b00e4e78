"""Ids of recordings that Strava has not numbered: plain for the folder's own athlete, with the athlete for anybody else."""

from collections.abc import Mapping

import pytest

from strava_pipeline.core.files.numbering import HeldBy, Identity, Numbering, athlete_named
from strava_pipeline.core.files.objects import hashed_id
from strava_pipeline.core.rows import Json

OWN, OTHER, THIRD = 1, 2, 3
PLAIN = hashed_id("file", "abc:0")


def hashed_with(athlete_id: int) -> int:
    return hashed_id("file", "abc:0", athlete_id)


def held(*athletes: int) -> HeldBy:
    """The plain id is held by these; no other id is by anybody."""
    return lambda source, activity_id: frozenset(athletes if (source, activity_id) == ("file", PLAIN) else ())


def test_an_athletes_id_stays_the_same_for_ever() -> None:
    """Literally: gold is made of these, and bronze is read with them after every update."""
    assert (PLAIN, hashed_with(OTHER)) == (-9072629553780065646, -8853906753698039540)
    assert len({PLAIN, hashed_with(OWN), hashed_with(OTHER), hashed_id("file", "abc:0@2")}) == 4


@pytest.mark.parametrize(
    ("own", "holders", "athlete", "expected"),
    [
        (OWN, (), OWN, Identity(PLAIN, OWN)),
        (OWN, (), OTHER, Identity(hashed_with(OTHER), OTHER)),
        (OWN, (), None, Identity(PLAIN, None)),
        (OWN, (OWN,), OTHER, Identity(hashed_with(OTHER), OTHER)),
        # nobody was known, or an older version took it in
        (None, (), OTHER, Identity(PLAIN, OTHER)),
        (None, (OWN,), OTHER, Identity(PLAIN, OTHER)),
        (None, (OWN,), None, Identity(PLAIN, None)),
        # an older version gave the plain id to another athlete, or to both
        (OWN, (OTHER,), OTHER, Identity(PLAIN, OTHER)),
        (OWN, (OTHER,), OWN, Identity(hashed_with(OWN), OWN)),
        (OWN, (OTHER,), THIRD, Identity(hashed_with(THIRD), THIRD)),
        (OWN, (OWN, OTHER), OWN, Identity(PLAIN, OWN)),
        (OWN, (OWN, OTHER), OTHER, Identity(PLAIN, OTHER)),
        # what names nobody and came in before
        (OWN, (OWN,), None, Identity(PLAIN, OWN)),
        (OWN, (OTHER,), None, Identity(PLAIN, OTHER)),
        (OWN, (OWN, OTHER), None, Identity(PLAIN, None)),
    ],
)
def test_whose_recording_has_which_id(
    own: int | None, holders: tuple[int, ...], athlete: int | None, expected: Identity
) -> None:
    assert Numbering(own, held(*holders)).identify("file", "abc:0", athlete) == expected


@pytest.mark.parametrize(
    ("activity", "athlete_id"),
    [
        ({"athlete": {"id": 7, "resource_state": 1}}, 7),
        ({"athlete": {"id": "7"}}, None),
        ({"athlete": {"id": True}}, None),
        ({"athlete": 7}, None),
        ({"athlete": {}}, None),
        ({}, None),
    ],
)
def test_the_athlete_whom_an_object_names(activity: Json, athlete_id: int | None) -> None:
    assert athlete_named(activity) == athlete_id


def test_nothing_is_asked_where_nobody_else_could_hold_an_id() -> None:
    def asked(source: str, activity_id: int) -> frozenset[int]:
        raise AssertionError

    assert Numbering(None, asked).identify("file", "abc:0", OWN) == Identity(PLAIN, OWN)


def test_other_ids_hold_nothing() -> None:
    others: Mapping[str, str] = {"file": "abc:1", "running_page": "abc:0"}
    for source, source_id in others.items():
        found = Numbering(OWN, held(OTHER)).identify(source, source_id, OWN)
        assert found == Identity(hashed_id(source, source_id), OWN)
