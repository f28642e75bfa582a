"""`make ui`: Dagster on the demo's own records, and its report, both on loopback only."""

import argparse
import functools
import os
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from demo.run import settings

HOST = "127.0.0.1"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Requests for the report are no news."""


def serve_report(folder: Path, port: int) -> ThreadingHTTPServer:
    """Serves `folder` on loopback in a thread of its own."""
    server = ThreadingHTTPServer((HOST, port), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("out"))
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--report-port", type=int, default=3001)
    options = parser.parse_args()
    folder = options.output.absolute()
    if not (folder / "dagster_home").is_dir():
        sys.exit(f"{folder} holds no demo yet: run `make demo` first")
    serve_report(folder, options.report_port)
    url = f"http://{HOST}:{options.report_port}"
    reports = [f"report  {url}/{r.parent.parent.name}/report/index.html" for r in sorted(folder.glob("*/report/index.html"))]
    print("\n".join([f"UI      http://{HOST}:{options.port}", *reports]), flush=True)
    environment = os.environ | settings(folder) | {"SIEVELINE_REPORT_URL": url}
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "--workspace",
        "workspace.yaml",
        "--host",
        HOST,
        "--port",
        str(options.port),
    ]
    try:
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
