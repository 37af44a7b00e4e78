"""The floor of the intake: Starlette and uvicorn read a body and answer 200. `STRAVA_SERVE_ADDRESS` is the address."""

import os
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


async def receive(request: Request) -> Response:
    await request.body()
    return JSONResponse({})


def main() -> None:
    host, _, port = os.environ["STRAVA_SERVE_ADDRESS"].rpartition(":")
    app = Starlette(routes=[Route("/", receive, methods=["POST"])])
    config = uvicorn.Config(app, host, int(port), access_log=False, log_level="warning", timeout_graceful_shutdown=5)
    listener = config.bind_socket()
    listener.listen()
    print("listening", file=sys.stderr, flush=True)
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
