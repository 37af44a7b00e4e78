"""The access that the athlete takes away or that is given back: tried, noted, and nothing asked for after it."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from strava_pipeline.core.errors import (
    ForbiddenError,
    LoginServiceError,
    MissingSettingsError,
    NeedsLoginError,
    PipelineError,
    WrongApplicationError,
)
from strava_pipeline.ingest.http import make_wire
from strava_pipeline.ingest.strava.access import (
    forget_revocation,
    is_login_refused,
    new_address_health,
    note_revocation,
    revoked_at,
    withdraw_access,
)
from strava_pipeline.ingest.strava.oauth import OAuth, StoredToken, make_oauth
from strava_pipeline_tests.ingest.world import World

AT = datetime(2026, 3, 9, 23, 30, 1, 5, tzinfo=UTC)


def oauth(world: World, **more: Any) -> OAuth:
    settings, clock = world.settings.model_copy(update=more), world.clock()
    return make_oauth(settings, make_wire(settings, clock), clock)


def test_a_living_login_is_not_dead_and_its_new_pair_is_kept(world: World) -> None:
    before = world.store.load()
    assert is_login_refused(world.settings, world.clock()) is False
    after = world.store.load()
    assert after.refresh_token != before.refresh_token, "it was tried though the access token was still good"
    assert after.scope == before.scope
    assert is_login_refused(world.settings, world.clock()) is False, "the new one works"
    assert world.calls()["token"] == 3, "the login and the two"
    assert world.calls()["total"] == 0


def test_a_revoked_login_is_dead_and_stays_on_disk(world: World) -> None:
    before = world.store.load()
    world.order("revoke")
    assert is_login_refused(world.settings, world.clock()) is True
    after = world.store.load()
    assert after.refresh_token == before.refresh_token
    assert after.refused_at is not None


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "status": 503, "times": 3}, LoginServiceError),
        ({"kind": "reset", "times": 3}, LoginServiceError),
        ({"kind": "status", "status": 403}, WrongApplicationError),
        ({"kind": "status", "status": 403, "body": {}, "times": 3}, LoginServiceError),
    ],
)
def test_what_says_nothing_of_it_revokes_none(world: World, fault: dict[str, Any], kind: type[PipelineError]) -> None:
    before = world.store.load()
    world.fault("/oauth/token", **fault)
    with pytest.raises(kind):
        is_login_refused(world.settings, world.clock())
    assert world.store.load() == before


def test_a_mistyped_application_a_missing_and_a_damaged_login_are_no_revocation(world: World) -> None:
    wrong = world.settings.model_copy(update={"client_id": "999"})
    with pytest.raises(WrongApplicationError):
        is_login_refused(wrong, world.clock())
    world.store.path.write_text("{")
    with pytest.raises(NeedsLoginError, match="not a login file"):
        is_login_refused(world.settings, world.clock())
    world.store.path.unlink()
    with pytest.raises(MissingSettingsError):
        is_login_refused(world.settings, world.clock())


def test_the_note_is_kept_and_forgotten(world: World) -> None:
    assert revoked_at(world.settings) is None
    note_revocation(world.settings, AT)
    assert revoked_at(world.settings) == AT
    path = world.settings.data_dir / "state" / "revoked.json"
    assert json.loads(path.read_text()) == {"at": "2026-03-09T23:30:01.000005Z"}
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    forget_revocation(world.settings)
    forget_revocation(world.settings)
    assert revoked_at(world.settings) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"at": null}', '{"at": "soon"}', "{}", '{"at": 5}'])
def test_a_damaged_note_counts_from_when_it_was_written(world: World, content: str) -> None:
    note_revocation(world.settings, AT)
    path = world.settings.data_dir / "state" / "revoked.json"
    path.write_text(content)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert revoked_at(world.settings) == datetime.fromtimestamp(1_700_000_000, UTC)


def test_nothing_is_asked_of_strava_after_it(world: World) -> None:
    note_revocation(world.settings, AT)
    says = "access away on 2026-03-09. Strava asks that their data is then deleted: strava-pipeline purge"
    with pytest.raises(NeedsLoginError, match=re.escape(says)):
        world.connect()
    forget_revocation(world.settings)
    world.connect()


def test_access_that_is_given_back_is_gone_at_strava_and_noted(world: World) -> None:
    withdraw_access(world.settings, world.clock())
    assert revoked_at(world.settings) is not None
    assert world.foreign_call("/athlete").status_code == 401
    assert is_login_refused(world.settings, world.clock()) is True
    withdraw_access(world.settings, world.clock())


@pytest.mark.parametrize("resource", ["RefreshToken", "AccessToken"])
def test_a_token_that_is_dead_already_is_fine(world: World, resource: str) -> None:
    errors = [{"resource": resource, "field": "token", "code": "invalid"}]
    world.fault("/oauth/revoke", "status", status=400, body={"errors": errors})
    oauth(world).revoke(world.store.load().refresh_token)


@pytest.mark.parametrize(
    ("settings", "fault", "kind"),
    [
        ({}, {"kind": "status", "status": 503, "times": 3}, LoginServiceError),
        ({}, {"kind": "status", "status": 429, "times": 3}, LoginServiceError),
        ({}, {"kind": "reset", "times": 3}, LoginServiceError),
        ({}, {"kind": "status", "status": 403}, WrongApplicationError),
        ({}, {"kind": "status", "status": 404}, PipelineError),
        ({"client_id": "999"}, None, WrongApplicationError),
        ({"base_url": "http://192.0.2.1"}, None, ForbiddenError),  # never connected to
    ],
)
def test_access_that_could_not_be_given_back_is_told(
    world: World, settings: dict[str, Any], fault: dict[str, Any] | None, kind: type[PipelineError]
) -> None:
    if fault is not None:
        world.fault("/oauth/revoke", **fault)
    with pytest.raises(PipelineError) as caught:
        withdraw_access(world.settings.model_copy(update=settings), world.clock())
    assert type(caught.value) is kind
    assert not [secret for secret in world.secrets() if secret in str(caught.value)]
    assert revoked_at(world.settings) is None
    assert world.foreign_call("/athlete").status_code == 200


def test_what_passes_by_itself_is_tried_again(world: World) -> None:
    world.fault("/oauth/revoke", "status", status=503, times=2)
    withdraw_access(world.settings, world.clock())
    assert world.foreign_call("/athlete").status_code == 401


def test_a_real_login_is_not_sent_to_an_emulator(world: World) -> None:
    world.store.save(StoredToken({"refresh_token": "0123456789abcdef"}))
    with pytest.raises(ForbiddenError, match="nothing was sent"):
        withdraw_access(world.settings, world.clock())
    assert not [path for _, _, path, _ in world.calls()["log"] if "revoke" in path]


def test_a_login_that_is_forgotten_leaves_nothing_and_another_can_be_made(world: World) -> None:
    folder = world.store.path.parent
    (folder / ".strava_token.json.half").write_text("left by a process that died")
    (folder / "ca-bundle.pem").write_text("theirs")
    world.store.forget()
    assert [path.name for path in folder.iterdir()] == ["ca-bundle.pem"]
    world.log_in()
    assert is_login_refused(world.settings, world.clock()) is False


def test_from_2027_on_the_new_address_of_the_api_is_tried_without_a_token(world: World) -> None:
    settings = world.settings.model_copy(update={"api_url": "https://www.strava.com/api/v3"})
    dead, alive = "http://127.0.0.1:9", world.settings.base_url
    in_2027 = datetime(2027, 1, 4, tzinfo=UTC)
    assert new_address_health(settings, in_2027 - timedelta(seconds=1), [alive]) == []
    assert new_address_health(world.settings, in_2027, [alive]) == [], "another one is set"
    (found,) = new_address_health(settings, in_2027, [dead])
    assert found.state == "ok"
    (found,) = new_address_health(settings, in_2027, [dead, alive])
    assert (found.state, found.advice) == ("warning", f"Set STRAVA_API_URL={alive}, and look whether a `flow` works.")
    assert world.calls()["unauthorized"] == 1


def test_the_emulated_api_is_at_both_addresses(world: World) -> None:
    moved = world.settings.model_copy(update={"api_url": world.settings.base_url})
    assert world.connect(settings=moved).get("/athlete").json == world.connect().get("/athlete").json
