"""providers.toml: which providers it enables, and what it says of a file that can't be used."""

import sys
from pathlib import Path

import pytest

from strava_pipeline.ingest.providers_file import UnusableProvidersError, enabled_providers, provider_choices
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.settings import Settings
from strava_pipeline_tests.providers.subjects import register_toy

EXAMPLE = Path(__file__).parents[2] / "providers.example.toml"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    register_toy(monkeypatch)
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
        ("\ufeff[providers.toy]\r\nenabled = true # really\r\n", ("toy",)),
    ],
    ids=["no file", "empty", "no provider", "nothing said", "off", "on", "from Windows"],
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
    ("text", "fault"),
    [
        (
            "[providers.tyo]\nenabled = true",
            r"\[providers.tyo\]: this version has no such provider. .* Strava.*\btoy\b",
        ),
        (
            "[providers.toy]\nenable = true",
            r"providers.toy.enable: there is no such key. Possible: enabled, auto_files\.",
        ),
        ("[provider.toy]\nenabled = true", r"provider: there is no such key. Possible: providers\."),
        ("[providers.toy]\nenabled = 'hush'", r"providers.toy.enabled: Input should be a valid boolean"),
        ("providers = 3", "providers: Input should be a valid dictionary"),
        ("[providers.toy", "no TOML in UTF-8"),
        ("x = " + "[" * 9999, "nested too deeply"),
    ],
    ids=["unknown name", "unknown key", "unknown table", "no boolean", "no table", "no TOML", "too deep"],
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
    monkeypatch.delitem(sys.modules, "strava_pipeline_tests.providers.toy_client")
    file.write_text("[providers.toy]\nenabled = true")
    assert enabled(file) == ("toy",)
    assert "strava_pipeline_tests.providers.toy_client" not in sys.modules


def test_the_example_has_every_provider_and_enables_none() -> None:
    choices = provider_choices(EXAMPLE)
    assert choices.keys() == PROVIDERS.keys()
    assert not [name for name, choice in choices.items() if choice.enabled]
