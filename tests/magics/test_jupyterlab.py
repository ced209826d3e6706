"""The first notebook in JupyterLab, in a real browser: the live view moves, and stays.

Pictures of it go to the folder in IPCM_SCREENSHOTS; `live-view.png` is that of docs/notebook.md.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import wait_until
from tests.magics.kernels import processes_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
LIMIT = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running_lab(folder: Path) -> Iterator[str]:
    """A JupyterLab on this folder; its address."""
    port = free_port()
    environment = {
        **os.environ,
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "JUPYTER_CONFIG_DIR": str(folder / ".config"),
        "JUPYTER_RUNTIME_DIR": str(folder / ".runtime"),
        "JUPYTER_DATA_DIR": str(folder / ".data"),
        "IPYTHONDIR": str(folder / ".ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *(f"--port={port}", "--ip=127.0.0.1", "--IdentityProvider.token="),
        *(f"--ServerApp.root_dir={folder}", "--LabApp.news_url=", "--log-level=ERROR"),
    ]
    with subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/api"), LIMIT)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(LIMIT)
    wait_until(lambda: not processes_of(folder), 10.0)


def answers(address: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:
        return bool(answer.status == 200)
    return False


@contextlib.contextmanager
def open_page() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright to drive it")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 1700})
            page.set_default_timeout(LIMIT * 1000)
            yield page
        finally:
            browser.close()


def choose_kernel(page: Any) -> None:
    """Some versions ask which kernel, and some do not."""
    ask, idle = page.locator(".jp-Dialog .jp-mod-accept"), page.get_by_text("| Idle")
    ask.or_(idle).first.wait_for()
    page.wait_for_timeout(1000)  # the question may come behind the news that it is idle
    if ask.count():
        ask.first.click()
        ask.wait_for(state="detached")
    idle.first.wait_for()


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (Debian: chromium)")
def test_the_live_view_moves_in_jupyterlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jupyterlab", reason="there is no JupyterLab here")
    nbformat: Any = pytest.importorskip("nbformat")
    notebook = nbformat.read(ROOT / "notebooks" / "01-first-service.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, tmp_path / "first.ipynb")
    pictures = Path(os.environ.get("IPCM_SCREENSHOTS", tmp_path))
    with running_lab(tmp_path) as address, open_page() as page:
        page.goto(f"{address}/lab/tree/first.ipynb?reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        choose_kernel(page)
        page.get_by_text("Run", exact=True).first.click()
        page.get_by_text("Run All Cells", exact=True).first.click()
        view = page.locator(".jp-OutputArea-output", has_text="greeter on bus").first
        view.wait_for()
        first = view.inner_text()
        texts = {first}
        deadline = time.monotonic() + LIMIT
        while len(texts) < 3 or view.locator("svg").count() < 2:
            assert time.monotonic() < deadline, f"it does not move: {texts}"
            texts.add(view.inner_text())
            page.wait_for_timeout(100)
        page.screenshot(path=pictures / "lab-moving.png")
        page.get_by_text("ended", exact=True).last.wait_for()
        assert page.locator(".jp-OutputArea-output", has_text="add --capture titles").count() == 1
        view.scroll_into_view_if_needed()
        assert view.locator("svg").count() == 2, "the last picture stays"
        last = view.inner_text()
        page.wait_for_timeout(1200)
        assert view.inner_text() == last
        page.screenshot(path=pictures / "lab-ended.png")
        view.screenshot(path=pictures / "live-view.png")
