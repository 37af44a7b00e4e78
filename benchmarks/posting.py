"""Posts events at a fixed rate: `python -m benchmarks.posting PORT PATH SECONDS RATE`. Prints JSON.

An event is due whether or not the one before was answered, and its time counts from then: who answers late makes the next ones
late, too, and that is to be seen.
"""

import asyncio
import gc
import json
import sys
import time
from dataclasses import dataclass, field

CONNECTIONS = 50  # kept alive


@dataclass
class Told:
    """What came of it, by event."""

    posted: int = 0
    acknowledged: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


async def post(port: int, path: str, numbers: range, rate: int, began: float, told: Told) -> None:
    """The events of these numbers on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for number in numbers:
            due = began + number / rate
            if (early := due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            body = _event(number + 1)
            writer.write(
                b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body)
            )
            told.posted += 1
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            told.seconds.append(time.monotonic() - due)
            if head.startswith(b"HTTP/1.1 200"):
                told.acknowledged.append(number + 1)
    finally:
        writer.close()


async def run(port: int, path: str, seconds: int, rate: int) -> None:
    told, began = Told(), time.monotonic() + 0.2
    every = [range(first, seconds * rate, CONNECTIONS) for first in range(CONNECTIONS)]
    await asyncio.gather(*(post(port, path, numbers, rate, began, told) for numbers in every))
    found = {"acknowledged": told.acknowledged, "seconds": told.seconds}
    print(json.dumps({**found, "posted": [told.posted], "took": [time.monotonic() - began]}))


def _event(number: int) -> bytes:
    said = {
        "aspect_type": "update",
        "event_time": 1_789_000_000,
        "object_id": number,
        "object_type": "activity",
        "owner_id": 4242,
        "subscription_id": 120475,
        "updates": {"title": "Morning Ride"},
    }
    return json.dumps(said).encode()


if __name__ == "__main__":
    gc.disable()  # its pauses would be measured as the intake's
    asyncio.run(run(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
