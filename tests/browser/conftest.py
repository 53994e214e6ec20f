"""A real browser, Debian's or any other Chromium, and one JupyterLab for all tests; without them these tests are skipped, with the reason."""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"
START = 60                              # seconds that JupyterLab may take


@pytest.fixture(scope="module")         # while it runs there is an event loop, which other tests must not meet
def chromium():
    sync = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install -e .[test]")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium on this machine: install the package chromium to test the widgets in a browser")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The address of a JupyterLab of our own, with its token, and the folder that it serves."""
    home, token = tmp_path_factory.mktemp("jupyter"), secrets.token_hex(16)
    folder = home / "notebooks"
    config = home / "config" / "labconfig"
    for made in (folder, config, home / "ipython"):
        made.mkdir(parents=True)
    (config / "page_config.json").write_text(json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"JUPYTER_CONFIG_DIR": home / "config", "JUPYTER_DATA_DIR": home / "data", "JUPYTER_RUNTIME_DIR": home / "runtime",
           "IPYTHONDIR": home / "ipython", "JUPYTERLAB_SETTINGS_DIR": home / "settings", "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces"}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
               "--ServerApp.port_retries=0", "--LabApp.expose_app_in_browser=True", f"--IdentityProvider.token={token}",
               f"--ServerApp.root_dir={folder}"]
    with open(home / "server.log", "w") as log:
        own = {name: str(value) for name, value in own.items()} | {"PYTHONPATH": path}
        server = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | own)
    address, until = f"http://127.0.0.1:{port}", time.monotonic() + START
    while not _answers(f"{address}/api?token={token}"):
        if server.poll() is not None or time.monotonic() > until:
            server.kill()
            pytest.fail(f"JupyterLab did not start:\n{(home / 'server.log').read_text()[-2000:]}")
        time.sleep(0.2)
    yield address, token, folder
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(10)
    server.kill()


def _answers(address):
    try:
        return urllib.request.urlopen(address, timeout=2).status == 200
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def notebook(lab, chromium):
    """A function that writes a notebook of these cells, opens it in JupyterLab and runs it: -> the page, when every cell is done."""
    address, token, folder = lab
    contexts = []

    def opened(name, *cells, wait=90):
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata={"kernelspec": kernel}),
                       folder / f"{name}.ipynb")
        contexts.append(chromium.new_context(viewport={"width": 1300, "height": 1300}))
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        page.goto(f"{address}/lab/tree/{name}.ipynb?token={token}")
        page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
                               timeout=1000 * START)
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        page.wait_for_function("""count => { const told = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")].map(one => one.textContent);
                                  return told.length >= count && told.every(one => /\\[\\d+\\]/.test(one)); }""", arg=len(cells), timeout=1000 * wait)
        return page

    yield opened
    for context in contexts:
        context.close()
