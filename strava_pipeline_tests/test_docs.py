"""What the documents say and the code can contradict: verbs, settings, tables, links. Prose is for people to check."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from strava_pipeline.cli import VERBS
from strava_pipeline.settings import Settings
from strava_pipeline_tests.conftest import SOAK

REPO = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    path for path in (*REPO.glob("*.md"), *(REPO / "docs").rglob("*.md"), REPO / "data" / "README.md") if path.is_file()
)
REGISTRIES = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".com", "crates" + ".io", "conda" + ".anaconda.org")
FOLLOWING = {
    "STRAVA_API_URL",
    "STRAVA_LEDGER_DIR",
    "DAGSTER_HOME",
}  # their defaults follow other settings, the user, the checkout
MACHINE_PATH = re.compile(
    r"(?<![\w.}>*~-])/(?:work|root|Users|home)/[a-z_]"
)  # of whoever's machine this was written on


def test_the_data_dictionary_is_what_the_catalogue_says() -> None:
    made = subprocess.run(
        [sys.executable, REPO / "docs" / "make_data_dictionary.py"],
        capture_output=True,
        check=True,
        cwd=REPO,
        env={"PYTHONPATH": str(REPO), "PYTHONIOENCODING": "utf-8"},
    ).stdout.decode()
    assert (REPO / "docs" / "data-dictionary.md").read_text(encoding="utf-8") == made, "run `make docs`"


def test_the_readme_lists_every_verb_with_its_line_of_help() -> None:
    told = re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", _section("Verbs").partition("\nA pipeline verb")[0], re.MULTILINE)
    assert told == [(name, text) for name, (_, _, text, _) in VERBS.items()]


def test_the_readme_lists_every_setting_with_its_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = re.findall(r"^\| (`[A-Z].*?) \| (.+?) \|", _section("Settings"), re.MULTILINE)
    told = {name: default.strip("`") for names, default in rows for name in re.findall(r"`([A-Z_]+)`", names)}
    assert told.keys() == _variables()
    for name in told:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    default = Settings.load()
    plain = {name: text for name, text in told.items() if text != "–" and name not in FOLLOWING}
    for name, text in plain.items():
        monkeypatch.setenv(name, text)
    assert Settings.load() == default
    assert default.ca_bundle is default.client_id is default.client_secret is default.alert_url is None


def test_the_example_of_an_env_file_lists_every_setting_once() -> None:
    text = (REPO / ".env.example").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^# ?([A-Z_]+)=", text, re.MULTILINE)) == sorted(_variables())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPO)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    absent = [target for target in targets if not _leads_somewhere(document, target)]
    assert not absent


def test_no_file_names_a_package_registry_or_a_place_on_somebodys_machine() -> None:
    found = []
    for path in _files():
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{path.relative_to(REPO)}: {host}" for host in REGISTRIES if host in text]
        found += [f"{path.relative_to(REPO)}: {match[0]}" for match in MACHINE_PATH.finditer(text)]
    assert not found


def _section(title: str) -> str:
    text = (REPO / "README.md").read_text(encoding="utf-8")
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _variables() -> set[str]:
    return {
        name
        for spec in Settings.model_fields.values()
        for name in (
            [str(spec.alias)]
            if spec.alias
            else [str(choice) for choice in getattr(spec.validation_alias, "choices", ())]
        )
    }


def _leads_somewhere(document: Path, target: str) -> bool:
    if target.startswith(("http://", "https://", "mailto:")):
        return True
    file, _, anchor = target.partition("#")
    path = (document.parent / file).resolve() if file else document
    return path.exists() and (not anchor or anchor in _anchors(path))


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _files() -> list[Path]:
    """What git keeps or would keep; the pictures aside."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            capture_output=True,
            check=True,
            cwd=REPO,
        ).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a checkout: which files belong to it can't be told")
    paths = [REPO / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and path.suffix not in (".png", ".gz", ".parquet")]


def test_make_soak_runs_every_part() -> None:
    """And no test of the soak is without one: it would not be collected."""
    parts = re.findall(r"^PART \?= (.+)$", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert parts == [" ".join(SOAK)]


def test_every_verb_is_a_make_target_that_calls_it() -> None:
    for verb in VERBS:
        said = subprocess.run(["make", "-n", verb, "YEARS=2024"], cwd=REPO, capture_output=True, text=True, check=True)
        assert said.stderr == "", verb
        assert f"strava-pipeline {verb}" in said.stdout or verb in ("demo", "dev", "sql"), verb


def test_make_help_describes_every_target_and_every_command_is_one() -> None:
    makefile = (REPO / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    phony = {name for line in re.findall(r"^\.PHONY:(.*)", makefile, re.MULTILINE) for name in line.split()}
    described = set(re.findall(r"^([a-z%-]+):.*## .", makefile, re.MULTILINE))
    rules = re.findall(r"^([a-z][a-z %-]*):(?!=)", makefile, re.MULTILINE)
    assert (phony | {name for names in rules for name in names.split()}) - described == set()
    assert set(VERBS) - described == set()
