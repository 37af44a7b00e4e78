"""What others gave an activity: comments, kudos and photos, as many as its counts say. Their shapes: real answers of 2025.

Who and what is made up, by the activity's id, so that the same is said each time. A photo has no address: nothing serves it.
"""

import random
import uuid
from datetime import datetime, timedelta
from typing import Any

from strava_pipeline.emulator.wire import Json

_FIRST = ("Ada", "Björn", "Chidi", "Dolores", "Emre", "Fatima", "Grace", "Hiro", "Ines", "Jonas")
_TEXTS = ("Well done!", "Great ride", "What a view", "See you next week", "Strong!", "Où était-ce ?", "🚵 👏")


def comments(document: Json) -> list[Json]:
    """SummaryComment objects, `comment_count` of them, oldest first."""
    chance, began = _chance(document, "comments"), _start(document)
    return [
        {
            "id": chance.randrange(10**9, 10**10),
            "activity_id": document["id"],
            "post_id": None,
            "resource_state": 2,
            "text": chance.choice(_TEXTS),
            "mentions_metadata": None,
            "created_at": f"{began + timedelta(hours=2 + place):%Y-%m-%dT%H:%M:%SZ}",
            "cursor": None,
            "athlete": _athlete(chance),
            "reaction_count": 0,
            "has_reacted": False,
        }
        for place in range(_count(document, "comment_count"))
    ]


def kudos(document: Json) -> list[Json]:
    """SummaryAthlete objects, `kudos_count` of them."""
    chance = _chance(document, "kudos")
    return [_athlete(chance) for _ in range(_count(document, "kudos_count"))]


def photos(document: Json) -> list[Json]:
    """Photo objects, `total_photo_count` of them; the first one is that of the detail, if it has one."""
    chance, began = _chance(document, "photos"), _start(document)
    primary = (document.get("photos") or {}).get("primary") or {}
    return [
        {
            "unique_id": primary.get("unique_id") if place == 0 and primary else _unique(chance),
            "athlete_id": (document.get("athlete") or {}).get("id"),
            "activity_id": document["id"],
            "activity_name": document.get("name"),
            "resource_state": 2,
            "caption": "",
            "type": 1,
            "source": 1,
            "created_at": f"{began + timedelta(minutes=10 * place):%Y-%m-%dT%H:%M:%SZ}",
            "urls": {},
            "default_photo": place == 0,
        }
        for place in range(_count(document, "total_photo_count"))
    ]


def _count(document: Json, name: str) -> int:
    value = document.get(name)
    return value if isinstance(value, int) and value > 0 else 0


def _chance(document: Json, what: str) -> random.Random:
    return random.Random(f"{document['id']} {what}")


def _start(document: Json) -> datetime:
    return datetime.fromisoformat(str(document["start_date"]))


def _athlete(chance: random.Random) -> dict[str, Any]:
    return {
        "resource_state": 2,
        "firstname": chance.choice(_FIRST),
        "lastname": f"{chance.choice('ABCDEFGHKLMNPRSTW')}.",
    }


def _unique(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4)).upper()
