"""An S3 of this machine's: moto's server, whose buckets are made by HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from moto.server import ThreadedMotoServer

ACCESS, SECRET = "an-access-key", "a-secret-key"


@dataclass(frozen=True)
class S3:
    """Where it answers."""

    url: str

    def make(self, bucket: str, *, versions: bool = False) -> str:
        """Make a bucket; its address."""
        self._put(bucket, "")
        if versions:
            self._put(
                bucket, "versioning=", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
            )
        return f"s3://{bucket}/folder"

    def _put(self, bucket: str, query: str, body: str = "") -> None:
        signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request"}
        answer = requests.put(f"{self.url}/{bucket}?{query}", data=body, headers=signed, timeout=60)
        answer.raise_for_status()

    @property
    def settings(self) -> dict[str, Any]:
        """What reaches it."""
        return {
            "aws_access_key_id": ACCESS,
            "aws_secret_access_key": SECRET,
            "aws_region": "us-east-1",
            "aws_endpoint_url": self.url,
        }


@contextmanager
def started() -> Iterator[S3]:
    """A server on a free port of the loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3(f"http://{host}:{port}")
    finally:
        server.stop()
