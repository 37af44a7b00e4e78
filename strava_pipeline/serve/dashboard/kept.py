"""What pages say of the data, kept in this process until the data change: values, and whole answers (kept_answers.py).

They are kept by the state of the data folder (lake/dashboard/data_state.py), the athlete's day, and what was asked. The state is
taken before anything is read and once more at the end: what was read while the data changed is shown, and not kept.
"""

import hashlib
import pickle
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import UTC, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from strava_pipeline.lake.dashboard.data_state import data_state
from strava_pipeline.lake.gold.warehouse import Connection

if TYPE_CHECKING:
    from strava_pipeline.serve.dashboard.site import Site

T = TypeVar("T")
MOST = 8_000_000  # bytes of all that is kept: some 300 pages
LARGEST = 1_000_000  # bytes of one thing: the cells of a heat map are half of it
_FIRST = timezone(timedelta(hours=14))  # where a day begins first, and a month with it


class Kept:
    """A bounded store for the threads of a process; what was used least recently makes room.

    Keys are hashes with a secret of this start of the dashboard, which processes that are forked later share: nothing can be read
    from a key, and none is valid for another version of a page.
    """

    def __init__(self) -> None:
        self._lock, self._secret = threading.Lock(), secrets.token_bytes(32)
        self._packed: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def key(self, *parts: Hashable) -> str:
        text = repr(parts).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._secret, digest_size=16).hexdigest()

    def get(self, key: str) -> tuple[Any] | None:
        """What was put, as a copy of its own, so that nobody changes what is kept; None: it isn't here."""
        with self._lock:
            packed = self._packed.get(key)
            if packed is None:
                return None
            self._packed.move_to_end(key)
        return (pickle.loads(packed),)  # what this process packed

    def put(self, key: str, value: object) -> None:
        packed = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        if len(packed) > LARGEST:
            return
        with self._lock:
            self._size += len(packed) - len(self._packed.pop(key, b""))
            self._packed[key] = packed
            while self._size > MOST:
                self._size -= len(self._packed.popitem(last=False)[1])


def data_key(site: "Site", *asked: Hashable) -> str | None:
    """A key of what is asked of the data as they are now; None: nothing is published.

    `asked`: all that the answer depends on beside the data and the day; values whose texts tell them apart.
    """
    settings, now = site.settings, site.now()
    state = data_state(site.lake, (settings.providers_config, settings.secrets_dir))
    if state is None:
        return None
    zones = (site.zone, ZoneInfo(settings.timezone), UTC, _FIRST)  # UTC: the `current_date` of widgets
    days = [str(now.astimezone(zone).date()) for zone in zones]
    return site.kept.key(state, *days, *asked)


def kept_value(site: "Site", asked: Hashable, make: Callable[[Connection], T]) -> T:
    """What `make` says of the published snapshot, or what it said before, where the data have not changed since.

    Args:
        asked: the value's name, and everything that it depends on beside the data and the day.
        make: is given the snapshot, without a row where nothing is published. It must not read by a connection from outside,
            which may be older. What it returns can be pickled.

    Raises what `make` raises, and UnusableSnapshotError.
    """
    key = data_key(site, "value", asked)
    if key is not None and (found := site.kept.get(key)) is not None:
        value: T = found[0]
        return value
    with site.snapshot.reader_or_empty() as connection:
        value = make(connection)
    if key is not None and key == data_key(site, "value", asked):
        site.kept.put(key, value)
    return value
