"""Posts requests at a fixed rate on kept-alive connections; events: `python -m benchmarks.posting PORT PATH SECONDS RATE`.

A request is due whether or not the one before was answered, and its time counts from then: a late answer makes the next requests
late as well, which the figures must show. The command prints JSON.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

CONNECTIONS = 50


@dataclass
class Posted:
    """How many requests were posted, the numbers of those answered with 200, and the seconds to each answer and in all."""

    posted: int = 0
    acknowledged: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    total_seconds: float = 0.0


async def post_all(port: int, count: int, rate: int, request: Callable[[int], tuple[str, bytes]]) -> Posted:
    """Post requests 0 to `count`, `rate` in a second; `request` gives path and body of a number.

    Request n uses connection n modulo CONNECTIONS.
    """
    posted, started = Posted(), time.monotonic() + 0.2
    connections = [range(first, count, CONNECTIONS) for first in range(CONNECTIONS)]
    await asyncio.gather(*(_post(port, numbers, rate, started, request, posted) for numbers in connections))
    posted.total_seconds = time.monotonic() - started
    return posted


async def _post(
    port: int, numbers: range, rate: int, started: float, request: Callable[[int], tuple[str, bytes]], posted: Posted
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for number in numbers:
            due = started + number / rate
            if (early := due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            path, body = request(number)
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            posted.posted += 1
            answer = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            posted.seconds.append(time.monotonic() - due)
            if answer.startswith(b"HTTP/1.1 200"):
                posted.acknowledged.append(number)
    finally:
        writer.close()


def _event(number: int) -> bytes:
    event = {
        "aspect_type": "update",
        "event_time": 1_789_000_000,
        "object_id": number,
        "object_type": "activity",
        "owner_id": 4242,
        "subscription_id": 120475,
        "updates": {"title": "Morning Ride"},
    }
    return json.dumps(event).encode()


def main() -> None:
    """Post events; the object_id of an event is its number, counted from 1."""
    gc.disable()  # its pauses would count as the server's
    port, path, seconds, rate = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    posted = asyncio.run(post_all(port, seconds * rate, rate, lambda number: (path, _event(number + 1))))
    print(json.dumps(asdict(posted)))


if __name__ == "__main__":
    main()
