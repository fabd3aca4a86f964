"""The job's key, and everything that is read and written under it (age, X25519: age-encryption.org/v1).

age hides content but does not say who wrote it: whoever knows the recipient can seal to it. The job is
therefore named by its digest on the command line, the result by digests in the `finished` event, and a
model checkpoint carries a MAC under a key that only the identity's holder can derive.
"""
import hashlib
import hmac
import os
from pathlib import Path

import pyrage

from .errors import TrainerError

_MAC_DOMAIN = b"fairweight/checkpoint-mac/v1"


class Seal:
    """Holds one age identity. `identity` is a line AGE-SECRET-KEY-1…"""

    def __init__(self, identity: str):
        try:
            self._identity = pyrage.x25519.Identity.from_str(identity)
        except Exception:
            raise TrainerError("key-invalid", "the key descriptor carries no age X25519 identity") from None
        self._recipient = self._identity.to_public()
        self._mac_key = hmac.digest(identity.encode(), _MAC_DOMAIN, "sha256")

    def seal(self, plaintext: bytes) -> bytes:
        return pyrage.encrypt(plaintext, [self._recipient])

    def open(self, sealed: bytes) -> bytes:
        """Raises ValueError when the bytes were not sealed to this key or have changed since."""
        try:
            return pyrage.decrypt(sealed, [self._identity])
        except Exception:
            raise ValueError("does not open with this key") from None

    def seal_own(self, plaintext: bytes) -> bytes:
        return self.seal(hmac.digest(self._mac_key, plaintext, "sha256") + plaintext)

    def open_own(self, sealed: bytes) -> bytes:
        """Raises ValueError also when it opens but was not written by a holder of the identity."""
        opened = self.open(sealed)
        mac, plaintext = opened[:32], opened[32:]
        if not hmac.compare_digest(mac, hmac.digest(self._mac_key, plaintext, "sha256")):
            raise ValueError("was not written by a holder of this key")
        return plaintext


def read_identity(fd: int) -> Seal:
    """Reads one line from the descriptor and closes it."""
    try:
        with os.fdopen(fd, "rb") as stream:
            line = stream.read(4096)
        return Seal(line.decode("ascii").strip())
    except (OSError, UnicodeDecodeError):
        raise TrainerError("key-invalid", "the key descriptor cannot be read") from None


def write_atomic(path: Path, content: bytes) -> None:
    """After a crash at any point `path` holds either all of the old bytes or all of the new ones."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with open(temporary, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise TrainerError("io", f"{path.name} cannot be written (errno {error.errno})") from None


def sha256(content) -> str:
    return hashlib.sha256(content).hexdigest()
