"""Drives Dagster's own UI with Chromium, as a user would: materialise a slice, read its summary, open the dialog, see pictures."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from demo import pool
from demo.run import settings
from tests.gui_browser import PROGRAM, needs_chromium

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
ROOT = Path(__file__).parent.parent

pytestmark = [
    pytest.mark.ui,
    pytest.mark.timeout(600),
    needs_chromium,
]


@pytest.fixture(scope="module")
def ui(tmp_path_factory):
    """`dagster dev` on a fresh instance whose one slice is registered but not materialised; gives its address."""
    folder = tmp_path_factory.mktemp("ui")
    pool.build(folder / "pool", pairs=100, workers=1)
    environment = os.environ | settings(folder)
    home = Path(environment["DAGSTER_HOME"])
    home.mkdir()
    shutil.copy(ROOT / "assets" / "dagster.yaml", home)
    register = "from assets.line import LineSettings as L; import dagster as dg; from assets.image_text import LINE; "
    register += "dg.DagsterInstance.get().add_dynamic_partitions(LINE.slices.name, [s.name for s in L.from_environment('image-text').plan()])"
    subprocess.run([sys.executable, "-c", register], check=True, env=environment, cwd=ROOT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "--host", "127.0.0.1", "--port", str(port)]
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(
            lambda: graphql(address, "{ workspaceOrError { __typename } }"), 180, lambda: (folder / "log").read_text()[-2000:]
        )
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


def graphql(address: str, query: str) -> dict:
    request = urllib.request.Request(
        f"{address}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["data"]


def wait_for(condition, seconds: float, explain=lambda: ""):
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = condition()
        except OSError:
            found = None
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain. {explain()}")
        time.sleep(1)


def finished_run(address: str) -> str | None:
    runs = graphql(address, "{ runsOrError { ... on Runs { results { status } } } }")["runsOrError"]["results"]
    return next((r["status"] for r in runs if r["status"] in ("SUCCESS", "FAILURE", "CANCELED")), None)


def test_a_slice_is_materialised_and_its_samples_are_seen(ui: str):
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1600, "height": 1200})
        page.set_default_timeout(60_000)
        page.add_init_script("""localStorage.communityNux = '"1"'""")
        page.goto(f"{ui}/assets/image_text/heuristics")
        page.get_by_role("button", name="Materialize").first.click()
        page.get_by_role("button", name="All", exact=True).click()
        page.get_by_role("button", name=re.compile("^Launch")).click()
        status = wait_for(lambda: finished_run(ui), 300)
        assert status == "SUCCESS"

        page.goto(f"{ui}/assets/image_text/heuristics?view=partitions&partition=slice-00000")
        expect(page.get_by_text("dropped: undecodable")).to_be_visible()
        expect(page.get_by_text("kept", exact=True).first).to_be_visible()
        page.get_by_text("Show Markdown").first.click()
        pictures = page.locator("[role=dialog] img, .bp5-dialog img, .bp4-dialog img, .bp3-dialog img")
        expect(pictures.first).to_be_visible()
        widths = pictures.evaluate_all("all => all.map(i => [i.complete, i.naturalWidth])")
        assert len(widths) >= 10
        assert all(complete and width > 0 for complete, width in widths), widths
        browser.close()
