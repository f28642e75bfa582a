"""A real S3 server on loopback, for tests of what lies on object storage."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest
import s3fs
from moto.server import ThreadedMotoServer


@contextmanager
def s3_server(*buckets: str) -> Iterator[dict[str, str]]:
    """Serves empty `buckets`; this process's environment, which is also yielded, says where and as whom."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    # What moto holds belongs to the process, not to the server: buckets of an earlier module's server would be there.
    with urlopen(Request(f"{settings['AWS_ENDPOINT_URL']}/moto-api/reset", method="POST")):
        pass
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            s3fs.S3FileSystem.clear_instance_cache()
            for bucket in buckets:
                s3fs.S3FileSystem().mkdir(bucket)
            yield settings
            s3fs.S3FileSystem.clear_instance_cache()
    finally:
        server.stop()
