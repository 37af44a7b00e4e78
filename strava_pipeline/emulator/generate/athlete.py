"""The athlete as a document: DetailedAthlete from the configuration and the gear.

Serves generated worlds and datasets alike; a dataset brings its own athlete id.
"""

from strava_pipeline.emulator.config import EmulatorConfig
from strava_pipeline.emulator.generate.gear import summary_gear
from strava_pipeline.emulator.wire import Json

AVATAR = "https://example.invalid/athletes/avatar/{size}.jpg"  # RFC 2606: a host that never exists


def detailed_athlete(config: EmulatorConfig, athlete_id: int, gear: list[Json]) -> Json:
    """What GET /athlete answers."""
    created = f"{config.years[0]}-01-01T08:15:30Z"
    return {
        "id": athlete_id,
        "username": config.username,
        "resource_state": 3,
        "firstname": config.firstname,
        "lastname": config.lastname,
        "bio": "Made up by an emulator.",
        "city": "Berlin",
        "state": "Berlin",
        "country": "Germany",
        "sex": config.sex,
        "premium": True,
        "summit": True,
        "created_at": created,
        "updated_at": config.now.strftime("%Y-%m-%dT00:00:00Z"),
        "badge_type_id": 1,
        "weight": config.weight,
        "profile_medium": AVATAR.format(size="medium"),
        "profile": AVATAR.format(size="large"),
        "friend": None,
        "follower": None,
        "blocked": False,
        "can_follow": True,
        "follower_count": 87,
        "friend_count": 64,
        "mutual_friend_count": 0,
        "athlete_type": 1,
        "date_preference": "%d/%m/%Y",
        "measurement_preference": config.measurement_preference,
        "clubs": [],
        "postable_clubs_count": 0,
        "ftp": config.ftp,
        "bikes": [summary_gear(item) for item in gear if str(item["id"]).startswith("b")],
        "shoes": [summary_gear(item) for item in gear if not str(item["id"]).startswith("b")],
    }
