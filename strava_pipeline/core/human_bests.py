"""The shortest time that anybody ever took over a distance, by group of sports; a faster stretch was not done by oneself.

Men's best times (in swimming, in 25 m pools) by the lists of World Athletics (runs, race walks), the International
Association of Ultrarunners (50 and 100 km), World Aquatics and the UCI, each with its place and day. Other groups have
none. Why: docs/adr/0114.
"""

from collections.abc import Mapping

SLACK = 0.96  # what positions err by, and what records may still fall by
HUMAN_BESTS: Mapping[str, Mapping[float, float]] = {  # seconds by metres
    "run": {
        400: 43.03,  # van Niekerk, Rio de Janeiro, 14 Aug 2016
        800: 100.91,  # Rudisha, London, 9 Aug 2012
        1000: 131.96,  # Ngeny, Rieti, 5 Sep 1999
        1609: 223.13,  # El Guerrouj, Rome, 7 Jul 1999
        3000: 437.55,  # Ingebrigtsen, Chorzów, 25 Aug 2024
        5000: 755.36,  # Cheptegei, Monaco, 14 Aug 2020
        10_000: 1571.0,  # Cheptegei, Valencia, 7 Oct 2020
        21_097: 3402.0,  # Kiplimo, Barcelona, 16 Feb 2025, behind a car: not ratified
        42_195: 7180.2,  # Kipchoge, Vienna, 12 Oct 2019, with pacers in turn: not ratified
        50_000: 9523.0,  # Albertson, San Francisco, 8 Oct 2022
        100_000: 21_935.0,  # Sorokin, Vilnius, 14 May 2023
    },
    "walk": {  # a walk may contain some running; from a mile on, race walks
        400: 43.03,
        1000: 131.96,
        1609: 331.08,  # Bosworth, London, 9 Jul 2017
        10_000: 2273.09,  # Fernández, Santa Cruz de Tenerife, 27 Jul 2008
        20_000: 4570.0,  # Yamanishi, Kobe, 16 Feb 2025
        50_000: 12_753.0,  # Diniz, Zürich, 15 Aug 2014
    },
    "swim": {
        100: 44.84,  # Chalmers, Kazan, 29 Oct 2021
        200: 98.61,  # Hobson, Budapest, 15 Dec 2024
        400: 212.25,  # Agnel, Angers, 15 Nov 2012
        800: 440.46,  # Wiffen, Otopeni, 10 Dec 2023
        1500: 846.88,  # Wellbrock, Abu Dhabi, 21 Dec 2021
    },
    "ride": {  # on the flat; from 5 km on
        4000: 239.153,  # pursuit from a standing start: Milan, Ballerup, 18 Oct 2024
        56_792: 3600.0,  # the hour: Ganna, Grenchen, 8 Oct 2022
    },
}
LEAST_METRES = {"ride": 5000.0}
"""From how many metres the times of a group count: shorter distances are ridden downhill."""
STEEP = 0.02  # of its length that a ride may lose in height; there 65 km/h take some 540 W on a time-trial bike


def least_seconds(sport_group: str, metres: float) -> float:
    """The shortest believable time (s): at the speed of the longest best no longer than `metres`, less 4 %; 0 means no limit.

    >>> round(least_seconds("run", 1000), 1), round(least_seconds("run", 1200), 1), least_seconds("gym", 1000)
    (126.7, 152.0, 0.0)
    """
    if metres < LEAST_METRES.get(sport_group, 0.0):
        return 0.0
    shorter = [best for best in HUMAN_BESTS.get(sport_group, {}).items() if best[0] <= metres]
    return SLACK * metres * max(shorter)[1] / max(shorter)[0] if shorter else 0.0
