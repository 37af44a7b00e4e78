"""What is deleted for good is not chosen by a number or by a clock: equal counts prove nothing, and later is not newer."""

import ast
import re
from collections.abc import Iterator

from strava_pipeline_tests.test_architecture import MODULES, PACKAGE

DELETING = {"unlink", "rmtree", "rmdir", "remove", "forget", "prune"}
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
MEASURES = re.compile(r"(^|_)(count|lines|number|rows|size|now|at|mtime|mtime_ns|time|age|until|today|day)$")

REVIEWED = {
    "core/explorer.py largest_cluster": "squares of a set in memory",
    "ingest/restic.py _run": "a lock of the program's, by its own rule of half an hour; no data",
    "ingest/spreadsheet/replacing.py _kept": "an earlier copy of the workbook, after the next one stands",
    "lake/bronze/deliveries.py forget_deliveries": "what is left is what was read, without the purged: fewer of the same lines",
    "lake/bronze/listing.py _adopt": "pages that a killed run left without an entry in the manifest",
    "lake/made/cut_tracks.py sync_cut_tracks": "says whether to begin; what goes is told by path",
    "lake/made/shards.py drop_imported_rows": "what is left is what was read, without an import: fewer of the same rows",
    "lake/made/tracks.py sync_file_tracks": "keeps a track whose files were not all read; what goes belongs to another activity",
    "lake/maps.py write_region": "refuses to begin; only its own unfinished file goes",
    "lake/purged_activities.py _remove_words": "what is left is what was read, without the purged: fewer of the same lines",
    "lake/requests.py forget_requests": "an answered request of a page",
    "lake/retention.py _delete_leftovers": "what a reader spilled before the snapshot that is published",
    "operations/copy_comparison.py _settle_lines": "compares hashes; what goes are lines kept a second time, when a person adopts",
    "operations/copy_proof.py check_copy": "says what the copy should have; only its own scratch folder goes",
    "operations/copy_proof.py restore": "says what the copy should have; only the mark of the restore goes",
    "operations/copying.py _forget": "when bytes are pruned that no snapshot needs; which snapshots go, hashes and the calendar say",
    "operations/held_years.py _sweep": "unfinished files of a dead run",
    "operations/log_files.py prune": "logs, and links of an interrupted run",
}


def test_no_new_function_deletes_by_a_count_or_a_clock() -> None:
    found = {
        f"{path.relative_to(PACKAGE)} {name}" for path in MODULES for name in suspects(ast.parse(path.read_text()))
    }
    assert {each for each in found if "emulator" not in each} == {*REVIEWED}


def suspects(tree: ast.AST) -> Iterator[str]:
    """The functions that delete, and that order or equate counts or moments."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            nodes = [*ast.walk(function)]
            deletes = any(isinstance(node, ast.Attribute) and node.attr in DELETING for node in nodes)
            compared = [node for node in nodes if isinstance(node, ast.Compare) and isinstance(node.ops[0], ORDER)]
            if deletes and any(map(measures, compared)):
                yield function.name


def measures(compared: ast.Compare) -> bool:
    names = [
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(compared)
        if isinstance(node, (ast.Name, ast.Attribute))
    ]
    return any(name in ("len", "sum") or MEASURES.search(name) for name in names)


def test_a_function_that_deletes_by_a_count_is_found() -> None:
    text = "def f(path, known, lines):\n    if len(lines) != known:\n        path.unlink()\n"
    assert [*suspects(ast.parse(text))] == ["f"]
    assert [*suspects(ast.parse(text.replace("len(lines) != known", "lines is known")))] == []
