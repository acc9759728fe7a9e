"""A bucket in an object store on loopback: moto's server, which speaks S3."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from .conftest import wait_for

SERVER = "from moto.server import main; main()"


class Bucket:
    """One bucket, which tests look into, and take away from, past the project's own code."""

    def __init__(self, server: str, name: str) -> None:
        self.name = name
        self.env = os.environ | {
            "AWS_ENDPOINT_URL": server,
            "AWS_ACCESS_KEY_ID": "who",
            "AWS_SECRET_ACCESS_KEY": "hush",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        self._client = boto3.client(
            "s3",
            endpoint_url=server,
            aws_access_key_id="who",
            aws_secret_access_key="hush",
            region_name="us-east-1",
        )

    def create(self) -> None:
        self._client.create_bucket(Bucket=self.name)

    def get(self, key: str) -> bytes:
        return bytes(self._client.get_object(Bucket=self.name, Key=key)["Body"].read())

    def put(self, key: str, data: bytes) -> None:
        self._client.put_object(Bucket=self.name, Key=key, Body=data)

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=self.name, Key=key)


@contextmanager
def running() -> Iterator[Bucket]:
    """A server with a bucket that is empty."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-W", "ignore", "-c", SERVER, "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: answers(port))
            bucket = Bucket(f"http://127.0.0.1:{port}", "kept")
            bucket.create()
            yield bucket
        finally:
            process.kill()


def answers(port: int) -> bool:
    with socket.socket() as door:
        return door.connect_ex(("127.0.0.1", port)) == 0
