"""A real PostgreSQL server for tests: a cluster of its own in a temporary folder, on a socket there, gone afterwards.

Where none is installed the tests that need one are skipped; where CI is set they fail.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

USER, PASSWORD = "trips", "s3cret:/@?#"
_FAST = {"autovacuum": "off", "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
_numbers = count()


@dataclass(frozen=True, slots=True)
class Server:
    """`log` holds every statement that was sent."""

    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def url(self, database: str = "postgres", *, user: str = USER, password: str = PASSWORD) -> str:
        return f"postgresql://{user}:{quote(password, safe='')}@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """The URL of an empty one."""
        name = f"trips_{next(_numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def new_role(self) -> str:
        """The name of one that may log in with PASSWORD and has no rights: roles are the server's, not a database's."""
        name = f"reader_{next(_numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        return name


@contextmanager
def started(listen_addresses: str = "") -> Iterator[Server]:
    """A running server; it refuses to run as root, so it is then postgres's. `listen_addresses`: beside its socket."""
    programs = _programs()
    if programs is None:
        message = "no PostgreSQL server is installed (Debian: apt-get install postgresql)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    folder = Path(tempfile.mkdtemp(prefix="trips-pg-"))
    server, data, password = Server(folder), folder / "data", folder / "password"
    password.write_text(PASSWORD)
    if os.getuid() == 0:
        owner = pwd.getpwnam("postgres")
        for path in (folder, password):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    given = {
        **_FAST,
        "listen_addresses": listen_addresses,
        "unix_socket_directories": str(folder),
        "log_statement": "all",
    }
    options = " ".join(f"-c {name}='{value}'" for name, value in given.items())
    try:
        _run(
            programs / "initdb",
            "-D",
            data,
            "-U",
            USER,
            "-A",
            "scram-sha-256",
            "--pwfile",
            password,
            "-E",
            "UTF8",
            "--no-sync",
        )
        _run(programs / "pg_ctl", "-D", data, "-l", server.log, "-o", options, "-w", "-t", 60, "start")
        yield server
    finally:
        if (data / "postmaster.pid").exists():
            _run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


def _programs() -> Path | None:
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


def _run(program: Path, *arguments: object) -> None:
    command = [str(program), *map(str, arguments)]
    if os.getuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=120)
