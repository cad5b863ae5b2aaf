"""A chapter in JupyterLab, as a reader runs it: `make lab` must have installed JupyterLab."""

import importlib.util
import json
import socket
import subprocess
import sys
import time

import browser
import nbformat
import pytest

from trainlab.book import lab

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jupyterlab") is None,
    reason="JupyterLab is not installed: `make lab` installs it.",
)
CHAPTER = "02_vanishing_gradients"
TOKEN = "a-token-of-this-test"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    root = tmp_path_factory.mktemp("course")
    for name in ("chapters", "_toc.yml"):
        (root / name).symlink_to(browser.ROOT / name)
    lab.prepare(root)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # All cells are part of the page, not only those in view.
    settings = root / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    command = [
        sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser", f"--port={port}",
        f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root / lab.FOLDER}",
        f"--LabApp.user_settings_dir={root / 'settings'}",
    ]  # fmt: skip
    with (root / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    for _ in range(120):
        if f":{port}/lab" in (root / "log").read_text():
            break
        time.sleep(0.5)
    yield f"http://127.0.0.1:{port}/lab/tree/{CHAPTER}.ipynb?token={TOKEN}", root / lab.FOLDER
    server.terminate()
    server.wait()


def test_chapter_runs_in_jupyterlab(address):
    url, folder = address
    idle = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'
    with browser.chromium() as chromium:
        page = chromium.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(url)
        page.wait_for_selector(idle, timeout=90_000)
        page.wait_for_timeout(8_000)  # JupyterLab lays its menus out after that
        assert page.locator(".jp-Dialog").count() == 0  # it asks for no kernel
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="busy"]')
        page.wait_for_selector(idle, timeout=600_000)
        answer = page.locator(".jp-Notebook details[name]").first
        answer.locator("summary").click()
        assert answer.get_attribute("open") is not None
        page.keyboard.press("Control+s")
        page.wait_for_timeout(5_000)
    notebook = nbformat.read(folder / f"{CHAPTER}.ipynb", as_version=4)
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert [out for out in outputs if out.output_type == "error"] == []
    shown = json.dumps([out.get("data", {}) for out in outputs])
    for part in ("claim-card", "exercise-card", "image/svg+xml", "<details"):
        assert part in shown, part
