"""What the documents say and the code can contradict: commands, options, settings, queries, links. Prose is for people to check."""

import re
import runpy
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest
import typer

from strava_pipeline.cli import aliases, app, athlete_option, house_option
from strava_pipeline.core.providers import Capability, ProviderSpec
from strava_pipeline.core.tables import PARQUET_TABLES, Table
from strava_pipeline.environment.setting_sources import variables_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.conftest import SOAK
from strava_pipeline_tests.documents import (
    DOCUMENTS,
    GUIDES,
    PROGRAM,
    REPO,
    commands_in,
    is_of_absent_system,
    queries_in,
)
from strava_pipeline_tests.processes import ran

README_LINES = 110  # what a person reads before trying the program
REGISTRIES = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".com", "crates" + ".io", "conda" + ".anaconda.org")
# their defaults follow other settings, the user, the checkout
FOLLOWING = {"STRAVA_API_URL", "STRAVA_LEDGER_DIR", "DAGSTER_HOME"}
# of whoever's machine this was written on
MACHINE_PATH = re.compile(r"(?<![\w.}>*~-])/(?:work|root|Users|home)/[a-z_]")
USAGE_ERROR = typer.BadParameter.__base__ or Exception  # Typer has no public name for it


@pytest.mark.parametrize("program", ["make_commands.py", "make_data_dictionary.py", "make_formats.py"])
def test_a_page_that_is_made_from_the_code_is_what_the_code_says(program: str) -> None:
    for page, text in runpy.run_path(str(REPO / "docs" / program))["pages"]().items():
        assert page.read_text(encoding="utf-8") == text, "run `make docs`"


def test_the_readme_is_short_and_its_index_leads_to_every_page() -> None:
    text = (REPO / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= README_LINES
    assert {"docs/README.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= {*_targets(text)}
    docs = REPO / "docs"
    pages = {str(path.relative_to(docs)) for path in DOCUMENTS if path.is_relative_to(docs)} - {"README.md"}
    pages = {page for page in pages if re.fullmatch(r"(trips/\w+/README|(providers/)?[\w-]+)\.md", page)}
    assert pages - {*_targets((docs / "README.md").read_text(encoding="utf-8"))} == set()


def test_the_pattern_of_a_provider_shows_the_toy_and_a_record_explains_its_fields() -> None:
    pattern = (REPO / "docs" / "providers" / "adding.md").read_text(encoding="utf-8").partition("\n## ")[0]
    shown = re.findall(r"^```python\n(.*?)^```$", pattern, re.MULTILINE | re.DOTALL)
    toy = (REPO / "strava_pipeline_tests" / "providers" / "toy" / "record.py").read_text(encoding="utf-8")
    assert shown
    assert [block for block in shown if block not in toy] == []
    explained = re.findall(r"^        (\w+): ", ProviderSpec.__doc__ or "", re.MULTILINE)
    assert {*explained} == {each.name for each in fields(ProviderSpec)}
    assert [name for name in get_args(Capability) if f"`{name}`" not in (ProviderSpec.__doc__ or "")] == []


def test_every_setting_is_listed_with_its_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (REPO / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[A-Z].*?) \| (.+?) \|", text, re.MULTILINE)
    listed = {name: default.strip("`") for names, default in rows for name in re.findall(r"`([A-Z_]+)`", names)}
    assert listed.keys() == {name for name in Settings.variables() if not name.startswith("SEAM_")}
    for name in listed:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    default = Settings.load()
    plain = {name: text for name, text in listed.items() if text != "–" and name not in FOLLOWING}
    for name, text in plain.items():
        monkeypatch.setenv(name, text)
    assert Settings.load() == default
    assert default.ca_bundle is default.client_id is default.client_secret is default.alert_url is None


def test_the_page_on_several_athletes_says_whose_each_setting_is() -> None:
    text = (REPO / "docs" / "athletes.md").read_text(encoding="utf-8")
    for row, whose in (("the house's", "house"), ("the athlete's own", "athlete")):
        listed = re.search(rf"^\| {row} \| (.+) \|$", text, re.MULTILINE)
        specs = [spec for spec in Settings.model_fields.values() if spec.json_schema_extra == {"whose": whose}]
        assert listed is not None
        assert re.findall(r"`([A-Z_]+)`", listed[1]) == [name for spec in specs for name in variables_of(spec)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPO)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    absent = [
        target for target in _targets(document.read_text(encoding="utf-8")) if not _leads_somewhere(document, target)
    ]
    assert not absent


@pytest.mark.parametrize("document", GUIDES, ids=lambda path: str(path.relative_to(REPO)))
def test_every_command_in_the_documents_exists_with_its_options(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    faults = [fault for words in commands_in(text) for fault in _faults(words)]
    assert not faults


def test_a_command_that_does_not_exist_is_noticed() -> None:
    text = """
    .venv/bin/strava-pipeline flow --dry-run && make demo     # this line is right
    .venv/bin/strava-pipeline flaw
    .venv/bin/strava-pipeline flow --no-such-option
    .venv/bin/strava-pipeline matches list too many words
    make no-such-target

Also `strava-pipeline service stop`, `import --dry-ran` and `quarantine list`.
"""
    assert [fault for words in commands_in(text) for fault in _faults(words)] == [
        "strava-pipeline flaw: No such command 'flaw'. Did you mean 'flow'?",
        "strava-pipeline flow --no-such-option: No such option: --no-such-option",
        "strava-pipeline matches list too many words: too many words",
        "make no-such-target: no such target",
        "strava-pipeline service stop: No such command 'stop'.",
        "strava-pipeline import --dry-ran: No such option: --dry-ran",
    ]


def test_every_path_that_a_contributor_reads_of_exists() -> None:
    text = "".join((REPO / page).read_text("utf-8") for page in ("CONTRIBUTING.md", "docs/providers/adding.md"))
    paths = set(re.findall(r"\b(?:docs|strava_pipeline|strava_pipeline_tests)/[\w./-]*[\w/]", text))
    paths |= set(re.findall(r"`([\w.-]+\.(?:md|toml)|Makefile|\.env\.example)`", text))
    assert len(paths) > 20
    assert [path for path in sorted(paths) if not (REPO / path).exists()] == []


@pytest.mark.dear
def test_every_query_in_the_documents_runs_on_an_empty_warehouse(
    new_lake: Callable[[Path], Lake], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lake = new_lake(tmp_path / "data")
    for name, table in PARQUET_TABLES.items():
        _write_no_rows(table, tmp_path / "data" / name / "year=2026" / "1.parquet")
    queries = [(document.name, query) for document in GUIDES for query in queries_in(document)]
    assert len(queries) > 12
    with reading(lake) as warehouse:
        for document, query in queries:
            try:
                warehouse.execute(query.replace("CREATE ", "CREATE TEMPORARY "))  # this connection only reads
            except duckdb.Error as error:
                pytest.fail(f"{document}: {query}\n{error}")


@pytest.mark.slow
def test_no_file_names_a_package_registry_or_a_place_on_somebodys_machine() -> None:
    found = []
    for path in _files():
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{path.relative_to(REPO)}: {host}" for host in REGISTRIES if host in text]
        found += [f"{path.relative_to(REPO)}: {match[0]}" for match in MACHINE_PATH.finditer(text)]
    assert not found


def _targets(text: str) -> list[str]:
    """What a page links to, pictures included."""
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)


def _faults(words: list[str]) -> Iterator[str]:
    """What is wrong with a command line; values are not looked at."""
    line = " ".join(words)
    if words[0] == "make":
        targets = [word for word in words[1:] if re.fullmatch(r"[a-z][a-z-]*", word)]
        yield from (f"{line}: no such target" for target in targets if not _is_a_target(target))
        return
    command: Any = typer.main.get_command(app)
    context: Any = command.context_class(command, info_name=PROGRAM)
    words = words[2:] if words[1:2] == ["help"] else house_option(athlete_option(words[1:])[1])[1]
    words = [*aliases().get(words[0], words[:1]), *words[1:]] if words else []
    try:
        while words and hasattr(command, "resolve_command") and not words[0].startswith("-") and words[0].islower():
            name, command, words = command.resolve_command(context, words)
            context = type(context)(command, info_name=name, parent=context)
        if not hasattr(command, "resolve_command"):
            _, rest, _ = command.make_parser(context).parse_args([*words])
            if rest and not context.ignore_unknown_options:
                yield f"{line}: {' '.join(rest)}"
    except USAGE_ERROR as error:
        text = getattr(error, "message", "") or str(error)
        if "Missing" not in text and "requires an argument" not in text:  # values are often left out in a sentence
            yield f"{line}: {text}"


def _is_a_target(word: str) -> bool:
    """Of the Makefile. `schedule-`, for `make schedule-…`, is the beginning of several."""
    makefile = (REPO / "Makefile").read_text(encoding="utf-8")
    rules = re.findall(r"^([a-z][a-z %-]*):(?!=)", makefile, re.MULTILINE)
    targets = {name for names in rules for name in names.split()}
    return word in targets or (word.endswith("-") and any(name.startswith(word) for name in targets))


def _write_no_rows(table: Table, path: Path) -> None:
    path.parent.mkdir(parents=True)
    columns = ", ".join(f"NULL::{column.kind.value} AS {column.name}" for column in table.columns)
    duckdb.sql(f"COPY (SELECT {columns} WHERE false) TO '{path}'")


def _leads_somewhere(document: Path, target: str) -> bool:
    if target.startswith(("http://", "https://", "mailto:")):
        return True
    file, _, anchor = target.partition("#")
    path = (document.parent / file).resolve() if file else document
    return is_of_absent_system(path) or (path.exists() and (not anchor or anchor in _anchors(path)))


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _files() -> list[Path]:
    """What git keeps or would keep; the pictures aside."""
    try:
        listed = ran("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=REPO, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a checkout: which files belong to it can't be told")
    paths = [REPO / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and path.suffix not in (".png", ".gz", ".parquet")]


def test_make_soak_runs_every_part() -> None:
    """And no test of the soak is without one: it would not be collected."""
    parts = re.findall(r"^PART \?= (.+)$", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert parts == [" ".join(SOAK)]


def test_a_target_calls_its_command() -> None:
    calls = {
        **{
            name: name
            for name in ("auth", "compact", "duck", "flow-backfill", "recompact", "refresh", "run-all", "run-lite")
        },
        "run PER_PAGE=150 DAYS=7": "run --per-page 150 --days 7",
        "enrich DAYS=7": "enrich --since-days 7",
        "enrich-all": "enrich-all --all",
        "flow-now ATHLETE=bob": "--athlete bob flow",
        "flow-latest": "logs latest",
        "clean-logs": "logs clean --days 0",
    }
    make = "make -n --no-print-directory -o pyproject.toml -o constraints.txt"  # even if .venv is older
    called = {call: ran(*f"{make} {call}".split(), cwd=REPO, check=True).stdout.split() for call in calls}
    assert {each: " ".join(words[1:]) for each, words in called.items()} == calls


def test_make_installs_the_tools_of_developers_only_for_what_calls_one() -> None:
    makefile = (REPO / "Makefile").read_text(encoding="utf-8")
    recipes = re.findall(r"^([a-z-]+):[^\n]*\n((?:\t[^\n]*\n)+)", makefile, re.MULTILINE)
    developers = [name for name, recipe in recipes if re.search(r"-m pytest|_tests|/(ruff|mypy|lint-|pre-)", recipe)]
    assert {*developers} >= {"test", "test-all", "lint", "types", "contracts", "pre-commit"}
    for name in ("install", "flow", "check", *developers):
        said = ran("make", "-n", "-W", "pyproject.toml", name, cwd=REPO, check=True).stdout
        extras = "dashboard,spreadsheet" if name in ("install", "flow") else "dev"
        assert re.findall(r"-e '\.\[(.+)\]'", said) == [extras], name


def test_make_help_describes_every_target() -> None:
    makefile = (REPO / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    phony = {name for line in re.findall(r"^\.PHONY:(.*)", makefile, re.MULTILINE) for name in line.split()}
    described = set(re.findall(r"^([a-z%-]+):.*## .", makefile, re.MULTILINE))
    rules = re.findall(r"^([a-z][a-z %-]*):(?!=)", makefile, re.MULTILINE)
    assert (phony | {name for names in rules for name in names.split()}) - described == set()


def test_a_newcomer_reads_contributing_to_its_end() -> None:
    assert len((REPO / "CONTRIBUTING.md").read_bytes()) <= 20_000


def test_git_takes_a_first_line_of_fewer_than_72_characters(tmp_path: Path) -> None:
    (check,) = re.findall("entry: (sh -c .*)", (REPO / ".pre-commit-config.yaml").read_text())
    message, codes = tmp_path / "message", []
    for subject in ("a" * 71, "a" * 72):
        message.write_text(f"{subject}\n\n{'why ' * 40}\n")
        codes.append(ran("sh", "-c", f"{check} {message}").returncode)
    assert codes == [0, 1]
