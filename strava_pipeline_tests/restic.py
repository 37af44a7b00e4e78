"""An empty repository of restic's, to be copied, whose key costs nothing to open.

restic makes its keys so slow that each call takes a third of a second of CPU, and to measure how slow takes two. So the key is
sealed again with the least work that restic accepts: https://restic.readthedocs.io/en/stable/100_references.html#keys-encryption-and-mac
"""

import hashlib
import json
import os
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB
from cryptography.hazmat.primitives.poly1305 import Poly1305

PASSWORD = "the password of the copy"


def make_repository(folder: Path) -> Path:
    """A repository below `folder`, opened by PASSWORD."""
    folder.mkdir()
    repository, password = folder / "repository", folder / "password"
    password.write_text(PASSWORD)
    place = {"RESTIC_REPOSITORY": str(repository), "RESTIC_PASSWORD_FILE": str(password), "HOME": str(folder)}
    subprocess.run(["restic", "init", "--quiet"], env={"PATH": os.environ["PATH"], **place}, check=True)
    (path,) = (repository / "keys").iterdir()
    key = json.loads(path.read_bytes())
    sealed = b64decode(key["data"])
    master = _counted(_derived(key)[:32], sealed[:16], sealed[16:-16])
    key |= {"N": 2, "r": 1, "p": 1}
    key["data"] = b64encode(_sealed(_derived(key), master)).decode()
    content = json.dumps(key).encode()
    path.unlink()
    path.with_name(hashlib.sha256(content).hexdigest()).write_bytes(content)
    return repository


def _derived(key: dict[str, str | int]) -> bytes:
    work = {name.lower(): int(key[name]) for name in ("N", "r", "p")}
    return hashlib.scrypt(PASSWORD.encode(), salt=b64decode(str(key["salt"])), maxmem=1 << 30, dklen=64, **work)


def _counted(key: bytes, nonce: bytes, text: bytes) -> bytes:
    return Cipher(AES(key), CTR(nonce)).encryptor().update(text)


def _sealed(key: bytes, text: bytes) -> bytes:
    nonce = os.urandom(16)  # zeros are refused
    once = Cipher(AES(key[32:48]), ECB()).encryptor().update(nonce)
    sealed = _counted(key[:32], nonce, text)
    return nonce + sealed + Poly1305.generate_tag(key[48:] + once, sealed)
