"""What activities are called, described and recorded with.

Made-up, in several scripts, with the characters that make parsers, shells and CSV files fail.
"""

from random import Random

from strava_pipeline.emulator.generate.places import HOME
from strava_pipeline.emulator.generate.sketch import Sketch

SPORT_WORDS = {
    "GravelRide": "Gravel Ride",
    "MountainBikeRide": "Mountain Bike Ride",
    "VirtualRide": "Virtual Ride",
    "WeightTraining": "Weight Training",
}
BY_KIND = {
    "Run": (
        "Long run 🏃‍♀️ entlang der Spree",
        "6 × 800 m @ 5k pace",
        "朝のランニング",
        "Пробежка с Антоном",
        "Tempo, then coffee ☕️",
        "Recovery jog (really slow)",
        'Parkrun #52 – "PB attempt"',
    ),
    "Ride": (
        "Über den Teufelsberg ⛰️",
        "Kaffee & Kuchen 🍰",
        "Brandenburger Schleife, 100 % Gegenwind",
        "Tour de Müggelsee",
        "Café → Café 🚴🏽‍♀️",
        "Group ride; 30+ km/h ... ouch",
        "רכיבת בוקר",
    ),
    "Walk": ("Walk with Mum 💐", "Sunday stroll", "दोपहर की सैर"),
    "Hike": ("Through the woods 🌲🌲", "Gipfel! Ausblick! Brotzeit!", "Wanderung nach Ñuñoa-Straße"),
    "VirtualRide": ("Watopia: Volcano Climb 🌋", "3 x 12' @ 95 % FTP", "Zwift - Race: Stage 2 (B)"),
    "Swim": ("Schwimmbad 25 m", "Drills + 10 × 100"),
}
OTHERS = ("Core & mobility", "Zähne zusammenbeißen 💪", "O'Brien's circuit")
ABROAD = ("Hello", "Jetlag in", "Sunrise over", "Lost in 🗺️", "Ein letztes Mal", "Around")
RACES = {"Run": ("Berliner Halbmarathon 🏅", "10K City Run"), "Ride": ("Velothon 🏁", "Jedermann-Rennen")}
DESCRIPTIONS = (
    "Legs felt great until the last climb.",
    "Windy out there!\nTook it easy on the way back.",
    "With Anna & Jürgen — next time earlier 😅",
    'First ride on new tyres. "Fast", they said.',
    "Интервалы: 5×1000, отдых 2 мин.",
    "  trailing spaces and a tab\t here  ",
    "https://example.invalid/route?id=1&x=%20",
)
ERAS = (  # the share of the span from which a device was in use; (watch, bike computer)
    (0.0, "Strava iPhone App", "Garmin Edge 500"),
    (0.2, "Garmin Forerunner 220", "Garmin Edge 520"),
    (0.45, "Garmin Forerunner 935", "Garmin Edge 530"),
    (0.7, "COROS PACE 3", "Wahoo ELEMNT ROAM"),
)


def name_of(sketch: Sketch, hour: int, rng: Random) -> str:
    """The title: a race's, one of its own, or the one Strava gives by the hour."""
    kind = sketch.sport.kind
    if sketch.race:
        return rng.choice(RACES[kind])
    if sketch.commute and rng.random() < 0.5:
        return "Zur Arbeit" if hour < 12 else "Feierabend 🍺"
    if not sketch.commute and rng.random() < 0.35:
        if sketch.place is HOME or sketch.sport.indoor:
            return rng.choice(BY_KIND.get(kind, OTHERS))
        return f"{rng.choice(ABROAD)} {sketch.place.city}"
    part = ("Night", "Morning", "Lunch", "Afternoon", "Evening", "Night")[
        (hour >= 4) + (hour >= 11) + (hour >= 14) + (hour >= 17) + (hour >= 21)
    ]
    return f"{part} {SPORT_WORDS.get(sketch.sport.name, sketch.sport.name)}"


def description_of(rng: Random) -> str | None:
    """What the athlete wrote, in some."""
    return rng.choice(DESCRIPTIONS) if rng.random() < 0.3 else None


def device_of(sketch: Sketch) -> str | None:
    """What recorded it; unknown for the oldest and for what was typed in."""
    if sketch.manual or sketch.share < 0.05:
        return None
    if sketch.sport.name == "VirtualRide":
        return "Zwift"
    era = [era for era in ERAS if era[0] <= sketch.share][-1]
    return era[2] if sketch.sport.rides else era[1]


def external_id_of(sketch: Sketch, rng: Random) -> str:
    """The name of the file that was uploaded, in the habit of its device."""
    device = device_of(sketch) or ""
    if device.startswith("Garmin"):
        return f"garmin_push_{rng.randrange(10**9, 10**10)}"
    if device == "Zwift":
        return f"zwift-activity-{rng.randrange(10**17, 10**18)}.fit"
    digits = f"{rng.getrandbits(128):032X}"
    return f"{'-'.join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))}-activity.fit"
