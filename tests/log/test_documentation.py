from __future__ import annotations

import re
from pathlib import Path

from consentkit.log import ACTIONS, verify
from consentkit.log.export import COLUMNS, to_jsonl
from consentkit.log.leaf import Leaf
from consentkit.log.sqlite import SqliteLog
from tests.log.making import fill, python

PAGE = Path(__file__).parents[2] / "docs" / "log.md"


def test_the_verifier_on_the_page_comes_to_the_same_root(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(import hashlib.*?)```", PAGE.read_text(), re.DOTALL)
    log = SqliteLog(tmp_path / "consent.db")
    for count in (1, 12):
        fill(log, count)
        lines = b"".join(to_jsonl(log.records())).decode()
        process = python(code)
        assert process.communicate(lines) == (verify(log).root.hex() + "\n", "")
        changed = python(code)
        changed.communicate(lines.replace('"marketing\\":\\"denied', '"marketing\\":\\"granted'))
        assert changed.returncode == 1
    log.close()


def test_the_page_names_every_field() -> None:
    text = PAGE.read_text()
    for name in (*Leaf.__struct_fields__, *COLUMNS, *ACTIONS):
        assert f"`{name}`" in text, name
