"""How the objects of a copy are sealed: ChaCha20-Poly1305 by a person's key, names by a keyed hash.

An object is sealed whole and bound to its place: swapped, renamed, shortened or changed, it can't be opened. A copy without a
key has the same objects, with a hash in place of the seal, so that accidents are noticed; who wants to can read and forge them.
Randomness is an argument.
"""

import base64
import hashlib
import hmac
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from strava_pipeline.core.errors import MissingSettingsError, PipelineError

KEY_BYTES = 32  # of ChaCha20 (RFC 8439)
NONCE_BYTES = 12  # RFC 8439; drawn at random: good for 2^32 objects of a key (NIST SP 800-38D, 8.3)
TAG_BYTES = 16
_HASH_BYTES = 32
_HEAD = "strava-pipeline-copy-key-1:"
_KEY = re.compile(re.escape(_HEAD) + r"([A-Za-z0-9_-]{43}=)")
_CHECKED = b"strava_pipeline copy"


class UnreadableObjectError(PipelineError):
    """An object of the copy is not what was put there: it is cut off, changed, or another one."""


def key_text(random: bytes) -> str:
    """The line of a key file. `random`: 32 random bytes."""
    if len(random) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    return _HEAD + base64.urlsafe_b64encode(random).decode()


def key_of(text: str, place: str) -> bytes:
    """The key in the text of a key file. Raises MissingSettingsError, which names `place` and never the text."""
    found = _KEY.fullmatch(text.strip())
    if found is None:
        raise MissingSettingsError(
            f"{place} holds no key of a copy. `strava-pipeline mirror key` makes one; for a copy that exists, its own key is "
            "needed."
        )
    return base64.urlsafe_b64decode(found[1])


class Seal:
    """Seals, opens and names the objects of a copy. Without a key it only adds a hash, and compares it.

    `check` tells a wrong key from a damaged copy, and reveals nothing of the key. `overhead`: by how many bytes an object is
    larger than its content.
    """

    def __init__(self, key: bytes | None) -> None:
        def derived(use: bytes) -> bytes:
            return b"" if key is None else HKDF(SHA256(), KEY_BYTES, salt=None, info=use).derive(key)

        self._naming = derived(b"names")
        self._cipher = None if key is None else ChaCha20Poly1305(derived(b"content"))
        self.check = "" if key is None else hmac.new(derived(b"check"), _CHECKED, hashlib.sha256).hexdigest()
        self.overhead = _HASH_BYTES if key is None else NONCE_BYTES + TAG_BYTES

    @property
    def has_key(self) -> bool:
        """Whether what is sealed can be read with the key alone."""
        return self._cipher is not None

    def name(self, content: bytes) -> str:
        """A name for content, in hexadecimal: the same for the same, and without the key nobody can say whether it is."""
        return hmac.new(self._naming, content, hashlib.sha256).hexdigest()

    def seal(self, place: str, content: bytes, nonce: bytes) -> bytes:
        """The object for `place`. `nonce`: 12 random bytes, others each time."""
        if self._cipher is None:
            return _hash(place, content) + content
        return nonce + self._cipher.encrypt(nonce, content, place.encode())

    def open(self, place: str, sealed: bytes) -> bytes:
        """The content of the object at `place`. Raises UnreadableObjectError."""
        try:
            if self._cipher is not None:
                return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
            if hmac.compare_digest(_hash(place, content := sealed[_HASH_BYTES:]), sealed[:_HASH_BYTES]):
                return content
        except (InvalidTag, ValueError):  # ValueError: shorter than a nonce
            pass
        raise UnreadableObjectError(f"{place} of the copy is not what was put there: it is damaged, or another object.")


def _hash(place: str, content: bytes) -> bytes:
    return hashlib.sha256(place.encode() + b"\0" + content).digest()
