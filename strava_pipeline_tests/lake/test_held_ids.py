"""Of whom earlier imports hold activities that Strava has not numbered: of each source, and never of what came later."""

from collections.abc import Mapping

from strava_pipeline.lake.imports.activities import EarlierIds, write_activities
from strava_pipeline.lake.imports.manifests import Import, ImportManifest, land_import
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import HOUR, NOW, YEARS, activity
from strava_pipeline_tests.lake.imports import Made, a_file


def an_import(lake: Lake, number: int, athletes: Mapping[str, int], *activities: Made, role: str = "list") -> Import:
    files = [a_file(sha256=f"{number:064}", role=role)]
    manifest = ImportManifest(
        came_as="a", kind="zip", received_at=NOW + number * HOUR, athletes=dict(athletes), files=files
    )
    one = land_import(lake, manifest)
    write_activities(lake, one, activities, [], NOW, YEARS)
    return one


def recorded(activity_id: int, source: str = "file", athlete_id: int | None = None) -> Made:
    named = {} if athlete_id is None else {"athlete": {"id": athlete_id}}
    return Made(
        source,
        activity_id,
        {**{key: value for key, value in activity(activity_id).items() if key != "athlete"}, **named},
    )


def test_of_whom_an_id_is_held_before_an_import(lake: Lake) -> None:
    came = [
        an_import(lake, 0, {"activities.csv": 1}, recorded(-5), recorded(-6, "strava_archive"), recorded(5)),
        an_import(lake, 1, {"one": 1, "two": 2}, recorded(-5, athlete_id=2), recorded(-7)),
        an_import(lake, 2, {}, recorded(-8, "strava_json", athlete_id=3), role="objects"),
        an_import(lake, 3, {}, recorded(-5), role="activity"),
    ]
    held = EarlierIds(lake, came)
    for number in (4, 0, 1, 2, 3):  # in whatever order imports ask
        before = held.before(number)
        assert before("file", -5) == [frozenset(), {1}, {1, 2}, {1, 2}, {1, 2}][number]
        assert before("strava_archive", -6) == (frozenset() if number == 0 else {1})
        assert before("strava_json", -8) == ({3} if number > 2 else frozenset())
        for source, other in (("file", -7), ("file", 5), ("file", -6), ("running_page", -5)):
            assert before(source, other) == frozenset()
