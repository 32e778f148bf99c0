"""Build the wheel, install it alone in a new environment, and look whether everything is in it.

Templates, catalogue files, scripts and styles are easily left out of a wheel without any test of
the checkout noticing. Usage: wheel_check.py FOLDER (of the environment; it is made anew).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"


def run(*command: str | Path, cwd: Path) -> None:
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def build(folder: Path) -> Path:
    """Build into an empty folder, with the build backend in an environment of its own."""
    run(sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "-w", folder, ROOT, cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def missing(wheel: Path) -> list[str]:
    """The files of the source tree that the wheel does not have."""
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    wanted = {
        path.relative_to(SOURCE).as_posix()
        for path in (SOURCE / "consentkit").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return sorted(wanted - packed)


def main(environment: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        elsewhere = Path(name)
        wheel = build(elsewhere)
        if lost := missing(wheel):
            sys.exit("the wheel lacks:\n  " + "\n  ".join(lost))
        venv.create(environment, with_pip=True, clear=True)
        python = environment / "bin" / "python"
        # Only what the wheel itself asks for: a dependency that is not declared shows here.
        run(python, "-m", "pip", "install", "-qq", wheel, cwd=elsewhere)
        run(python, "-W", "error", "-c", "import consentkit, consentkit.asgi", cwd=elsewhere)
        run(python, "-W", "error", "-c", "import consentkit.wsgi", cwd=elsewhere)
        run(environment / "bin" / "consentkit", "--help", cwd=elsewhere)
        print(f"{wheel.name}: complete, {wheel.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
