"""Dagster's daemon, and its UI behind a check of who asks: the process that `dev` and `service` start for both.

`python -m strava_pipeline.verbs.dagster_ui HOST PORT`, with DAGSTER_HOME set. It ends when it is interrupted or when the
daemon ends. Each part is orchestrate/ui.py's, the check serve/same_origin.py's.
"""

import signal
import subprocess
import sys
import threading
from contextlib import suppress

import dagster as dg
import uvicorn
from dagster._utils.log import configure_loggers

from strava_pipeline.orchestrate.ui import code_server, daemon, web_application
from strava_pipeline.serve.same_origin import SameOrigin

GRACE = 5  # seconds that requests being answered get to end; a page of the UI keeps asking


def main() -> None:
    host, port = sys.argv[1:]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    configure_loggers(formatter="colored", log_level="INFO")
    with (
        suppress(KeyboardInterrupt),
        dg.DagsterInstance.get() as instance,
        code_server(instance) as workspace,
        daemon(workspace) as process,
        web_application(instance, workspace) as application,
    ):
        config = uvicorn.Config(
            SameOrigin(application, host),
            host=host,
            port=int(port),
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=GRACE,
        )
        server = uvicorn.Server(config)
        threading.Thread(target=_end_with, args=(process, server), daemon=True).start()
        server.run()


def _end_with(process: subprocess.Popen[bytes], server: uvicorn.Server) -> None:
    process.wait()
    server.should_exit = True


if __name__ == "__main__":
    main()
