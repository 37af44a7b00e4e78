"""The small CSVs beside the list: whose it is, the gear, the pictures, and some that hold nothing but their header.

In English whatever the list's language is; nobody reads more of them than places.
"""

import csv
import io
from collections.abc import Sequence

from strava_pipeline.emulator.wire import Json

_EMPTY = {
    "blocks.csv": ["Blocked Athlete ID", "Created At"],
    "clubs.csv": ["Club Name", "Club Description", "Club Type", "Club Sport", "City", "Country", "State"],
    "comments.csv": ["Comment Date", "Comment"],
    "components.csv": ["Bike Name", "Component Type", "Component Brand", "Component Model"],
    "followers.csv": ["Follower Athlete ID", "Follow Status", "Created At"],
    "goals.csv": ["Goal Type", "Activity Type", "Goal", "Start Date", "End Date", "Segment ID", "Time Period"],
    "reactions.csv": ["Reaction Date", "Reaction Type", "Parent Type", "Parent ID"],
    "routes.csv": ["Route Name", "Route Filename"],
    "segments.csv": ["Segment Name", "Activity ID", "Starting Latitude", "Starting Longitude"],
}


def sides(athlete: Json, gear: Sequence[Json], pictures: Sequence[str]) -> dict[str, bytes]:
    """The files by name."""
    return {
        "profile.csv": _profile(athlete),
        "bikes.csv": _gear("Bike", [item for item in gear if str(item["id"]).startswith("b")]),
        "shoes.csv": _gear("Shoe", [item for item in gear if not str(item["id"]).startswith("b")]),
        "media.csv": _text([["Media Filename", "Media Caption"], *([name, ""] for name in pictures)]),
        **{name: _text([header]) for name, header in _EMPTY.items()},
    }


def _profile(athlete: Json) -> bytes:
    header = ["Athlete ID", "Email Address", "First Name", "Last Name", "Sex", "Description", "Weight", "City", "State"]
    fields = ["firstname", "lastname", "sex", "bio", "weight", "city", "state"]
    return _text([header, [athlete["id"], "athlete@example.invalid", *(athlete.get(name, "") for name in fields)]])


def _gear(what: str, items: Sequence[Json]) -> bytes:
    header = [f"{what} {each}" for each in ("Name", "Brand", "Model", "Default Sport Types")]
    rows = [
        [item.get("nickname") or item.get("name", ""), item.get("brand_name", ""), item.get("model_name", ""), ""]
        for item in items
    ]
    return _text([header, *rows])


def _text(rows: Sequence[Sequence[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()
