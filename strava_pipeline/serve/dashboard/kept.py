"""A cache of values from the data, in this process, until the data change: values, and whole answers (kept_answers.py).

site.py defines the keys.
"""

import hashlib
import pickle
import secrets
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

MOST = 8_000_000  # bytes of all that is kept: some 300 pages
LARGEST = 1_000_000  # bytes of one entry: the cells of a heat map are half of it


class Kept:
    """A bounded cache for the threads of a process; the least recently used item makes room.

    Keys are hashes with a secret of this start of the dashboard, which processes that are forked later share: nothing
    can be read from a key, and none is valid for another version of a page.
    """

    def __init__(self) -> None:
        self._lock, self._secret = threading.Lock(), secrets.token_bytes(32)
        self._packed: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def key(self, *parts: Hashable) -> str:
        text = repr(parts).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._secret, digest_size=16).hexdigest()

    def get(self, key: str) -> tuple[Any] | None:
        """The stored value, as a separate copy, so that nobody changes the stored one; None if absent."""
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
