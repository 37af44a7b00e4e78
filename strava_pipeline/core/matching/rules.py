"""The weights and limits for deciding whether two activities are one: a table, with the reason for each. Nothing else.

A change of one needs a higher `VERSION`: every pair is then judged again.
"""

from dataclasses import dataclass
from datetime import time

VERSION = 11


HIDDEN = time(0, 0, 1)  # what Strava shows where an athlete hides a start
NOON = time(12)  # what a table says of a day where its author writes none, or what a spreadsheet's form begins with


@dataclass(frozen=True, slots=True)
class Rule:
    """`value` in `unit`, and its reason."""

    value: float
    unit: str
    reason: str


# The weight of each kind of evidence. Evidence that one source lacks is left out, and the other kinds weigh more.
TIME = Rule(45, "points", "nobody records two activities at one time; nothing else distinguishes equal commutes")
DISTANCE = Rule(25, "points", "devices differ by some per cent, other activities by more")
PLACE = Rule(20, "points", "who rides at that time elsewhere is somebody else")
SPORT = Rule(10, "points", "people correct it afterwards, and devices guess it")
COMPATIBLE = Rule(0.8, "of its points", "a sport of the same family: a Ride that was edited to a GravelRide")
UNSAID = Rule(0.5, "of its points", "a device's `Workout` may be anything")

# The limit at which each kind of evidence is worth nothing.
LEAST_TOGETHER = Rule(0.5, "of the longer one's time", "half an activity is another one, or a part of it")
MOST_DISTANCE = Rule(
    0.10, "of the longer distance", "phone and watch in a city differ by up to 5 per cent, cut ones by more"
)
MOST_PLACE = Rule(1_000, "m", "who presses start a minute later has ridden half a kilometre")

# The verdicts.
PROBABLE = Rule(75, "points of 100", "watch and phone, a minute and 2 per cent apart, come to 85")
DOUBTFUL = Rule(30, "points of 100", "of a cropped one only place and sport are left")
PROBABLE_TOGETHER = Rule(0.85, "of the longer one's time", "less is a part, or somebody who rode ten minutes later")
DOUBTFUL_TOGETHER = Rule(0.5, "of the shorter one's time", "a cropped activity lies within its file")
SAME_START = Rule(15, "s", "two readings of one recording: lock and first point are some seconds apart")
SAME_END = Rule(0.01, "of the longer one's time", "a pause at the end is counted by one and not by the other")
WRITTEN_DISTANCE = Rule(0.02, "of the longer distance", "who writes a day alone writes what one of their devices shows")
WRITTEN_METRES = Rule(90, "m", "and rounds it to a decimal of a mile")
WRITTEN_MINUTE = Rule(120, "s", "a minute without its seconds, and a second watch that was started later")
WRITTEN_LENGTH = Rule(0.02, "of the longer one's time", "with or without the pause at the end")
WRITTEN_SECONDS = Rule(60, "s", "a length to the minute")
EXACT = Rule(2, "s at the start and at the end", "one recording, rounded; two people never press both so exactly")
FIRST_LENGTH = Rule(
    60, "s at the start of a swim", "some programs begin at the first point, the end of the first length"
)
EXACT_PLACE = Rule(100, "m", "where GPS finds the first point")
UNLIKE_DISTANCE = Rule(
    0.3, "of the longer distance", "on a short course the sum over GPS points exceeds a pod's by 15 per cent"
)
EXACT_DISTANCE = Rule(0.002, "of the longer distance", "one recording, summed up by two programs")
ELSEWHERE = Rule(5_000, "m", "at one time in two places: two athletes")
ANOTHER_HEART = Rule(3, "bpm of the mean", "the same beats, averaged with or without pauses, differ by 2")
SAME_HEART = Rule(1.5, "bpm of the mean, and twice as much of the highest", "one strap, two devices")
ANOTHER_MAXIMUM = Rule(8, "bpm of the highest", "one optical sensor's spike")

# Two rows of one service: its account is one athlete's, whatever heart and name two devices give.
TWICE_TOGETHER = Rule(0.90, "of the longer one's time", "two devices are started and stopped within minutes")
TWICE_DISTANCE = Rule(
    0.05, "of the longer distance", "a watch and a bike computer of one ride differ by up to 4 per cent"
)

INDOORS_TOGETHER = Rule(0.98, "of the longer one's time", "a trainer's program and a watch, of which one is paused")
INDOORS_START = Rule(60, "s", "who has started the one starts the other")

# One sensor, heard by two devices: nobody else has its values.
SAME_SERIES = Rule(0.90, "of the common seconds", "each device writes a value a second earlier or later")
SAME_BEAT = Rule(1, "bpm", "services round")
SAME_WATT = Rule(1, "W", "services round")
LEAST_BEATS = Rule(600, "s with a value in both", "two hearts are alike for some minutes")
LEAST_VALUES = Rule(10, "values", "what stands still is everybody's")
LEAST_MOVES = Rule(0.05, "of the seconds another than before", "a step of a workout is everybody's who rides it")
NEAR_BEAT = Rule(5, "bpm", "a strap and a wrist differ by less, most of the time")
ONE_HEART = Rule(
    0.5, "of the common seconds near", "a sensor that lies does so for a while; a partner's heart is another one"
)

# The legs of a whole: at least two, one after the other.
LEGS_TIME = Rule(0.80, "of the whole's time", "what lies between them is changing, not another leg")

# One recording in two files, by the points of both.
SAME_PLACE = Rule(
    1.5, "m", "programs round positions by up to a metre; side by side is up to 15 m, so a wider limit joins two people"
)
SAME_SECONDS = Rule(0.95, "of the common seconds", "copies share all; two watches on one runner share 0.005 of them")
LEAST_SECONDS = Rule(20, "s with a place in both", "who waits at one traffic light is at one place for less")
LEAST_SHARED = Rule(
    0.5, "of the seconds of the one with fewer", "files thinned by one program share all, other devices' few"
)
LEAST_WAY = Rule(100, "m from the first place", "everybody in one room is at one place")
MOST_OF_THE_WAY = Rule(
    0.1, "of the seconds that far away", "one stray position of a receiver that stands still is no way"
)
CONTAINED = Rule(
    0.95,
    "of the shorter one's time",
    "of two that overlap, one shown for both would hide the other's first or last hour",
)
WHOLE = Rule(0.95, "of the longest one's time", "a file that was cut is not shown in place of the whole one")

# A common name (an upload's number, a file's name) makes a pair certain unless the times contradict it.
NAMED_TOGETHER = Rule(
    0.5, "of the time of what is numbered", "a cropped activity lies within its file, a lap's file within its activity"
)
CLOCK_STEP = Rule(900, "s", "zones differ by quarters of an hour: a clock that is wrong by a zone")
CLOCK_SPREAD = Rule(5, "s", "the rest of such a shift")
MOST_SHIFT = Rule(14 * 3600, "s", "a local clock taken for UTC: from UTC-12 to UTC+14")
SHIFTED_PLACE = Rule(100, "m", "a shifted clock alone proves nothing: everything else must be the same")
SHIFTED_DISTANCE = Rule(
    0.005, "of the longer distance", "a shifted clock alone proves nothing: everything else must be the same"
)

# Limits that keep nonsense from costing hours: a thousand files with a dead clock all begin at one moment.
CROWD = Rule(50, "activities within six hours", "more than that at one time is a wrong clock, not an athlete")
COMMON_NAME = Rule(10, "activities of one name", "`activity.gpx` names nothing")
LONGEST = Rule(8 * 86_400, "s", "of a longer activity only the first days count")
