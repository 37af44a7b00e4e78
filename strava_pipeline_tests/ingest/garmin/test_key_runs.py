"""Runs with Garmin's key: a folder that knew the other login, and the end of a key in `status`, `doctor` and notifications."""

import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import UndecidedError
from strava_pipeline.ingest.garmin.client import login_files
from strava_pipeline.ingest.garmin.key_tokens import token_file
from strava_pipeline.ingest.garmin.keys import key_file, save_key
from strava_pipeline.ingest.garmin.personal import LARGEST_PAGE
from strava_pipeline.ingest.garmin.record import SPEC
from strava_pipeline.ingest.garmin.tokens import tokens_file
from strava_pipeline.ingest.registry import kept_login, login_command, missing_login, offered
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.notifications import mark_notifications, notifications
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.changes.parties import comparing
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.provider_access import plan_providers, possible_providers
from strava_pipeline.operations.providers import list_provider_activities
from strava_pipeline.operations.source import Source
from strava_pipeline.testing.edits import Edited
from strava_pipeline_tests.facts import facts_of
from strava_pipeline_tests.ingest.garmin.subject import GEAR
from strava_pipeline_tests.present import there
from strava_pipeline_tests.providers.worlds import World, five

BY_KEY = pytest.mark.parametrize("world", ["garmin_by_key"], indirect=True)


def listed(world: World, mode: Any = "incremental") -> dict[str, Any]:
    """What the step that lists says, after its rows were merged."""
    run = world.run()
    source = Source("garmin", world.settings, run)
    report = list_provider_activities(
        run, source, ListingOptions(mode=mode, per_page=50, days=None), [2025], asset="listing"
    )
    world.merge(run)
    return {**report.metadata}


@pytest.mark.dear
@pytest.mark.parametrize("world", ["garmin"], indirect=True)
def test_a_folder_of_the_unofficial_login_goes_on_with_a_key(world: World) -> None:
    keys = [world.subject.add(f"2026-02-{day}", f"ride {day}") for day in range(20, 25)]
    for _ in ("all of it", "what is new, with its gear"):
        listed(world)
    world.fetch_files()
    before = world.gold("SELECT id, source_id FROM activities ORDER BY id")
    watermark = world.gold("SELECT count(*) FROM activities")
    assert (len(before), len(world.asked_for_files()), watermark) == (5, 5, [(5,)])
    gear = world.gold("SELECT DISTINCT gear_id FROM activities")
    assert gear == [(GEAR,)]

    garmin = world.subject.garmin
    world.settings = world.settings.model_copy(update={"garmin_personal_api_base_url": world.subject.url})
    save_key(world.settings, garmin.make_key(), None)
    (world.settings.secrets_dir / "garmin_tokens.json").unlink()
    world.subject.clock.advance(86_400)
    new = world.subject.add("2026-02-27", "new")
    said = listed(world)
    world.fetch_files()
    assert garmin.minute.calls > 0
    assert said["gear_answers"] == 0
    assert "first_problems" not in said
    after = world.gold("SELECT id, source_id FROM activities ORDER BY id")
    assert {row for row in after if row[1] != new} == {*before}
    assert len(after) == 6
    assert world.asked_for_files() == [*world.asked_for_files()[:5], new]
    assert {*world.asked_for_files()[:5]} == {*keys}
    by_gear = world.gold("SELECT gear_id, count(*) FROM activities GROUP BY ALL ORDER BY 2")
    assert by_gear == [(None, 1), (GEAR, 5)], "what was known of gear stays"
    world.pull("all", per_page=50)
    assert world.gold("SELECT count(*) FROM deleted_activities") == [(0,)]
    changed = world.gold("SELECT DISTINCT changed_fields FROM activity_history WHERE version > 1 ORDER BY 1")
    assert changed == [(["extra"],), (["gear_id"],)], "late gear, and the fewer fields of the official API"


@BY_KEY
def test_the_comments_and_names_of_others_are_in_no_table(world: World) -> None:
    five(world.subject)
    world.pull()
    (extra,) = world.gold("SELECT string_agg(extra::VARCHAR) FROM activities")[0]
    assert not any(word in extra for word in ("somebody", "owner", "comments"))
    assert world.gold("SELECT DISTINCT manual FROM activities") == [(False,)]


@pytest.mark.slow
@BY_KEY
def test_who_approves_is_told_that_a_key_only_reads_and_a_run_proposes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_login = tokens_file(world.settings)
    other_login.parent.mkdir(exist_ok=True)
    other_login.write_text(json.dumps(world.subject.tokens))
    one = Edited(world, monkeypatch, 2, "[changes]\nadd_activities = false\n")
    other_login.unlink()
    with pytest.raises(
        UndecidedError, match=r"Nothing was decided: .* read-only with a key; log in .* providers login garmin"
    ):
        one.decide()
    assert [*one.by_state()] == ["proposed"]
    one.decide("rejected")
    choices, told = world.settings.providers_config, []
    for written in (choices.read_text(), re.sub(r"\nwrite = .*", "", choices.read_text())):
        choices.write_text(written)
        with reading(world.run().lake) as connection:
            every = comparing(world.settings, world.run().now()).parties(connection, ["2026-02"])
        told += [(bool(each.obstacle), each.edits) for each in every if each.name == "garmin"]
    assert told == [(True, set()), (False, set())], "what can't be changed is no difference to mend"


@BY_KEY
def test_a_plan_and_a_list_of_services_say_what_a_key_gives(world: World) -> None:
    for day in range(1, 29):
        for month in (1, 2, 3):
            world.subject.add(f"2025-{month:02}-{day:02}", "ride")
    world.pull("year", 2025, per_page=200, matched=False)
    calls = len(world.asked())
    settings = world.settings.model_copy(update={"per_page": 200})
    assert plan_providers(world.run(), settings, [2025])["garmin"].listing_calls == calls == 3
    assert offered("garmin", settings).rows_a_call == LARGEST_PAGE - 5
    one = possible_providers(world.settings)["garmin"]
    assert (one.capabilities, one.edits, one.kinds) == (["files", "windows"], [], ["wellness"])
    key_file(settings).unlink()
    assert offered("garmin", settings) == SPEC


def end_on(world: World, days: int) -> date:
    """Have a key that ends in so many days."""
    day = world.subject.clock.now().date() + timedelta(days=days)
    save_key(world.settings, world.subject.secret, day)
    return day


@BY_KEY
@pytest.mark.parametrize(
    ("days", "state", "words"),
    [
        (15, "ok", "login by key, read-only, until {}"),
        (14, "warning", "The login at Garmin Connect (by key, read-only) ends on {}."),
        (-1, "warning", "The login at Garmin Connect (by key, read-only) ended on {}."),
    ],
)
def test_doctor_warns_of_a_key_s_end_from_two_weeks_before(world: World, days: int, state: str, words: str) -> None:
    day = end_on(world, days)
    (found,) = facts_of(world.settings, "garmin", "login", world.run().now())
    assert (found.state, words.format(day) in found.text) == (state, True)
    assert world.subject.secret not in repr(found)


@BY_KEY
def test_doctor_names_the_key_of_garmin_s_own_client_where_others_can_read_it(world: World, tmp_path: Path) -> None:
    own = tmp_path / "connect-personal-api-key"
    own.write_text(world.subject.secret)
    own.chmod(0o644)
    world.settings = world.settings.model_copy(update={"garmin_personal_api_key_file": own})

    def states() -> set[str]:
        found = facts_of(world.settings, "garmin", "login")
        return {each.state for each in found if f"{own} can be read by other users" in each.text}

    assert states() == set(), "another key is used"
    key_file(world.settings).unlink()
    assert states() == {"problem"}
    own.chmod(0o600)
    assert states() == set()


@BY_KEY
def test_a_notification_says_once_that_a_key_ends(world: World) -> None:
    lake = Lake(world.settings.data_dir)
    end_on(world, 20)
    listed(world)
    assert notifications(lake) == []
    day = end_on(world, 14)
    for _ in range(3):
        world.subject.clock.advance(86_400)
        listed(world)
    (made,) = notifications(lake)
    assert made.category == "warning"
    assert f"ends on {day}" in made.message
    assert made.message.count("personalApiToken") == 1
    assert made.link == "strava-pipeline providers login garmin --key"
    mark_notifications(lake, "cleared", [made.id])
    world.subject.clock.advance(86_400)
    listed(world)
    assert len(notifications(lake)) == 1, "a key that is not replaced is said again on another day"


@BY_KEY
def test_a_token_of_a_part_of_a_day_says_that_its_key_ends(world: World) -> None:
    world.subject.garmin.life = 7_200
    token_file(world.settings).unlink()
    listed(world)
    assert there(kept_login("garmin", world.settings)).ends_on == world.subject.clock.now().date()


@pytest.mark.parametrize(
    ("world", "more", "shown"),
    [
        ("garmin", lambda world: None, "login by the unofficial API of Garmin's app"),
        (
            "garmin_by_key",
            lambda world: save_key(world.settings, "k", date(2999, 5, 1)),
            "login by key, read-only, until",
        ),
        ("garmin_by_key", lambda world: save_key(world.settings, "k", date(2020, 5, 1)), "ended on 2020-05-01."),
    ],
    indirect=["world"],
)
def test_the_fact_of_the_login_names_its_way_and_end(world: World, more: Callable[[World], object], shown: str) -> None:
    more(world)
    assert missing_login("garmin", world.settings) is None
    (login,) = facts_of(world.settings, "garmin", "login")
    assert shown in login.text
    assert login.values["way"] in shown or shown.startswith("ended")
    assert f"{login.text} {login.advice}".count("Make a new key") == shown.startswith("ended"), "once"
    assert login_command("garmin", world.settings).endswith("--key") == ("unofficial" not in shown)
    for kept in login_files(world.settings):
        kept.unlink()
    assert login_command("garmin", world.settings).endswith("--key"), "the way for who has none"
