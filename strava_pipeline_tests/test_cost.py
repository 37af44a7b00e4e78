"""A module that has become expensive makes the run red; one on the list that has become cheap is named."""

from pathlib import Path

from strava_pipeline import testing
from strava_pipeline_tests.cost import DEAR, ROOT, Cost, judged


def test_each_dear_test_is_one_that_there_is() -> None:
    contracts = "".join(path.read_text() for path in Path(testing.__path__[0]).glob("*.py"))
    texts = {module: (ROOT / module).read_text() + contracts for module in {line.partition("::")[0] for line in DEAR}}
    tests = sorted(line for line in DEAR if "::" in line)
    assert [line for line in tests if f"def {line.split('::')[-1]}(" not in texts[line.partition("::")[0]]] == []


def test_calls_are_judged_in_the_mean_and_set_ups_by_their_sum() -> None:
    costs = {
        "a.py": Cost(setups=3.9, calls=3.9, tests=10),  # twice what it may, less a bit
        "b.py": Cost(setups=4.1, calls=0.1, tests=1),
        "c.py": Cost(setups=0.1, calls=4.1, tests=10),
        "known.py": Cost(calls=90.0, tests=1),
        "cheap.py": Cost(setups=0.9, calls=0.09, tests=1),
        "none.py": Cost(),
    }
    dear, cheap = judged(costs, 1.0, frozenset({"known.py", "cheap.py", "of another run.py"}))
    assert [line.split()[0] for line in dear] == ["b.py", "c.py"]
    assert cheap == ["cheap.py"]
    assert judged(costs, 1.1, frozenset(costs) - {"b.py"}) == ([], ["cheap.py", "none.py"])
