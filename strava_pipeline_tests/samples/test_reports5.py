"""What other people reported of days, twins, corrections, rules and files (../shared/samples/reports5), with the values that are right.

Deselected by default (`-m samples` runs them), and then red where they are absent. A case's folder, steps and questions stand
in CASES.json; its INDEX.md says what they mean.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline_tests.rig import Rig, started
from strava_pipeline_tests.verbs.conftest import Type, TypeOn
from strava_pipeline_tests.verbs.conftest import type_in as type_in
from strava_pipeline_tests.verbs.conftest import type_on as type_on

pytestmark = pytest.mark.samples

REPORTS = Path(__file__).parents[2].parent / "shared" / "samples" / "reports5"
CASES: dict[str, dict[str, Any]] = json.loads((REPORTS / "CASES.json").read_bytes()) if REPORTS.exists() else {}
RigOf = Callable[[str], Rig]


@pytest.fixture(scope="module")
def rig_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigOf]:
    """The rig of a group of cases, whose files were imported together."""
    rigs: dict[str, Rig] = {}
    with ExitStack() as stack:

        def found(group: str) -> Rig:
            if group not in rigs:
                folder = tmp_path_factory.mktemp("reports5")
                config = {"first_year": 2010, "providers_config": folder / "providers.toml"}
                rig = started(folder, logged_in=False, activities=1, settings=config)
                rigs[group] = stack.enter_context(rig)
                cases = [case for case in CASES.values() if case["group"] == group]
                for name, text in (each for case in cases for each in case["config"].items()):
                    (folder / name).write_text(text)
                files = dict.fromkeys(name for case in cases for name in case["in"])
                rigs[group].import_files(*(Path(shutil.copy(REPORTS / name, folder)) for name in files))
            return rigs[group]

        yield found


@pytest.mark.parametrize("name", CASES or ["absent"])
def test_a_report_is_answered_as_is_right(rig_of: RigOf, type_on: TypeOn, name: str) -> None:
    case = CASES[name]
    rig = rig_of(case["group"])
    key = str(rig.one(case["id_sql"])) if "id_sql" in case else ""
    do(rig, type_on(rig), case["steps"], key)
    for question in case["ask"]:
        do(rig, type_on(rig), question.get("then", []), key)
        rows = asked(rig, question["sql"].replace("{id}", key))
        right = json.loads(json.dumps(question["is"]).replace("{id}", key))
        assert len(rows) == len(right), rows
        within = question.get("within", {})
        for row, expected in zip(rows, right, strict=True):
            assert {field: row[field] for field in expected} == {
                field: near(row[field], value, within.get(field)) for field, value in expected.items()
            }


def do(rig: Rig, typed: Type, steps: list[dict[str, Any]], key: str) -> None:
    for step in steps:
        if "copy" in step:
            old, new = step["copy"]
            shutil.copy(rig.folder / old, rig.folder / new)
            continue
        said = typed(*(word.replace("{id}", key).replace("{in}", str(rig.folder)) for word in step["cli"]))
        assert said.code == step.get("rc", said.code), said.err
        assert re.search(step.get("said", ""), said.out + said.err), said
        assert "said_not" not in step or not re.search(step["said_not"], said.out + said.err), said


def asked(rig: Rig, sql: str) -> list[dict[str, Any]]:
    names = [name for name, *_ in rig.gold(f"DESCRIBE {sql}")]
    return [dict(zip(names, map(unzoned, row), strict=True)) for row in rig.gold(sql)]


def unzoned(value: Any) -> Any:
    """A moment as text without the +00 that a rig's look at it adds."""
    return value.removesuffix("+00") if isinstance(value, str) else value


def near(found: Any, right: Any, within: float | None) -> Any:
    """`right`, or what was found where it is near enough: by 0.5 % or 0.6 unless the case says how near."""
    if isinstance(right, bool) or not isinstance(right, int | float) or found is None:
        return right
    return found if abs(found - right) <= (within or max(0.005 * abs(right), 0.6)) else right
