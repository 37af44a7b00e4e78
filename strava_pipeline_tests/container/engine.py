"""Buildah and podman for tests: an image of this checkout, built without a registry, and containers of it. No assertions here.

As root, without Docker, on a kernel that allows little: layers are copied (vfs), the runtime is runc, the network is the host's.
All of it is kept in a folder that is removed afterwards.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.processes import ran

REPO = Path(__file__).resolve().parent.parent.parent
TOOLS = ("buildah", "podman", "runc", "mmdebstrap")
UID = 10001  # the image's user
BASE, IMAGE = "localhost/strava-base", "localhost/strava-pipeline-test"
ROOM = 8_000_000_000  # bytes; with an image and two containers 4 GB are used
IN_BASE = "python3,python3-venv,ca-certificates,tzdata,restic,tini"
CONFINED = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "all", "--security-opt", "no-new-privileges"]


@dataclass(frozen=True, slots=True)
class Engine:
    """`folder`: the engine's own, its images among it."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        own = {"CONTAINERS_STORAGE_CONF": "storage.conf", "CONTAINERS_CONF": "containers.conf"}
        return {**os.environ, "IMAGE": IMAGE, **{name: str(self.folder / file) for name, file in own.items()}}

    def podman(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.call("podman", *words)

    def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        return ran(*command, cwd=REPO, env=self.environment, timeout=2 * PATIENCE)

    def must(self, *command: str) -> str:
        done = self.call(*command)
        if done.returncode:
            raise RuntimeError(
                f"{' '.join(command[:3])} ended with {done.returncode}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
            )
        return done.stdout


@contextmanager
def engine_with_image() -> Iterator[Engine]:
    """The test is skipped where the tools are missing or this kernel runs no container."""
    if absent := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"not installed: {', '.join(absent)} (Debian: apt-get install {' '.join(TOOLS)})")
    if os.getuid() != 0:
        pytest.skip("only root may make a base image and run containers of it here")
    folder = Path(tempfile.mkdtemp(prefix="strava-image-", dir=_roomy()))
    engine = Engine(folder)
    try:
        _configure(folder)
        _make_base(engine)
        _build(engine)
        yield engine
    finally:
        engine.podman("rm", "--force", "--all", "--time", "0")
        shutil.rmtree(folder, ignore_errors=True)


def _roomy() -> str:
    """Memory where there is plenty: each container is a copy of the image, which keeps a disk busy for 20 seconds."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > ROOM else "/var/tmp"


def _configure(folder: Path) -> None:
    graph, run = folder / "graph", folder / "run"
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{graph}"\nrunroot = "{run}"\n', encoding="utf-8"
    )
    (folder / "containers.conf").write_text(
        '[containers]\ndefault_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]\n'
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n',
        encoding="utf-8",
    )


def _make_base(engine: Engine) -> None:
    """A Debian like this machine's, from where its own packages come; nothing is pulled. Where it can't be run, no image can."""
    here = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    suite, tar = here.get("VERSION_CODENAME", "bookworm").strip('"'), engine.folder / "base.tar"
    # as python:3.11-slim
    without = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")]
    made = engine.call(
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        "--dpkgopt=force-unsafe-io",
        *without,
        f"--include={IN_BASE}",
        suite,
        str(tar),
    )
    if made.returncode:
        pytest.skip(f"no packages for a base image are to be had here: {made.stderr.strip()[-300:]}")
    recipe = engine.folder / "base"
    recipe.mkdir()
    tar.rename(recipe / "base.tar")
    (recipe / "Containerfile").write_text("FROM scratch\nADD base.tar /\n")
    built = engine.call("buildah", "bud", "--isolation", "chroot", "--layers=false", "--tag", BASE, str(recipe))
    if built.returncode:
        pytest.skip(f"this kernel lets buildah build nothing: {built.stderr.strip()[-300:]}")
    ran = engine.podman("run", "--rm", "--network", "host", *CONFINED, BASE, "true")
    if ran.returncode:
        pytest.skip(f"this kernel lets podman run nothing: {ran.stderr.strip()[-300:]}")


def _build(engine: Engine) -> None:
    """By `make image`, from packages that this machine's pip collects: pip in the build asks no index."""
    wheels, conf = engine.folder / "wheels", engine.folder / "pip.conf"
    collect = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(wheels), "--prefer-binary"]
    constraints = ["--constraint", str(REPO / "constraints.txt")]
    extras = re.search(r"^ARG EXTRAS=(\S+)$", (REPO / "Containerfile").read_text(), re.MULTILINE)
    assert extras is not None
    engine.must(*collect, *constraints, f"{REPO}[{extras[1]}]", "setuptools>=77")
    conf.write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    options = ["--isolation chroot --layers=false", f"--volume {wheels}:/wheels:ro --volume {conf}:/etc/pip.conf:ro"]
    engine.must("make", "image", "ENGINE=buildah", f"BASE={BASE}", f"ARGS={' '.join(options)}")
