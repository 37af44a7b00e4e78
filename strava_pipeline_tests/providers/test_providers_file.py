"""providers.toml: which providers it enables, and what it says of a file that can't be used."""

import sys
from datetime import date
from pathlib import Path

import pytest

from strava_pipeline.core.providers import NEVER_FIRST, spec_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest import registry
from strava_pipeline.ingest.providers_file import (
    UnusableProvidersError,
    chosen_priorities,
    enabled_providers,
    provider_choices,
    providers_file,
)
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline_tests.providers.subjects import register_toy

EXAMPLE = Path(__file__).parents[2] / "providers.example.toml"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    register_toy(monkeypatch)
    monkeypatch.setitem(registry.ALIASES, "toyservice", "toy")
    return tmp_path / "providers.toml"


def enabled(file: Path) -> tuple[str, ...]:
    return tuple(enabled_providers(Settings(_env_file=None, providers_config=file)))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, ()),
        ("", ()),
        ("[providers]", ()),
        ("[providers.toy]", ()),
        ("[providers.toy]\nenabled = false", ()),
        ("[providers.toy]\nenabled = true", ("toy",)),
        ("[providers.toyservice]\nenabled = true", ("toy",)),
        ("[providers.strava]\nenabled = true", ()),
        ("\ufeff[providers.toy]\r\nenabled = true # really\r\n", ("toy",)),
    ],
    ids=["no file", "empty", "no provider", "nothing said", "off", "on", "by another name", "Strava", "from Windows"],
)
def test_a_provider_is_enabled_by_its_table(file: Path, text: str | None, names: tuple[str, ...]) -> None:
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert enabled(file) == names


@pytest.mark.parametrize(("said", "auto_files"), [("", True), ("auto_files = false", False)])
def test_files_are_fetched_unless_that_is_switched_off(file: Path, said: str, auto_files: bool) -> None:
    file.write_text(f"[providers.toy]\n{said}")
    assert provider_choices(file)["toy"].auto_files == auto_files


@pytest.mark.parametrize(
    ("text", "priorities"),
    [
        ("[providers.toy]\nenabled = true", {}),
        ("[providers.toy]\npriority = 1", {"toy": 1}),
        ("[providers.toyservice]\npriority = 998\n[providers.strava]\npriority = 7", {"toy": 998, "strava": 7}),
        ("[providers.toy]\npriority = 1\nwrite_only = true", {"toy": NEVER_FIRST}),
    ],
    ids=["none", "one", "by another name, and Strava's", "write only"],
)
def test_a_priority_in_the_file_counts_over_the_record_s(file: Path, text: str, priorities: dict[str, int]) -> None:
    file.write_text(text)
    assert chosen_priorities(file) == priorities


def test_gear_is_linked_by_id_or_name_under_the_services_own_names(file: Path) -> None:
    file.write_text('[gear."Blue bike"]\nstrava = "b1"\ntoyservice = " B 1 "\n[gear.Old]\ntoy = 9007199254740993')
    assert providers_file(file).gear == {
        "Blue bike": {"strava": "b1", "toy": "B 1"},
        "Old": {"toy": "9007199254740993"},
    }


@pytest.mark.parametrize("written", ["2026-11-01", '"2026-11-01"'])
def test_a_date_may_stand_in_quotes(file: Path, written: str) -> None:
    file.write_text(f"[changes]\npropose_since = {written}")
    assert providers_file(file).changes.propose_since == date(2026, 11, 1)


def test_another_system_s_name_of_a_service_is_known() -> None:
    assert registry.provider_name("intervalsicu") == "intervals_icu"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("[providers.toy]\nenabled = true\npriority = 1\nwrite_only = true\nwrite = []\nstale_days = 3", []),
        (
            "[providers.strava]\nwrite = ['name', 'duration', 'gear']\nstale_days = 3",
            [
                "providers.strava.write: Strava can't be given another duration",
                "providers.strava.stale_days: it counts with write_only alone",
            ],
        ),
        ("[changes]\npropose_since = 2026-11-01\nadd_activities = false\nupload_activities = true", []),
    ],
)
def test_keys_without_effect_are_known(file: Path, text: str, keys: list[str]) -> None:
    file.write_text(text)
    assert providers_file(file).without_effect() == keys


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "[providers.tyo]\nenabled = true",
            r"\[providers.tyo\]: this version has no such provider. Possible: .*strava.*\btoy\b",
        ),
        (
            "[providers.toy]\nenable = true",
            r"providers.toy.enable: there is no such key. Possible: enabled, auto_files, wellness, priority, write, .*stale_days\.",
        ),
        ("[provider.toy]\nenabled = true", r"provider: there is no such key. Possible: providers, gear, changes\."),
        ("[providers.toy]\nenabled = 'hush'", r"providers.toy.enabled: Input should be a valid boolean"),
        ("[providers.toy]\npriority = 0", r"providers.toy.priority: Input should be greater than or equal to 1"),
        ("[providers.toy]\npriority = 999", r"providers.toy.priority: Input should be less than 999"),
        ("[providers.toy]\npriority = 'hush'", r"providers.toy.priority: Input should be a valid integer"),
        ("[providers.toy]\npriority = 1.5", r"providers.toy.priority: Input should be a valid integer"),
        ("[providers.toy]\nwrite = ['hush']", r"providers.toy.write.0: Input should be 'name', 'gear' or 'duration'"),
        ("[providers.toy]\nwrite = 'name'", r"providers.toy.write: Input should be a valid list"),
        ("[providers.toy]\nwrite_only = 1", r"providers.toy.write_only: Input should be a valid boolean"),
        ("[providers.toy]\nstale_days = 0", r"providers.toy.stale_days: Input should be greater than or equal to 1"),
        ("[providers.strava]\nenabled = false", r"providers.strava.enabled: Strava can't be switched off here"),
        ("[providers.strava]\nauto_files = true", r"providers.strava.auto_files: Strava's API gives no files"),
        ("[providers.toy]\n[providers.toyservice]", r"\[providers.toyservice\]: this is another name of toy"),
        ("[gear.Bike]\ntyo = 'b1'", r'\[gear."Bike".tyo\]: there is no such service. Possible: .*strava.*toy'),
        ("[gear.Bike]\ntoy = ''", r"gear.Bike.toy: it is empty"),
        ("[gear.Bike]\ntoy = true", r"gear.Bike.toy: Input should be a valid string"),
        ("[gear.A]\ntoy = 'hush'\n[gear.B]\ntoy = ' hush '", r'gear."B".toy: the same as in gear."A"\. One of the two'),
        ("[gear.A]\ntoy = '1'\n[gear.B]\ntoyservice = 1", r'gear."B".toy: the same as in gear."A"'),
        ("gear = 3", "gear: Input should be a valid dictionary"),
        (
            "[changes]\napprove_days = 3",
            r"changes.approve_days: .* Possible: propose_since, approval_days, add_activities, create_gear, ",
        ),
        ("[changes]\napproval_days = 0", r"changes.approval_days: Input should be greater than or equal to 1"),
        ("[changes]\npropose_since = 'hush'", r"changes.propose_since: a date is written 2026-11-01"),
        ("[changes]\npropose_since = 20261101", r"changes.propose_since: Input should be a valid date"),
        ("[changes]\ncreate_gear = 'hush'", r"changes.create_gear: Input should be a valid boolean"),
        ("providers = 3", "providers: Input should be a valid dictionary"),
        ("[providers.toy", "no TOML in UTF-8"),
        (
            "[providers.toy]\nenabled = true\n# hush\nenabled = false\npriority = 2\n",
            r": enabled of \[providers.toy\] is set twice, in line 2 and again in line 4\. Leave one of them\.",
        ),
        (
            "[providers.toy]\nwrite = ['hush']\nwrite = [\n'hush']",
            r"write of \[providers.toy\] .* in line 2 and again in line 3",
        ),
        ("[gear.A]\ntoy = 1\n[gear.A] # hush\n", r": \[gear.A\] is there twice, in line 1 and again in line 3\."),
        ("x = 1\nx = 2", r": x is set twice, in line 1 and again in line 2\."),
        ("[[x]]\ny = 1\n[[x]]\ny = 1\ny = ", r"y of \[\[x\]\] is set twice, in line 4 and again in line 5"),
        ("[[x]]\ny = 1\n[[x]]\ny = ", "no TOML in UTF-8: Invalid value"),
        ("x = " + "[" * 9999, "nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_why(file: Path, text: str, fault: str) -> None:
    file.write_text(text)
    with pytest.raises(UnusableProvidersError, match=fault) as caught:
        enabled(file)
    assert str(file) in str(caught.value)
    assert "hush" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_bytes_that_are_no_text_and_a_folder_are_refused(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UnusableProvidersError, match="no TOML in UTF-8"):
        enabled(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(UnusableProvidersError, match="can't be read"):
        enabled(file)


def test_reading_the_file_imports_no_client(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "strava_pipeline_tests.providers.toy.client")
    file.write_text("[providers.toy]\nenabled = true")
    assert enabled(file) == ("toy",)
    assert "strava_pipeline_tests.providers.toy.client" not in sys.modules


def test_the_example_has_every_provider_and_enables_none() -> None:
    choices = provider_choices(EXAMPLE)
    assert choices.keys() == PROVIDERS.keys()
    assert providers_file(EXAMPLE).without_effect() == []
    for name in choices:
        assert f"docs/providers/{name}.md; its priority: {spec_of(name).priority}\n" in EXAMPLE.read_text()
    assert not [name for name, choice in choices.items() if choice.enabled]
