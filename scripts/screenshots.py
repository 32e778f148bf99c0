"""Make the pictures of the README and the documentation: `make screenshots`.

The demonstration is served as it is, and a real Chromium looks at it. Nothing outside is contacted.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


@contextmanager
def demonstration() -> Iterator[str]:
    """Serve the demonstration on a free port; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = "from consentkit.cli.main import main; main()"
    command = [sys.executable, "-c", start, "demo", "--port", str(port)]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)  # noqa: S603
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def picture(page: Page, name: str) -> None:
    page.wait_for_timeout(300)  # fonts and pictures of the page
    page.screenshot(path=IMAGES / f"{name}.png")
    browser = page.context.browser
    if browser is not None:
        browser.close()


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with demonstration() as site, sync_playwright() as playwright:

        def visit(path: str = "/", **options: Any) -> Page:
            # One browser for each: a second context of the same one may find other fonts.
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            page = browser.new_context(**{"viewport": DESKTOP, **options}).new_page()
            page.goto(site + path, wait_until="load")
            return page

        picture(visit(), "banner")
        picture(visit(color_scheme="dark"), "banner-dark")
        picture(visit(viewport=PHONE, device_scale_factor=2), "banner-phone")
        for name, options in (
            ("preferences", {}),
            ("preferences-dark", {"color_scheme": "dark"}),
            ("preferences-phone", {"viewport": PHONE, "device_scale_factor": 2}),
        ):
            page = visit(**options)
            page.click("[data-consentkit=customise]")
            page.locator("dialog[open] summary").nth(2).click()
            page.locator("dialog[open]").evaluate("dialog => dialog.scrollTo(0, 0)")
            picture(page, name)
        picture(visit("/consent/policy"), "policy")


if __name__ == "__main__":
    main()
