"""Dagster's daemon, and its UI behind a check of who asks: the process that `dev` and `service` start for both.

`python -m strava_pipeline.verbs.dagster_ui HOST PORT`, with DAGSTER_HOME set. It ends when it is interrupted or when the
daemon ends. Each part is verbs/dagster_servers.py's, the check serve/same_origin.py's.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from strava_pipeline.verbs.output import echo

if TYPE_CHECKING:
    import uvicorn

GRACE = 2  # seconds that requests being answered get to end; they take less, and a page of the UI keeps asking


def main() -> None:
    for how in (signal.SIGINT, signal.SIGTERM):
        signal.signal(how, lambda *_: os._exit(0))  # there is nothing to end while modules load, which takes seconds

    for how in (signal.SIGINT, signal.SIGTERM):
        signal.signal(how, signal.default_int_handler)
    host, port = sys.argv[1:]
    with suppress(KeyboardInterrupt):
        run(host, int(port))


def run(host: str, port: int) -> None:
    """Serve until interrupted, or until the daemon ends."""
    import dagster as dg
    import uvicorn

    from strava_pipeline.orchestrate.dagster_private import configure_loggers
    from strava_pipeline.serve.same_origin import SameOrigin
    from strava_pipeline.verbs.dagster_servers import code_server, daemon, web_application

    configure_loggers(formatter="colored", log_level="INFO")
    with (
        dg.DagsterInstance.get() as instance,
        code_server(instance) as workspace,
        daemon(workspace) as process,
        web_application(instance, workspace) as application,
    ):
        config = uvicorn.Config(
            SameOrigin(application, host),
            host=host,
            port=port,
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=GRACE,
        )
        server = uvicorn.Server(config)
        threading.Thread(target=_end_with, args=(process, server), daemon=True).start()
        server.run()


def _end_with(process: subprocess.Popen[bytes], server: "uvicorn.Server") -> None:
    code = process.wait()
    if not server.should_exit:
        echo(f"Dagster's daemon ended by itself, with exit code {code}.", err=True)
    server.should_exit = True


if __name__ == "__main__":
    main()
