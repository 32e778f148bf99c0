"""The numbers for people: tables in ``docs/performance.md`` and a plot in ``docs/images``.

Only what stands between the marks in the page is written anew; its prose is kept.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from html import escape
from importlib.metadata import version
from math import log10
from pathlib import Path

from benchmarks.measure import Ratio
from benchmarks.results import REFERENCE, Cell, Results

__all__ = ["headline", "write"]

_BEGIN, _END = "<!-- benchmarks/gate.py writes from here -->", "<!-- to here -->"
_LIBRARIES = ("python-lolhtml", "lol-html-py", "selectolax", "lxml", "beautifulsoup4")
_GATE = "known 16k cold", "known 16k warm", "known whole warm", "strict 16k cold", "strict 16k warm"
_OTHERS = ("lol-html-py", "selectolax", "lxml", "BeautifulSoup", "bytes.find")


def write(results: Results, docs: Path) -> None:
    """Put the tables and the plot into the documentation."""
    page = docs / "performance.md"
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    behind = rest.partition(_END)[2]
    parts = [_machine(), headline(results), _grid(results), _hostile(results)]
    body = "\n\n".join(["", *parts, ""])
    page.write_text(before + _BEGIN + body + _END + behind, encoding="utf-8")
    (docs / "images" / "gate.svg").write_text(_plot(results.cells), encoding="utf-8")


def _machine() -> str:
    names = [f"{name} {version(name)}" for name in _LIBRARIES]
    return (
        f"Measured with Python {platform.python_version()} on {_processor()}, {os.cpu_count()} "
        f"processors, {platform.system()}; {', '.join(names)}."
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, ("---", *["---:"] * (len(head) - 1)), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _shown(ratio: Ratio) -> str:
    return f"**{ratio.median:.2f}** ({ratio.low:.2f}–{ratio.high:.2f})"


def headline(results: Results) -> str:
    """What DESIGN asks for, beside what was measured; quartiles of the rounds in brackets."""
    return _table(("What", "must", "aim", "measured"), _headline(results))


def _headline(results: Results) -> Iterator[tuple[str, ...]]:
    corpus, small = results.corpus, results.small
    yield (
        "speed beside python-lolhtml: real-sized pages, 16 KB chunks, nothing remembered",
        "0.40",
        "0.55",
        _shown(corpus.ratio(REFERENCE, "known 16k cold")),
    )
    yield (
        "the same, pages seen before",
        "0.55",
        "0.70",
        _shown(corpus.ratio(REFERENCE, "known 16k warm")),
    )
    yield (
        "the same, pages under 8 KB, nothing remembered",
        "0.9",
        "1.2",
        _shown(small.ratio(REFERENCE, "known 16k cold")),
    )
    yield (
        "speed in 16 KB chunks beside whole pages",
        "0.80",
        "0.95",
        _shown(corpus.ratio("known whole cold", "known 16k cold")),
    )
    for memory, must, aim in (("cold", "13", "9"), ("warm", "10", "7")):
        yield (
            f"time in terms of `bytes.find`, {memory}",
            f"≤ {must}",
            f"≤ {aim}",
            _shown(corpus.ratio(f"known 16k {memory}", "bytes.find")),
        )
    for tags, must, aim in ((0, "1.4", "1.8"), (40, "1.0", "1.3")):
        times = next(c for c in results.cells if (c.size, c.tags) == (100_000, tags)).times
        yield (
            f"speed beside selectolax: 100 KB, {tags} gated tags, nothing remembered",
            must,
            aim,
            _shown(times.ratio("selectolax", "known 16k cold")),
        )
    times = next(c for c in results.cells if (c.size, c.tags) == (100_000, 40)).times
    yield (
        "speed of `strict` beside `known`: 100 KB, 40 gated tags",
        "0.65",
        "0.8",
        _shown(times.ratio("known 16k cold", "strict 16k cold")),
    )
    # Of what costs no more than some pages, a quotient tells the noise of the machine.
    slow = [one for one in results.hostile if one.worth > 5]
    yield (
        "hostile input: time when the size doubles, at most",
        "2.5×",
        "2.1×",
        f"**{max(one.doubling for one in slow):.2f}×**",
    )
    yield (
        "hostile input: the worst 100 KB, in ordinary pages",
        "150×",
        "50×",
        f"**{max(one.worth for one in slow):.0f}×**",
    )
    yield (
        "growth of the process over a page of 100 MB",
        "",
        "2 MB",
        f"**{results.growth / 1e6:.1f} MB**",
    )


def _grid(results: Results) -> str:
    head = ("page", "gated tags", "python-lolhtml", *_GATE, *_OTHERS)
    rows = _table(tuple(name.replace("16k", "16 KB") for name in head), _cells(results.cells))
    return "Speed, python-lolhtml being 1 (its time for one page in the third column):\n\n" + rows


def _cells(cells: list[Cell]) -> Iterator[tuple[str, ...]]:
    for cell in cells:
        times = cell.times
        microseconds = times.seconds(REFERENCE) / cell.pages * 1e6
        ratios = (times.ratio(REFERENCE, name).median for name in (*_GATE, *_OTHERS))
        size = f"{cell.size // 1000} KB" if cell.size < 1_000_000 else "2 MB"
        yield (size, str(cell.tags), f"{microseconds:,.0f} µs", *(f"{r:.2f}" for r in ratios))


def _hostile(results: Results) -> str:
    worst = sorted(results.hostile, key=lambda one: -one.worth)[:8]
    rows = (
        (one.name, "16 KB" if one.chunked else "whole", f"{one.worth:.1f}", f"{one.doubling:.2f}×")
        for one in worst
    )
    head = ("hostile input", "fed", "100 KB in ordinary pages", "when the size doubles")
    return f"The worst of {len(results.hostile)} hostile inputs:\n\n" + _table(head, rows)


# --- the plot -----------------------------------------------------------------------------------

_LINES = {
    "known 16k warm": ("gate, pages seen before", "#0b6e4f"),
    "known 16k cold": ("gate, nothing remembered", "#2a9d8f"),
    "bytes.find": ("bytes.find", "#888888"),
    "lol-html-py": ("lol-html-py", "#7b5ea7"),
    "selectolax": ("selectolax", "#c2570c"),
    "lxml": ("lxml", "#b3261e"),
    "BeautifulSoup": ("BeautifulSoup", "#6d4c41"),
}
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 760, 420, 60, 30, 190, 50
_LOWEST, _HIGHEST = 0.002, 30.0
_APART = 15.0  # the least distance between two labels


def _x(size: int) -> float:
    share = (log10(size) - log10(2_000)) / (log10(2_000_000) - log10(2_000))
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(ratio: float) -> float:
    share = (log10(ratio) - log10(_LOWEST)) / (log10(_HIGHEST) - log10(_LOWEST))
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _plot(cells: list[Cell]) -> str:
    """Speed by the size of the page, both in powers of ten; pages with five gated tags."""
    cells = [cell for cell in cells if cell.tags == 5]
    title = "Speed beside python-lolhtml (1), by size of the page, five gated tags"
    fonts = 'font-family="system-ui, sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {fonts}>',
        f"<title>{title}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="18" font-weight="600">{title}</text>',
    ]
    for ratio in (0.01, 0.1, 1, 10):
        y, colour = _y(ratio), "#333" if ratio == 1 else "#ddd"
        parts.append(
            f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="{colour}"/>'
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{ratio:g}</text>'
        )
    for cell in cells:
        label = f"{cell.size // 1000} KB" if cell.size < 1_000_000 else "2 MB"
        place = f'x="{_x(cell.size):.1f}" y="{_HEIGHT - _BOTTOM + 20}"'
        parts.append(f'<text {place} text-anchor="middle">{label}</text>')
    labels: list[tuple[float, str, str]] = [(_y(1), "python-lolhtml", "#333")]
    for name, (label, colour) in _LINES.items():
        points = [(_x(c.size), _y(c.times.ratio(REFERENCE, name).median)) for c in cells]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        width = 3 if name.startswith("known") else 1.5
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>')
        labels.append((points[-1][1], label, colour))
    lowest = 0.0
    for y, label, colour in sorted(labels):
        lowest = max(y + 4, lowest + _APART)
        place = f'x="{_WIDTH - _RIGHT + 8}" y="{lowest:.1f}"'
        parts.append(f'<text {place} fill="{colour}">{escape(label)}</text>')
    return "\n".join([*parts, "</svg>\n"])
