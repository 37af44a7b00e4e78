"""Sources that packages of somebody else bring, as they are installed: a folder with the package and its metadata."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import UnusableSourceError, declared_sources, refused_sources
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.ingest.registry import connect, login_traces, missing_login, provider_names
from strava_pipeline.ingest.webhook_secrets import senders
from strava_pipeline.operations.provider_access import possible_providers
from strava_pipeline.orchestrate.build import build_defs
from strava_pipeline_tests.facts import facts_of
from strava_pipeline_tests.present import there
from strava_pipeline_tests.providers.toy_service import NOW

ROOT = Path(__file__).resolve().parents[2]
RECORD = """
from strava_pipeline.core.providers import ProviderRow, ProviderSpec, page_reader
from strava_pipeline.core.start_times import read_start, start_fields

SPEC = ProviderSpec(
    name="acme",
    title="Acme",
    link=None,
    precedence=8,
    priority=8,
    read_page=page_reader("acme", lambda page: page, lambda row: ProviderRow(row["id"], start_fields(read_start(row["at"]), None))),
    capabilities=frozenset({"windows"}),
)
"""
CLIENT = """
from pydantic import Field, SecretStr

from strava_pipeline.core.errors import MissingSettingsError
from strava_pipeline.environment.settings import SourceSettings

LOGIN_SETTINGS = ("ACME_KEY",)


class AcmeSettings(SourceSettings):
    key: SecretStr | None = Field(None, alias="ACME_KEY")


def login_files(settings):
    return []


def connect(settings, clock, on_wait):
    if AcmeSettings.load().key is None:
        raise MissingSettingsError("ACME_KEY is not set. Ask Acme for a key.")
    raise AssertionError("nothing is asked here")
"""


def installed(
    folder: Path, name: str = "acme", record: str = RECORD, client: str = CLIENT, distribution: str = "acme-source"
) -> Path:
    """A package with a source `name`, as an installer leaves it in `folder`."""
    package = folder / f"{distribution.replace('-', '_')}"
    package.mkdir(parents=True)
    for module, text in (("__init__", ""), ("record", record), ("client", client)):
        (package / f"{module}.py").write_text(text)
    metadata = folder / f"{package.name}-1.2.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    (metadata / "entry_points.txt").write_text(f"[strava_pipeline.sources]\n{name} = {package.name}\n")
    return folder


@pytest.fixture(autouse=True)
def unread() -> Iterator[None]:
    """No record is known yet, and none stays."""
    spec_of.cache_clear()
    yield
    spec_of.cache_clear()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    folders = {name: tmp_path / name for name in ("data_dir", "secrets_dir", "logs_dir", "ledger_dir", "dagster_home")}
    found = Settings.load(_env_file=None, **folders, providers_config=tmp_path / "providers.toml")
    found.providers_config.write_text("[providers.acme]\nenabled = true\n")
    for name, value in found.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return found


def look(settings: Settings, path: Path | str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, which finds what is installed in `path`, too."""
    return subprocess.run(
        [sys.executable, *command],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(settings.data_dir.parent),
            "PYTHONPATH": str(path),
            **settings.environ(),
        },
        cwd=settings.data_dir.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


DEFINITIONS = """
from strava_pipeline.definitions import defs
print("acme" in {each.name for each in defs.resolve_all_job_defs()})
"""


@pytest.mark.dear
def test_a_process_has_the_source_of_a_package_that_is_installed(settings: Settings, tmp_path: Path) -> None:
    path = installed(tmp_path / "site")
    said = look(settings, path, "-m", "strava_pipeline", "doctor")
    assert re.search(r"acme login +ACME_KEY is not set. Ask Acme for a key.", said.stdout)
    built = look(settings, path, "-c", DEFINITIONS)
    assert built.stdout.splitlines()[-1:] == ["True"], built.stderr


CONTRACT = """
from strava_pipeline.testing import SECRET, LoginFileContract, ProviderContract
from strava_pipeline_tests.providers.subjects import toy


class TestToy(ProviderContract):
    def subject(self, patch):
        return toy(patch)


class TestLogin(LoginFileContract):
    source, content = "toy", {"key": SECRET}
"""


@pytest.mark.dear
def test_the_published_contract_needs_nothing_of_our_own_tests(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "test_toy.py").write_text(CONTRACT)
    some = "in_stravas_terms or fault_that or as_the_service_then_says or link_in_place or newest_first"
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent / "installed" / "toy")])
    told = look(settings, path, "-m", "pytest", "-p", "no:cacheprovider", "-k", some, str(tmp_path / "test_toy.py"))
    assert told.returncode == 0, told.stdout
    assert "5 passed" in told.stdout


def test_its_settings_come_as_all_do(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(installed(tmp_path / "site", distribution="acme-settings"))
    assert missing_login("acme", settings) == "ACME_KEY is not set. Ask Acme for a key."
    (tmp_path / ".env").write_text("ACME_KEY=hush\nACME_SECRET= shh \n")
    with pytest.raises(AssertionError, match="nothing is asked here"):
        connect("acme", settings, machine_clock())
    monkeypatch.setenv("ACME_KEY", "")
    assert there(settings.secret("ACME_SECRET")).get_secret_value() == "shh"
    assert settings.secret("ACME_OTHER") is None


BROKEN = "import a_library_that_is_not_there\n"


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ({"record": BROKEN}, "acme_broken.record can't be imported (ModuleNotFoundError: No module named"),
        ({"record": "def"}, "acme_broken.record can't be imported (SyntaxError: "),
        ({"record": "SPEC = 3"}, "acme_broken.record has no SPEC, a ProviderSpec with the name acme"),
        ({"record": RECORD.replace('"acme"', '"other"')}, "has no SPEC, a ProviderSpec with the name acme"),
        ({"client": BROKEN}, "acme_broken.client can't be imported (ModuleNotFoundError: No module named"),
    ],
    ids=["a record without its library", "no Python", "no record", "another name", "a client without its library"],
)
def test_a_broken_package_is_named_where_it_is_needed_and_stops_nothing_else(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: dict[str, str], why: str
) -> None:
    """Its source is enabled, even."""
    for module in [name for name in sys.modules if name.startswith("acme_broken")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.syspath_prepend(installed(tmp_path / "site", distribution="acme-broken", **made))
    (login,) = facts_of(settings, "acme", "login", NOW)
    said = login.text
    assert said.startswith("The source acme of the installed package acme-broken 1.2 can't be used: ")
    assert why in said
    assert said.endswith("Install a version of that package that works, or uninstall it.")
    possible = possible_providers(settings)
    assert possible["acme"].login_problem == said
    assert possible["garmin"].title == "Garmin Connect"
    assert senders(settings) == {}
    jobs = {job.name for job in build_defs(settings).resolve_all_job_defs()}
    assert ("flow" in jobs, "acme" in jobs) == (True, "client" in made)
    with pytest.raises(UnusableSourceError):  # no purge without a word leaves a login here
        login_traces(settings) if "client" in made else spec_of("acme")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("garmin", "strava_pipeline itself has one of that name, which is used"),
        ("strava", "strava_pipeline itself has one of that name, which is used"),
        ("strava_archive", "strava_pipeline itself has one of that name, which is used"),
        ("Acme", "a source's name has small letters, digits and _ only"),
        ("a-cme", "a source's name has small letters, digits and _ only"),
    ],
)
def test_a_name_that_can_not_be_used_is_refused_and_what_is_ours_stays(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, why: str
) -> None:
    monkeypatch.syspath_prepend(installed(tmp_path / "site", name, distribution="acme-names"))
    (refused,) = refused_sources()
    assert str(refused).startswith(f"The source {name} of the installed package acme-names 1.2 can't be used: {why}. ")
    assert str(refused) in [each.text for each in facts_of(settings, "", "providers", NOW)]
    assert name not in set(provider_names()) - {"garmin"}
    assert spec_of("garmin").title == "Garmin Connect"


def test_of_two_of_one_name_none_is_used(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for distribution in ("acme-one", "acme-two"):
        monkeypatch.syspath_prepend(installed(tmp_path / distribution, distribution=distribution))
    assert "acme" not in provider_names()
    with pytest.raises(
        UnusableSourceError, match=r"acme-two 1.2 can't be used: acme-one 1.2 brings one of that name, too"
    ):
        spec_of("acme")


def test_a_package_that_is_on_the_path_twice_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("one", "two"):
        monkeypatch.syspath_prepend(installed(tmp_path / folder, distribution="acme-twice"))
    assert len(declared_sources()["acme"]) == 1
    assert "acme" in provider_names()


def test_our_own_sources_do_without_a_look_at_what_is_installed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.providers_config.write_text("[providers.garmin]\nenabled = true\n")

    def looked() -> None:
        raise AssertionError

    monkeypatch.setattr("strava_pipeline.core.sources.declared_sources", looked)
    assert missing_login("garmin", settings) is not None
    assert senders(settings) == {}


def test_the_name_of_a_package_that_is_gone_is_unknown(settings: Settings) -> None:
    with pytest.raises(PipelineError, match="install the package that brings the provider"):
        spec_of("acme")
