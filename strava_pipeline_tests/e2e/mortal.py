"""A program that runs verbs in children of its own, each of which can be told to kill itself -9 at a chosen step.

With the name of a module as its argument, it runs that module's function `live` instead: parts of a run, without Dagster.

A step is whatever changes something that outlives a process: a file made durable, renamed or removed, a statement of the
warehouse, a call to Strava, an event of Dagster's. The imports are paid for once; a child is a fork. Orders come as JSON
lines on standard input, answers go to standard output. No assertions here; mortals.py gives the orders.
"""

import fcntl
import json
import os
import re
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import polars as pl

from strava_pipeline.ingest.http import Wire
from strava_pipeline.ingest.restic import Restic

WEIGHTY = re.compile(r"\s*(BEGIN|COMMIT|CHECKPOINT|MERGE|INSERT|UPDATE|DELETE|CREATE)")


class Fate:
    """Counts the steps of this process, writes each down, and ends it at the one that is chosen.

    `only`: a pattern of the steps that count; None: all do.
    """

    def __init__(self, journal: Path, die_at: int | None, after: float | None, only: str | None = None) -> None:
        self._journal = journal.open("a", buffering=1)
        self._die_at, self._after = die_at, after
        self._counts = re.compile(only or "").search
        self._count = 0
        self._busy = threading.local()

    def step(self, label: str, work: Callable[[], Any]) -> Any:
        if getattr(self._busy, "yes", False):  # a step within a step is the same moment
            return work()
        is_due = bool(self._counts(label)) and self._count == self._die_at
        self._count += bool(self._counts(label))
        if is_due:
            self._journal.write(json.dumps([label, None]) + "\n")
            if self._after is None:
                die()
            threading.Thread(target=self._die_soon, daemon=True).start()
        began = time.perf_counter()
        self._busy.yes = True
        try:
            return work()
        finally:
            self._busy.yes = False
            self._journal.write(json.dumps([label, time.perf_counter() - began]) + "\n")

    def _die_soon(self) -> None:
        time.sleep(self._after or 0.0)
        die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def watch(fate: Fate, root: str) -> None:
    """Make every durable step of this process one of `fate`'s. `root` is cut off the names of files."""

    def named(target: Any) -> str:
        if isinstance(target, int):
            target = Path(f"/proc/self/fd/{target}").readlink() if Path("/proc/self/fd").exists() else ""
        return re.sub(
            r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+|(?<=json\.)\w{8}$|tmp\w{8}|(?<=\.)[0-9a-f]{8}(?=\.tmp)",
            "#",
            str(target).removeprefix(root),
        )

    def wrap(owner: Any, name: str, label: Callable[..., str | None]) -> None:
        inner = getattr(owner, name)

        def outer(*args: Any, **more: Any) -> Any:
            if (text := label(*args, **more)) is None:
                return inner(*args, **more)
            return fate.step(text, lambda: inner(*args, **more))

        setattr(owner, name, outer)

    wrap(os, "fsync", lambda handle: f"fsync {named(handle)}")
    wrap(os, "replace", lambda source, target, **_: f"rename {named(target)}")
    wrap(os, "unlink", lambda path, **_: f"unlink {named(path)}")
    wrap(os, "mkdir", lambda path, *_, **__: f"mkdir {named(path)}")
    wrap(os, "pwrite", lambda *_: "ledger")
    wrap(fcntl, "flock", lambda file, how: f"{'free' if how & fcntl.LOCK_UN else 'lock'} {named(file)}")
    wrap(shutil, "copyfile", lambda source, target, **_: f"copy {named(target)}")
    wrap(pl.DataFrame, "write_parquet", lambda frame, path, **_: f"parquet {named(path)}")
    wrap(Restic, "_call", lambda restic, words, *_, **__: f"restic {words[0]}")
    wrap(Wire, "send", lambda wire, method, url, **_: f"{method} {re.sub(r'^http://[^/]*|[bg]?[0-9]+', '', url)}")
    if (dagster := sys.modules.get("dagster")) is not None:  # a part of a run has none of it
        wrap(dagster.DagsterInstance, "handle_new_event", lambda instance, event, **_: _event(event))
        wrap(dagster.DagsterInstance, "add_run_tags", lambda *_, **__: "dagster tags")
    wrap(duckdb.DuckDBPyConnection, "execute", lambda connection, text, *_: _statement(text))
    wrap(duckdb.DuckDBPyConnection, "close", lambda connection: "warehouse close")
    wrap(duckdb, "connect", lambda database="", *_, **__: f"warehouse open {named(database)}")


def _statement(text: str) -> str | None:
    text = re.sub(r"^\s*--.*\n", "", text, flags=re.MULTILINE)
    return f"warehouse {' '.join(text.split()[:4])}" if WEIGHTY.match(text) else None


def _event(event: Any) -> str | None:
    kind = event.dagster_event.event_type_value if event.dagster_event else None
    return f"dagster {kind}" if kind else None


def live(order: dict[str, Any], part: ModuleType | None) -> None:
    """The child's life: one verb, or what the module's `live` does."""
    out = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.chdir(order["folder"])
    os.environ.update(order["environ"])
    if order["journal"]:
        fate = Fate(Path(order["journal"]), order["die_at"], order["after"], order["only"])
        watch(fate, f"{order['folder']}/")
    if part is not None:
        part.live(*order["argv"])
        return
    from strava_pipeline import cli

    if order["in_memory"]:
        from dagster import DagsterInstance

        from strava_pipeline.verbs import run_job

        run_job.open_instance = lambda home, **_: DagsterInstance.ephemeral()
    sys.argv = ["strava-pipeline", *order["argv"]]
    cli.main()


def main() -> None:
    part = import_module(sys.argv[1]) if len(sys.argv) > 1 else None
    if part is None:
        _import_verbs()
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                code = 1
                try:
                    live(order, part)
                    code = 0
                except SystemExit as end:
                    code = end.code if isinstance(end.code, int) else 1
                except Exception:  # noqa: BLE001  # as Python itself does at the end of a program
                    traceback.print_exc()
                finally:
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(code)
        print(json.dumps(answer), flush=True)


def _import_verbs() -> None:
    """Load what any verb needs, Dagster too, before children are born: most of what a life would cost."""
    from strava_pipeline import cli

    verbs = {module for module, *_ in cli.COMMANDS.values()} | {"options", "run_job", "run_report"}
    for module in sorted(verbs):
        import_module(f"strava_pipeline.verbs.{module}")


if __name__ == "__main__":
    main()
