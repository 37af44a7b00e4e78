"""The laws of the layout: rooms import in one direction, files and functions stay small, every module says what it is."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster._core.definitions.metadata.metadata_set import TableMetadataSet
from dagster._core.definitions.metadata.source_code import CodeReferencesMetadataSet
from dagster._core.storage import tags

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.orchestrate import dagster_private
from strava_pipeline.orchestrate.tags import HIDDEN
from strava_pipeline_tests.providers.subjects import SUBJECTS

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "strava_pipeline"
MODULES = sorted(PACKAGE.rglob("*.py"))
PRIVATE = PACKAGE / "orchestrate" / "dagster_private.py"
# who starts Dagster, or a process of an athlete, hands its own environment on; Dagster's storage, and secrets in files, set
# variables that Dagster alone reads; process_owner.py asks for whom this process is; settings.environ() is a method
READERS = ("environment", "verbs/dagster_process.py", "orchestrate/storage.py")
# statements that change data; what stands in code is a look or a session's setting
LOCKS = {"fcntl", "filelock"}  # only file_locks.py imports them
STATEMENTS = ("MERGE ", "INSERT INTO activ", "DELETE FROM activ", "UPDATE activ")


@pytest.mark.slow
def test_import_contracts_hold() -> None:
    found = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout


@pytest.mark.slow
def test_modules_are_small_say_what_they_hold_and_leave_environment_and_sql_to_others() -> None:
    assert not [f"{path.relative_to(PACKAGE)}: {fault}" for path in MODULES for fault in faults(path)]


def faults(path: Path) -> Iterator[str]:
    """How a module breaks the laws, all of them."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    uses_private_names = path.name == PRIVATE.name
    if not ast.get_docstring(tree):
        yield "no docstring"
    if (lines := len(text.splitlines())) > 400:
        yield f"{lines} lines"
    may_read_the_environment = any(path.is_relative_to(PACKAGE / each) for each in READERS)
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if (own := own_lines(node)) > 50:
                yield f"{node.name} has {own} lines"
            case ast.ImportFrom(module=str(module)) if module.startswith("dagster._") and not uses_private_names:
                yield f"line {node.lineno} imports a private name of Dagster's, which stands in {PRIVATE.name}"
            case ast.Attribute(attr="environ" | "getenv") if not may_read_the_environment:
                yield f"line {node.lineno} reads the environment"
            case ast.Import(names=names) if path.name != "file_locks.py" and LOCKS & {one.name for one in names}:
                yield f"line {node.lineno} locks by itself, which file_locks.py is for"
            case ast.ImportFrom(module="fcntl", names=[ast.alias(name="ioctl")]):
                pass  # which locks nothing
            case ast.ImportFrom(module=str(module)) if module in LOCKS and path.name != "file_locks.py":
                yield f"line {node.lineno} locks by itself, which file_locks.py is for"
            case ast.Constant(value=str(value)) if value.startswith(STATEMENTS):
                yield f"line {node.lineno} is SQL that changes data, which stands in lake/sql/"
            case _:
                pass


def test_no_source_knows_another() -> None:
    """What is in a source's folder imports nothing of another source's; a record nothing but core and its own folder."""
    room, names = PACKAGE / "ingest", {STRAVA, *PROVIDERS}
    wrong = [
        f"{path.relative_to(room)} imports {other}"
        for name in sorted(names)
        for path in (room / name).rglob("*.py")
        for other in imported_from(path.read_text(), "strava_pipeline.ingest") & (names - {name})
    ]
    records = [
        f"{name}/record.py imports {other}"
        for name in sorted(names)
        for other in imported_from((room / name / "record.py").read_text(), "strava_pipeline") - {"core"}
        if imported_from((room / name / "record.py").read_text(), "strava_pipeline.ingest") - {name}
    ]
    assert "strava" in names
    assert [*wrong, *records] == []


def imported_from(text: str, package: str) -> set[str]:
    """The modules and packages right below `package` that a module's text imports."""
    if package.rpartition(".")[2] not in text:  # to parse all modules takes seconds
        return set()
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.ImportFrom(module=str(module), names=names):
                found |= {f"{module}.{each.name}" for each in names}
            case ast.Import(names=names):
                found |= {each.name for each in names}
            case _:
                pass
    return {name.removeprefix(f"{package}.").split(".")[0] for name in found if name.startswith(f"{package}.")}


@pytest.mark.parametrize(
    "text",
    ["import room.acme.service", "from room.acme import service", "from room import acme", "if 1:\n import room.acme"],
)
def test_every_form_of_an_import_is_found(text: str) -> None:
    assert imported_from(text, "room") == {"acme"}


def test_no_statement_names_a_provider() -> None:
    statements = {path.name: path.read_text() for path in PACKAGE.rglob("*.sql")}
    named = [
        (name, text) for name, text in statements.items() if any(f"'{each}'" in text for each in (STRAVA, *PROVIDERS))
    ]
    assert named == [], "a provider is a parameter: $source, or one of $sources"


def test_every_provider_has_its_parts() -> None:
    """A record, a client, an emulator, and a subject of the contract."""
    assert {*PROVIDERS} <= {*SUBJECTS}
    parts = ("record.py", "client.py", "emulator/athlete.py")
    assert not [name for name in PROVIDERS for part in parts if not (PACKAGE / "ingest" / name / part).exists()]


@pytest.mark.parametrize("name", sorted({*PROVIDERS, *SUBJECTS}))
def test_only_the_registry_names_a_provider(name: str) -> None:
    """Beside its own folder, its settings, and the records and exports, whose rows are linked to providers."""
    own = [PACKAGE / "ingest" / each / "record.py" for each in PROVIDERS]
    own += [PACKAGE / "ingest" / "archive" / "exports", PACKAGE / "ingest" / name]
    own += [PACKAGE / "ingest" / "registry.py", PACKAGE / "environment" / "settings.py"]
    others = [path for path in MODULES if not any(path.is_relative_to(each) for each in own)]
    assert [str(path.relative_to(PACKAGE)) for path in others if names_provider(path.read_text(), name)] == []


def names_provider(text: str, name: str) -> bool:
    """Whether a module's code names a provider: as a text, in a path, or as a module. Prose may."""
    if name not in text:
        return False
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Constant(value=str(value)) if not re.search(r"\s|://", value):
                found |= {*re.split(r"[./]", value), *re.split(r"^bronze_|_files$", value)}
            case ast.ImportFrom(module=str(module), names=imported):
                found |= {*module.split("."), *(each.name for each in imported)}
            case ast.Import(names=imported):
                found |= {part for each in imported for part in each.name.split(".")}
            case ast.Attribute(attr=attribute):
                found.add(attribute)
            case _:
                pass
    return name in found


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ('source == "acme"', True),
        ("SPECIAL = {'acme': 3}", True),
        ('asset = "bronze_acme"', True),
        ('asset = "bronze_acme_files"', True),
        ('path = "data/bronze/providers/acme/gear"', True),
        ("from strava_pipeline.ingest.acme import client", True),
        ("from strava_pipeline.core.providers import acme", True),
        ("import strava_pipeline.ingest.acme.client", True),
        ("providers.acme.SPEC", True),
        ('"""The way of acme is another."""', False),
        ("# acme", False),
        ('NAMESPACE = "http://acme.example/xml"', False),
        ('word = "acmes"', False),
    ],
)
def test_a_provider_that_is_named_is_found(text: str, is_named: bool) -> None:
    assert names_provider(text, "acme") == is_named


@pytest.mark.slow
def test_strava_becomes_one_of_the_sources() -> None:
    """Outside its folder, Strava is named ever less: whoever takes a name away lowers the count, and nobody raises one."""
    others = [path.read_text() for path in MODULES if not path.is_relative_to(PACKAGE / "ingest" / STRAVA)]
    importing = sum(STRAVA in imported_from(text, "strava_pipeline.ingest") for text in others)
    assert (importing, sum(compared_with_strava(text) for text in others)) == (3, 6)


def compared_with_strava(text: str) -> int:
    """How often a module's code compares something with Strava's name."""
    if not re.search("STRAVA|[\"']strava[\"']", text):
        return 0
    compared = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Compare)]
    return sum(any(is_strava(each) for each in (node.left, *node.comparators)) for node in compared)


def is_strava(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value="strava") | ast.Name(id="STRAVA") | ast.Attribute(attr="STRAVA"):
            return True
        case _:
            return False


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("source == STRAVA", 1),
        ("'strava' != source and sources.STRAVA in names", 2),
        ("match source:\n case name if name is STRAVA: pass", 1),
        ("SOURCES = [STRAVA, 'strava']", 0),
        ("item.source == 'STRAVA'", 0),  # as another service writes it
    ],
)
def test_a_comparison_with_strava_is_found(text: str, count: int) -> None:
    assert compared_with_strava(text) == count


@pytest.mark.slow
def test_only_the_changes_that_a_person_approved_load_a_writer() -> None:
    """No client, no other service's writer, no command: neither by an import nor by the module's name in a text."""
    loader = PACKAGE / "operations" / "changes" / "writers.py"
    assert [path.relative_to(PACKAGE) for path in MODULES if loads_a_writer(path.read_text())] == [
        loader.relative_to(PACKAGE)
    ]


def loads_a_writer(text: str) -> bool:
    """Whether a module's code imports a service's `writes`, or has a text that ends like the name of one."""
    if "writes" not in text:
        return False
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.ImportFrom(module=str(module), names=imported):
                names |= {module, *(f"{module}.{each.name}" for each in imported)}
            case ast.Import(names=imported):
                names |= {each.name for each in imported}
            case ast.Call(func=ast.Name(id="import_part"), args=[_, ast.Constant(value="writes")]):
                return True
            case ast.Constant(value=str(value)) if value.endswith(".writes"):
                return True
            case _:
                pass
    return any(re.match(r"strava_pipeline\.ingest\.\w+\.writes\b", name) for name in names)


@pytest.mark.parametrize(
    ("text", "loads"),
    [
        ("from strava_pipeline.ingest.acme import writes", True),
        ("import strava_pipeline.ingest.acme.writes as w", True),
        ("from strava_pipeline.ingest.acme.writes import connect_writer", True),
        ("importlib.import_module('strava_pipeline.ingest.acme.writes')", True),
        ("importlib.import_module(f'{package}.writes')", True),
        ("import_part('acme', 'writes')", True),
        ("writes = journal.writes", False),
        ("from strava_pipeline.emulator.acme import writes", False),
        ("'it writes. That is all'", False),
    ],
)
def test_a_writer_that_is_loaded_is_found(text: str, loads: bool) -> None:
    assert loads_a_writer(text) == loads


def test_every_private_name_of_dagsters_is_there_and_known_to_mypy() -> None:
    tree = ast.parse(PRIVATE.read_text())
    typed = {
        name.name: node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names
    }
    table = dagster_private._MODULES
    assert {name: module for name, module in typed.items() if str(module).startswith("dagster")} == table
    assert [name for name in table if getattr(dagster_private, name) is None] == []


def test_a_name_that_begins_as_dagsters_is_one_that_dagster_knows() -> None:
    of_metadata = {
        f"dagster/{name}" for each in (TableMetadataSet, CodeReferencesMetadataSet) for name in each.__annotations__
    }
    theirs = {*map(str, vars(tags).values()), *of_metadata, HIDDEN}
    used = {name for path in MODULES for name in re.findall(r'"(\.?dagster/[a-z_]+)"', path.read_text())}
    assert set() < used <= theirs


ROUTES = [path for path in MODULES if path.parent.name == "dashboard" and path.name.startswith(("api_", "pages_"))]


def test_routes_of_the_dashboard_are_short_and_query_nothing_themselves() -> None:
    """What a route returns is made in core and lake, by what the command line calls, too. (A contract forbids libraries.)"""
    assert ROUTES
    assert [f"{path.name}: {fault}" for path in ROUTES for fault in route_faults(path.read_text())] == []


def route_faults(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.decorator_list and own_lines(node) > 15:
                yield f"{node.name} has {own_lines(node)} lines"
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in ("duckdb", "polars", "sqlalchemy"):
                yield f"imports {module}"
            case ast.Import(names=names):
                yield from (f"imports {each.name}" for each in names if each.name in ("duckdb", "polars", "sqlalchemy"))
            case _:
                pass


def test_a_long_route_and_a_query_in_one_are_found() -> None:
    body = "    x = 1\n" * 15
    assert list(route_faults(f"import duckdb\n@router.get('/')\ndef long():\n{body}")) == [
        "imports duckdb",
        "long has 16 lines",
    ]
    assert list(route_faults(f"from polars import col\ndef helper():\n{body}")) == ["imports polars"]


def own_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Its lines without those of the functions inside it."""
    inside = [node for node in ast.walk(function) if node is not function and isinstance(node, ast.FunctionDef)]
    first, *others = ((node.end_lineno or 0) - node.lineno + 1 for node in (function, *inside))
    return first - sum(others)


def test_each_law_is_seen_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "\n".join(f"    x = {number}" for number in range(400))
    broken = tmp_path / "broken.py"
    imports = "import os, fcntl\nfrom filelock import FileLock\nfrom dagster._core import x\n"
    broken.write_text(f"{imports}def long():\n{long}\nos.environ['A'], os.getenv('B'), 'DELETE FROM activities'\n")
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    assert list(faults(broken)) == [
        "no docstring",
        "405 lines",
        "line 1 locks by itself, which file_locks.py is for",
        "line 2 locks by itself, which file_locks.py is for",
        "line 3 imports a private name of Dagster's, which stands in dagster_private.py",
        "long has 401 lines",
        "line 405 is SQL that changes data, which stands in lake/sql/",
        "line 405 reads the environment",
        "line 405 reads the environment",
    ]


HURRIED = re.compile(r"(GRACE|PATIENCE|SECONDS|TIMEOUT)\"?(, | = )0?\.\d*[1-9]")


def test_no_test_sets_a_limit_below_a_second() -> None:
    """On a busy machine anything may take that long. 0 is none: nobody is ever in time."""
    assert HURRIED.search('monkeypatch.setattr(child, "GRACE", 0.3)')
    texts = {
        path: path.read_text()
        for path in (ROOT / "strava_pipeline_tests").rglob("*.py")
        if path.name != Path(__file__).name
    }
    assert [str(path.relative_to(ROOT)) for path, text in texts.items() if HURRIED.search(text)] == []


def test_the_committed_instance_configuration_is_the_packages_own() -> None:
    assert (ROOT / "dagster_home" / "dagster.yaml").read_text() == (
        PACKAGE / "orchestrate" / "dagster.yaml"
    ).read_text()


def test_the_committed_workspace_is_the_packages_own() -> None:
    assert (ROOT / "workspace.yaml").read_text() == (PACKAGE / "orchestrate" / "workspace.yaml").read_text()
