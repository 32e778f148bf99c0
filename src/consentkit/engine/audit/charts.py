"""Charts as SVG, made in the server: nothing to run, nothing to load, readable when printed.

A picture is never the only way to know: each chart has a title and a description for those who do
not see it, and whoever shows one puts its table beside it. Series differ by colour, by the shape of
their marks and by their dashes, and are named at their end as well as in the legend.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup, escape
from msgspec import Struct

__all__ = ["Series", "columns", "lines"]

_WIDTH, _HEIGHT = 720, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 132, 12, 32
_MOST = 6  # series, as many as there are colours
_NAME = 18  # characters of a name beside its line
_LABEL = 14  # pixels between two such names


class Series(Struct, frozen=True, kw_only=True):
    """A row of numbers with a name; None where there is none."""

    name: str
    values: tuple[float | None, ...]


def lines(
    key: str, title: str, text: str, periods: Sequence[str], series: Sequence[Series]
) -> Markup:
    """Lines of shares between 0 and 1 over periods.

    Args:
        key: an id that no other chart on the page has.
        title: what the chart shows.
        text: what there is to see, in a sentence.
        periods: what stands below.
        series: at most six are drawn.
    """
    drawn = series[:_MOST]
    parts = [_grid([f"{percent}%" for percent in (0, 25, 50, 75, 100)]), _below(periods)]
    ends: list[tuple[float, int, str]] = []
    for number, one in enumerate(drawn, 1):
        points = [
            (_x(place, len(periods)), _y(value))
            for place, value in enumerate(one.values)
            if value is not None
        ]
        if not points:
            continue
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        # A line joins the periods that it has numbers for; one alone is a mark.
        parts.append(f'<polyline class="line s{number}" points="{path}"/>')
        if len(points) <= 31:
            parts += [_mark(number, x, y) for x, y in points]
        else:
            parts.append(_mark(number, *points[-1]))
        ends.append((points[-1][1], number, one.name))
    parts += _names(ends)
    return _svg(key, title, text, parts)


def columns(
    key: str, title: str, text: str, periods: Sequence[str], series: Sequence[Series]
) -> Markup:
    """Counts over periods, one on another; see ``lines``."""
    drawn = series[:_MOST]
    totals = [sum(one.values[place] or 0 for one in drawn) for place in range(len(periods))]
    top = _round_up(max(totals, default=0))
    parts = [_grid([f"{top * part / 4:,.0f}" for part in range(5)]), _below(periods)]
    width = max(1.0, _step(len(periods)) * 0.72)
    heights = [0.0] * len(periods)
    ends: list[tuple[float, int, str]] = []
    for number, one in enumerate(drawn, 1):
        for place, value in enumerate(one.values):
            if value:
                low, high = _y(heights[place] / top), _y((heights[place] + value) / top)
                x = _x(place, len(periods)) - width / 2
                heights[place] += value
                parts.append(
                    f'<rect class="column s{number}" x="{x:.1f}" y="{high:.1f}" '
                    f'width="{width:.1f}" height="{low - high:.1f}"/>'
                )
        if periods:
            middle = heights[-1] - (one.values[-1] or 0) / 2
            ends.append((_y(middle / top), number, one.name))
    parts += _names(ends)
    return _svg(key, title, text, parts)


def _svg(key: str, title: str, text: str, parts: Sequence[str]) -> Markup:
    return Markup(  # noqa: S704 - every text in it is escaped
        f'<svg class="chart" role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'aria-labelledby="{key}-title {key}-text"><title id="{key}-title">{escape(title)}</title>'
        f'<desc id="{key}-text">{escape(text)}</desc><g aria-hidden="true">{"".join(parts)}</g>'
        "</svg>"
    )


def _grid(labels: Sequence[str]) -> str:
    parts = []
    for place, label in enumerate(labels):
        y = _y(place / (len(labels) - 1))
        parts.append(
            f'<line class="rule" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="label" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
        )
    return "".join(parts)


def _below(periods: Sequence[str]) -> str:
    every = max(1, -(-len(periods) // 7))  # seven labels fit
    return "".join(
        f'<text class="label" x="{_x(place, len(periods)):.1f}" y="{_HEIGHT - 10}" '
        f'text-anchor="middle">{escape(period)}</text>'
        for place, period in enumerate(periods)
        if place % every == 0
    )


def _names(ends: Sequence[tuple[float, int, str]]) -> list[str]:
    """The names at the ends of the series, moved apart where they would cover each other."""
    placed = sorted(ends)
    ys = [y for y, _, _ in placed]
    for place, (above, y) in enumerate(pairwise(ys), 1):
        ys[place] = max(y, above + _LABEL, ys[place - 1] + _LABEL)
    overlap = max(0.0, (ys[-1] if ys else 0) - (_HEIGHT - _BOTTOM))
    return [
        f'<text class="name s{number}" x="{_WIDTH - _RIGHT + 10}" y="{y - overlap + 4:.1f}">'
        f"{escape(name if len(name) <= _NAME else name[: _NAME - 1] + '…')}</text>"
        for y, (_, number, name) in zip(ys, placed, strict=True)
    ]


def _mark(number: int, x: float, y: float) -> str:
    """A mark whose shape tells the series: circle, square, diamond, and these hollow."""
    hollow = " hollow" if number > 3 else ""
    shape = (number - 1) % 3
    if shape == 0:
        return f'<circle class="mark s{number}{hollow}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
    turn = f' transform="rotate(45 {x:.1f} {y:.1f})"' if shape == 2 else ""
    return (
        f'<rect class="mark s{number}{hollow}" x="{x - 3:.1f}" y="{y - 3:.1f}" width="6" '
        f'height="6"{turn}/>'
    )


def _step(count: int) -> float:
    return (_WIDTH - _LEFT - _RIGHT) / max(1, count)


def _x(place: int, count: int) -> float:
    return _LEFT + (place + 0.5) * _step(count)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _round_up(count: float) -> float:
    """A number not far above, whose quarters are whole and easy to read."""
    scale = 1
    while True:
        for top in (4, 8, 12, 16, 20, 24, 32):
            if top * scale >= count:
                return float(top * scale)
        scale *= 10
