"""Which names services and devices give by themselves, and which a person wrote."""

import time
from typing import Any

import pytest

from strava_pipeline.core.changes.names import is_default_name

BY_A_SERVICE = """
Morning Ride|Lunch Run|Afternoon Tennis|Lunch Weight Training|Evening Activity|Night Virtual Ride|Afternoon E-Bike Ride|  Morning Ride
Radfahrt am Morgen|Lauf am Nachmittag|Abendlauf|Nachmittagsspaziergang|Sortie vélo le matin|Course à pied le midi|Marche en soirée
Sortie à vélo dans l'après-midi|Carrera por la tarde|Vuelta ciclista por la mañana|Corsa mattutina|Pedalata pomeridiana|Corrida matinal
Pedalada da tarde|Ochtendrit|Avondloop|Fietsrit in de ochtend|Löpning på morgonen|朝のライド|午後のランニング|오후 라이딩|저녁 달리기
晨间跑步|午后跑步|傍晚跑步|锻炼（上午）|晨跑|Утренний забег|Вечерний заезд|Poranny bieg
Untitled|untitled activity|Ohne Titel|Yoga|Run|Walk|Indoor Cycling|CYCLING|Workout|Multisport|Virtual Ride|Road Cycling
Zwift - Watopia|Zwift|Wahoo SYSTM: Open: 30|ROUVY - Col|CYCLING:Tempo w/ 1min Cadence-5Tempo w/ 1min Cadence-5
Cuajimalpa de Morelos Hiking|Bacalar Stand Up Paddleboarding|New York Running
activity_12345678.fit|2024-05-01-063000-ELEMNT BOLT 1234-12-0.fit|ride.gpx.gz|20240501_063000|12345678901|activity 9876543210
0f8fad5b-d9cd-469f-a165-70867728950e|30.08.2015|2015-08-30|08/30/15|2015-08-30 07:00|Running 8/30/15 7:05 am|Aug 30, 2015
2015-08-30T07:00:00Z
"""
BY_A_PERSON = """
morning run|Morning jog|Morning Endurance Ride|Golden Hour Ride|Encoded Skyline Ride|Zur Arbeit|Feierabend 🍺|First run|beer run
Mt Seymour Climb|Crawford Lake hike|Toronto Zoo 10K|fartleks|just another wednesday|Happy Friday|Lunch Rover Shuffle-Walk-Yog with Todd
Mt. Tallac Summit Sunday|Rondje Veluwe|Broken Ride|Recovery Spin|Sweet Spot Intervals|Peak To Peak|pinned|FakeActivity|Biel 🏛 Pavillon
Reckingen Augenstern-Ulrichen Langlauf|Stechelberg-Lauterbrunnen|Cournillens (Runkeeper)|Bike-Walk-Bike|1 min Wburg bridge hill run
First Time Breaking 14|Hawk Hill|42.195|5k|10K|2020 Vision|4x4|400m|10 x 400|Legs + Abs|Run with Artyom|Vienna Marathon 2024|Race 2024
my first cycling|Sunday with the Cycling Club|Bolder Boulder 10k 2015|Ride 2024 Opener|Morning|Night shift|Yoga with Adriene|Run 5
Zwift race win|A Walk|Sunday Run|1|Commute|=1+1|Tour de France
"""


def names(text: str) -> list[str]:
    return [name for line in text.strip("\n").split("\n") for name in line.split("|")]


def test_a_service_s_names_are_distinguished_from_a_person_s() -> None:
    assert [name for name in names(BY_A_SERVICE) if not is_default_name(name)] == []
    assert [name for name in names(BY_A_PERSON) if is_default_name(name)] == []


@pytest.mark.parametrize(
    ("name", "places", "more", "is_default"),
    [
        ("Sunday Cycling", [], {}, True),  # as if Sunday were a place: at worst a person's name does not lead
        ("Sunday Cycling", ["Wien"], {}, True),  # another source says Wien
        ("Sunday Cycling", ["Wien"], {"can_be_any": False}, False),
        ("Sunday Cycling", [], {"can_be_any": False}, False),
        ("Wien Cycling", ["Wien"], {"can_be_any": False}, True),
        ("Plasselb Walk", ["Plasselb"], {}, True),
        ("Plasselb Walk", [], {}, False),
        ("Goms Langlauf", ["Goms"], {}, True),
        ("Berlin Gravel/Unpaved Cycling", ["Berlin"], {"can_be_any": False}, True),
        ("Berlin MountainBikeRide", [], {}, True),
        ("Berlin MountainBikeRide", [], {"can_be_any": False}, False),
        ("Berlin Hike", [], {}, False),
        ("Berlin Hike", ["Berlin"], {}, True),
        ("Berlin Hike", [], {"towns": ["Berlin"]}, True),
        ("Berlin - Usedom", [], {"towns": ["Berlin"]}, False),
        ("Sunday club ride", [], {"towns": ["Berlin"]}, False),
        ("Cuajimalpa de Morelos - Base", ["Cuajimalpa de Morelos"], {}, True),
        ("Cuajimalpa de Morelos - Base", ["Cuajimalpa de Morelos"], {"towns": ["Cuajimalpa de Morelos"]}, True),
        ("Cuajimalpa de Morelos - Base", [], {}, False),
        ("Wien", ["Wien"], {}, False),
        ("Morning Ride", [], {"can_be_any": False}, True),
        ("", [""], {}, False),
    ],
)
def test_place_and_sport_are_a_default(name: str, places: list[str], more: dict[str, Any], is_default: bool) -> None:
    assert is_default_name(name, places=places, **more) == is_default


@pytest.mark.parametrize(
    "name", ["1" * 290 + "x", "Ab " * 90 + "!", "-" * 280, "a" * 300_000, "A:" * 140, "1 " * 140 + "x"]
)
def test_no_name_takes_long(name: str) -> None:
    began = time.process_time()
    assert not is_default_name(name)
    assert time.process_time() - began < 0.2
