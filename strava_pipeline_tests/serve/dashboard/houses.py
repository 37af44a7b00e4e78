"""A house for tests: two athletes with folders of their own, which share ids, and accounts of a dashboard for both."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from starlette.testclient import TestClient

from strava_pipeline.core.changes.records import Change
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.changes import record_proposals
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.imports.files import store_durably
from strava_pipeline.lake.notifications import notifications, notify
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import PullWanted, keep_request
from strava_pipeline.lake.user_files import seal_of_goals
from strava_pipeline.operations.dashboard import DashboardPipeline
from strava_pipeline.serve.dashboard import passwords
from strava_pipeline.serve.dashboard.athletes_app import build_house
from strava_pipeline.serve.dashboard.records.accounts import Accounts
from strava_pipeline.serve.dashboard.records.store import Account, Role, Token
from strava_pipeline.serve.dashboard.site import Site
from strava_pipeline.serve.house_settings import house_settings
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.lake.test_routes import PLANTED, follow, way
from strava_pipeline_tests.pmtiles import write_region
from strava_pipeline_tests.serve.dashboard.conftest import ADDRESS, begin_records

NOW = datetime(2025, 7, 1, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"
SHARED, OWN = 1, 7  # the ids of an activity that both have, and of one that only the first has
MARKS = {"anna": "Wildbach", "bob": "Seerunde"}  # in every name that an athlete's folder has
PICTURE = b"\xff\xd8\xff\xe0 a picture"


@dataclass
class HouseInUse:
    """A dashboard of two athletes. `ids`: what only anna's folder has, by the name of a route's parameter."""

    settings: Settings
    ids: Mapping[str, str] = field(default_factory=dict)
    time: datetime = NOW
    behind_proxy: bool = False
    dagster: str | None = None
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        found = house_settings(self.settings)
        assert found is not None
        self.served = found
        begin_records(found)
        self.app = self.another()

    def another(self) -> FastAPI:
        """The application in another process, as far as anything is kept in one."""
        return build_house(
            self.served,
            DashboardPipeline,
            now=lambda: self.time,
            behind_proxy=self.behind_proxy,
            dagster=self.dagster,
            say=self.lines.append,
        )

    @property
    def site(self) -> Site:
        site: Site = self.app.state.site
        return site

    @property
    def accounts(self) -> Accounts:
        assert self.site.house is not None
        return self.site.house.accounts

    def lake(self, athlete: str) -> Lake:
        return Lake(self.served.data_dir / athlete / "data")

    def add(self, name: str, role: Role = "athlete", athlete: str | None = None) -> None:
        """An account that can log in by PASSWORD."""
        self.accounts.add(Account(name, role, athlete, argon2=passwords.hash_of_password(PASSWORD)), self.time)

    def browser(self, account: str | None = None, app: FastAPI | None = None) -> TestClient:
        """A browser, which has logged in to the account; its requests come from the dashboard's own pages."""
        client = TestClient(app or self.app, ADDRESS, raise_server_exceptions=False, follow_redirects=False)
        client.headers["Sec-Fetch-Site"] = "same-origin"
        if account is not None:
            token = self.accounts.begin_session_of(self.accounts.known(account), self.time)
            client.cookies.set(self.site.cookie, token, path="/")
            session = self.accounts.session(token, self.time)
            assert session is not None
            client.headers["X-CSRF-Token"] = session.csrf_token
        return client

    def later(self, **span: float) -> None:
        self.time += timedelta(**span)


@contextmanager
def cheap_passwords() -> Iterator[None]:
    """Hashes that take no time; what each costs stands in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        passwords.hash_of_nobody.cache_clear()
        yield
    passwords.hash_of_nobody.cache_clear()


def settings_of_house(folder: Path, **more: object) -> Settings:
    """ATHLETES_DIR is `folder`/athletes, in which anna and bob are registered."""
    home = folder / "athletes"
    for name in MARKS:
        (home / name).mkdir(parents=True)
    (home / "athletes.toml").write_text("".join(f"[{name}]\n" for name in MARKS))
    places = {"data_dir": folder / "data", "secrets_dir": folder / "secrets", "athletes_dir": home}
    return Settings.load(_env_file=None, dashboard_address="127.0.0.1:8723", **places, **more)


def fill(lake: Lake, mark: str, new_lake: NewLake, *, is_first: bool) -> dict[str, str]:
    """Give a folder one of everything that a page shows, with `mark` in each name; the first has ids of its own beside."""
    new_lake(lake.data_dir)
    day = "05" if is_first else "06"
    numbers = [SHARED, OWN] if is_first else [SHARED]
    digest = store_durably(lake, PICTURE + mark.encode())
    photo = {"extra": f'{{"archive": {{"media": ["{mark}.jpg"]}}}}'}
    rows = [
        activity(n, f"2025-{day}-{n:02}T08:00", name=f"{mark} {n}", gear_id=f"b{n}", source_id=str(n), **photo)
        for n in numbers
    ]
    put(lake, rows)
    put(lake, [{"source": "strava", "gear_id": f"b{n}", "name": mark} for n in numbers], "gear")
    put(lake, [{"athlete_id": ME, "fetched_at": "2024-01-01", "firstname": mark}], "athlete")
    file = {"sha256": digest, "name": f"{mark}.jpg", "names": [f"{mark}.jpg"], "role": "media", "size": 20}
    put(lake, [file], "files")
    for n in numbers:
        recorded = {"sha256": store_durably(lake, f"{mark} {n}".encode()), "name": f"{mark} {n}.fit", "names": []}
        of_device = {"role": "activity", "kind": "activity", "recordings": 1, "source": "strava", "source_id": str(n)}
        put(lake, [{**recorded, **of_device}], "files")
        efforts = {"activity_id": n, "athlete_id": ME, "source": "strava", "effort_index": 1}
        segment = {"segment_id": n, "segment_name": mark, "name": mark, "elapsed_time": 61}
        put(lake, [{**efforts, **segment}], "activity_segment_efforts")
        way(lake, n, datetime(2025, int(day), n, 8, tzinfo=UTC), PLANTED[5 if n == SHARED else 9][0])
    follow(lake, 2025)
    publish(lake)
    lake.widgets.mkdir(exist_ok=True)
    (lake.widgets / f"{mark.lower()}.sql").write_text(f"-- title: {mark}\nSELECT '{mark}' AS name")
    lake.maps.mkdir(exist_ok=True)
    write_region(lake.maps / f"{mark}.pmtiles")
    change = Change(kind="update_name", provider="strava", month=f"2025-{day}", source_id="1", old="x", new=mark)
    record_proposals(lake, [(change, 1)], [], NOW)
    notify(lake, "error", f"{mark} failed", NOW)
    request = keep_request(lake, PullWanted(kind="pull", provider="strava"), NOW, mark)
    (note,) = notifications(lake)
    dropped = lake.inbox_files / f"{mark}.fit"
    dropped.parent.mkdir(parents=True, exist_ok=True)
    dropped.write_bytes(b"x")
    return {
        "dropped": dropped.name, "seal": seal_of_goals(lake), "change_id": change.id, "request_id": request.id,
        "notification_id": note.id, "digest": digest, "widget": mark.lower(), "name": f"{mark}.pmtiles",
    }  # fmt: skip


@contextmanager
def house_in(folder: Path, new_lake: NewLake) -> Iterator[HouseInUse]:
    """A house with data, and the accounts mother (of anna), father (of bob), ada, an admin without an athlete, and guest (of bob)."""
    settings = settings_of_house(folder)
    with cheap_passwords():
        made = HouseInUse(settings)
        ids = {name: fill(made.lake(name), mark, new_lake, is_first=name == "anna") for name, mark in MARKS.items()}
        made.ids = ids["anna"] | {"activity_id": str(OWN), "segment_id": str(OWN), "route_id": str(OWN)}
        made.add("mother", athlete="anna")
        made.add("father", athlete="bob")
        made.add("ada", "admin")
        made.add("guest", athlete="bob")
        made.accounts.add_token(Token("of anna", "read"), made.time, athlete="anna")
        yield made
        made.site.records.close()
