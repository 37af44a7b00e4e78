"""Gives mortal.py its orders, and chooses the steps at which its children die. No assertions here."""

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strava_pipeline.environment.settings import Settings
from strava_pipeline_tests.e2e.dagster_dev import ROOT

LONG = 0.0005  # seconds; a shorter step is only died before, not in


@dataclass(frozen=True, slots=True)
class Step:
    """A moment in a verb's life at which it can die: `after` None is before the step, else as many seconds into it.

    `only`: a pattern of the steps that `number` counts; None: all.
    """

    number: int
    label: str
    after: float | None
    only: str | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """What became of a child."""

    code: int
    said: str
    journal: list[tuple[str, float | None]]


class Mortals:
    """Runs verbs in children of a program that has everything imported."""

    def __init__(self, process: "subprocess.Popen[str]", settings: Settings, folder: Path) -> None:
        self._process, self._settings, self._folder = process, settings, folder
        self._born = 0

    def run(self, *argv: str, dying: Step | None = None, in_memory: bool = False) -> Life:
        """One verb from its beginning to its end. `in_memory`: with a Dagster instance that nobody remembers, as is faster."""
        return self.end(self.start(*argv, dying=dying, in_memory=in_memory))

    def start(self, *argv: str, dying: Step | None = None, in_memory: bool = False) -> tuple[int, Path]:
        self._born += 1
        note = self._folder / f"life-{self._born}"
        order = {
            "argv": argv,
            "in_memory": in_memory,
            "environ": self._settings.environ(),
            "folder": str(self._folder),
            "journal": f"{note}.jsonl",
            "output": f"{note}.txt",
            "die_at": dying.number if dying else None,
            "after": dying.after if dying else None,
            "only": dying.only if dying else None,
        }
        return self._ask(order), note

    def end(self, started: tuple[int, Path]) -> Life:
        pid, note = started
        code = self._ask({"wait": pid})
        lines = note.with_suffix(".jsonl").read_text().splitlines()
        journal = [(str(label), seconds) for label, seconds in map(json.loads, lines)]
        return Life(code, note.with_suffix(".txt").read_text(), journal)

    def kill(self, started: tuple[int, Path]) -> None:
        os.kill(started[0], signal.SIGKILL)

    def _ask(self, order: dict[str, Any]) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(json.loads(self._process.stdout.readline()))


@contextmanager
def mortals(settings: Settings, folder: Path, part: str | None = None) -> Iterator[Mortals]:
    """`part`: the module whose `live` they run, instead of verbs."""
    command = [sys.executable, "-m", "strava_pipeline_tests.e2e.mortal", *([part] if part else [])]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield Mortals(process, settings, folder)
        process.communicate()


def choose(life: Life, chance: random.Random, how_many: int, met: Counter[str], *, dagster: bool) -> list[Step]:
    """Steps of `life` to die at, those of the kinds that were `met` least first; half of the long ones in their midst.

    `dagster`: Dagster's own events are steps, too.
    """
    by_label: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for number, (label, seconds) in enumerate(life.journal):
        if label.startswith("dagster") and not dagster:
            continue
        by_label[label].append((number, seconds or 0.0))
    chosen = []
    while len(chosen) < how_many:
        labels = sorted(by_label)
        chance.shuffle(labels)
        label = min(labels, key=lambda label: met[label])
        met[label] += 1
        number, seconds = chance.choice(by_label[label])
        midst = seconds > LONG and chance.random() < 0.5
        chosen.append(Step(number, label, chance.uniform(0, seconds) if midst else None))
    return chosen
