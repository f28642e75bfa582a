"""`make ui`: Dagster on the demo's own records, and its report, both on loopback only."""

import argparse
import functools
import os
import signal
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
    for number in (signal.SIGINT, signal.SIGTERM):  # told to stop is as good as Ctrl-C, which a shell's `&` would have ignored
        signal.signal(number, signal.default_int_handler)
    dagster = subprocess.Popen(command, env=environment)
    try:
        sys.exit(dagster.wait())
    except KeyboardInterrupt:
        dagster.send_signal(signal.SIGINT)  # it ends its own web server, daemon and code servers
        dagster.wait()


if __name__ == "__main__":
    main()
