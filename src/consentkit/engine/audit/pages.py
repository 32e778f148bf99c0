"""The pages for auditors: an overview with charts, the records, one record, and the exports.

No script is in them, and none is needed. Text comes from templates whose every value is escaped;
what a visitor was shown is put into a frame that may do nothing at all (``sandbox=""``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import jinja2
from markupsafe import Markup
from msgspec import Struct

from consentkit.engine.audit.answers import Asked, Desk, page, see
from consentkit.engine.audit.api import AT_ONCE, counted, listed
from consentkit.engine.audit.charts import Series, columns, lines
from consentkit.engine.audit.queries import LIST, STATISTICS, link, read
from consentkit.engine.forms import form_fields
from consentkit.engine.messages import Reply
from consentkit.errors import LogError, RequestRefused
from consentkit.log import ACTIONS
from consentkit.log.bundle import proof_of
from consentkit.log.checkpoint import Checkpoint
from consentkit.log.export import as_dict
from consentkit.log.tally import BY, Statistics

__all__ = ["Pages"]

_NAMES = {
    "category": "category",
    "action": "kind of choice",
    "country": "country",
    "device": "device",
    "language": "language",
    "policy_version": "policy version",
}
_SHOWN = 6
_DAYS = 92  # of a chart by days, unless it is said since when
_FRAME = (
    '<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>Notice</title>'
    '<link rel="stylesheet" href="{style}"></head><body>{notice}</body></html>'
)


class Chart(Struct, frozen=True, kw_only=True):
    """A chart and its table: a heading for each column, and rows that begin with their own."""

    key: str
    title: str
    svg: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Pages:
    """Answers people.

    Args:
        desk: what is at hand.
        site_name: whose log it is.
        theme: ``auto``, ``light`` or ``dark``.
        styles: the names of the style sheets: that of the pages, and that of banners.
    """

    def __init__(self, desk: Desk, site_name: str, theme: str, styles: tuple[str, str]) -> None:
        self._desk = desk
        self._site_name = site_name
        self._theme = theme
        self._styles = styles
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("consentkit.engine.audit", "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def overview(self, asked: Asked) -> Reply:
        """Charts, and whether the log is whole."""
        query = read(asked.request.query, STATISTICS, form=True)
        by = query.get("by", "category")
        if query.get("step") == "day" and "since" not in query:
            query["since"] = self._days_ago(_DAYS)
        found = counted(self._desk, query)
        chosen = counted(self._desk, {**query, "by": "action"})
        return self._page(
            asked,
            "overview.html",
            here="overview",
            query=query,
            by=by,
            names=_NAMES,
            dimensions=BY,
            found=found,
            charts=[_rates(found, _NAMES[by]), _kinds(chosen)],
            run=self._desk.runs.status,
        )

    def _days_ago(self, days: int) -> str:
        now = datetime.fromisoformat(self._desk.now())
        return (now - timedelta(days=days)).date().isoformat()

    def records(self, asked: Asked) -> Reply:
        """A page of records, and a form to look for some."""
        query = read(asked.request.query, LIST, form=True)
        records, more = listed(self._desk, asked, query)
        asked_for = {k: v for k, v in query.items() if k not in ("after", "before", "limit")}
        export = {k: v for k, v in asked_for.items() if k != "order"}
        return self._page(
            asked,
            "records.html",
            here="records",
            query=query,
            actions=ACTIONS,
            records=records,
            more=more,
            first=link(asked_for) if {"after", "before"} & set(query) else None,
            exports={form: link(export, form=form) for form in ("csv", "jsonl", "zip")},
            at_once=AT_ONCE,
        )

    def record(self, asked: Asked) -> Reply:
        """A record, what the visitor was shown, and the proof that it is in the log."""
        record = self._desk.log.get(asked.key)
        if record is None:
            raise RequestRefused(404, "There is no such record.")
        self._desk.trail.note(asked.who, "record", self._desk.now(), records=[record.seq])
        notice = self._desk.log.notice(record.event.notice)
        frame = ""
        if notice is not None:
            frame = notice.html.decode("utf-8", "replace")
            if not frame.lstrip()[:9].lower().startswith("<!doctype"):
                frame = _FRAME.format(
                    language="en", style=asked.static + self._styles[1], notice=frame
                )
        proof, problem = None, ""
        try:
            checkpoints = self._desk.checkpoints
            note = checkpoints.current()
            proof = proof_of(self._desk.log, record, note, checkpoints.keys)
            proof["checkpoint"] = Checkpoint.read(note)
        except LogError as error:
            problem = str(error)
        return self._page(
            asked,
            "record.html",
            here="records",
            record=record,
            fields=as_dict(record),
            frame=frame,
            proof=proof,
            problem=problem,
            erasable=asked.who.may("erase")
            and self._desk.forget is not None
            and not record.redacted
            and bool(record.event.consent_id),
        )

    def verify(self, asked: Asked) -> Reply:
        """Start a run of verification, and go on watching it."""
        if not self._desk.runs.start():
            self._desk.trail.note(asked.who, "verify", self._desk.now())
        return see(f"{asked.home}#verification")

    def forget(self, asked: Asked) -> Reply:
        """Erase a visitor's records, and say how many there were."""
        if self._desk.forget is None:
            raise RequestRefused(403, "The log is only read here.")
        consent_id = form_fields(asked.request, asked.body, ("consent_id",))["consent_id"]
        if not 1 <= len(consent_id) <= 128:
            raise RequestRefused(400, "Say whose records: the consent id is missing.")
        erased = self._desk.forget(consent_id)
        self._desk.trail.note(asked.who, "erase", self._desk.now(), erased=erased)
        what = "1 record" if erased == 1 else f"{erased} records"
        return self.message(
            asked.home, asked.static, "Erased", f"What was personal in {what} is gone.", asked=asked
        )

    def login(self, home: str, static: str, *, failed: str = "", status: int = 200) -> Reply:
        """The form that takes a token."""
        return self._render(home, static, None, "login.html", status, here="login", failed=failed)

    def message(
        self,
        home: str,
        static: str,
        title: str,
        text: str,
        *,
        status: int = 200,
        asked: Asked | None = None,
    ) -> Reply:
        """A sentence."""
        return self._render(
            home, static, asked, "message.html", status, here="", title=title, text=text
        )

    def _page(self, asked: Asked, name: str, *, here: str, **values: Any) -> Reply:
        return self._render(asked.home, asked.static, asked, name, 200, here=here, **values)

    def _render(
        self, home: str, static: str, asked: Asked | None, name: str, status: int, **values: Any
    ) -> Reply:
        html = self._templates.get_template(name).render(
            home=home,
            style=static + self._styles[0],
            who=asked.who if asked else None,
            site_name=self._site_name,
            theme=self._theme,
            **values,
        )
        return page(status, html.encode("utf-8", "replace"))


def _rates(found: Statistics, what: str) -> Chart:
    """How many of the choices grant, by period and value; the most frequent values first."""
    granted: defaultdict[tuple[str, str], int] = defaultdict(int)
    total: defaultdict[tuple[str, str], int] = defaultdict(int)
    frequent: Counter[str] = Counter()
    for count in found.counts:
        if count.category:
            total[count.period, count.value] += count.number
            frequent[count.value] += count.number
            if count.state == "granted":
                granted[count.period, count.value] += count.number
    periods = sorted({period for period, _ in total})
    values = [value for value, _ in frequent.most_common()]

    def rate(period: str, value: str) -> float | None:
        whole = total[period, value]
        return granted[period, value] / whole if whole else None

    series = [
        Series(name=_named(value), values=tuple(rate(period, value) for period in periods))
        for value in values
    ]
    title = f"Consent rate by {what}"
    summary = _sentence(
        series[:_SHOWN], lambda one: next((v for v in reversed(one.values) if v is not None), None)
    )
    return Chart(
        key="rates",
        title=title,
        svg=lines("rates", title, summary, [_shown(p) for p in periods], series),
        head=("Period", *(one.name for one in series)),
        rows=tuple(
            (_shown(period), *(_percent(one.values[place]) for one in series))
            for place, period in enumerate(periods)
        ),
    )


def _kinds(found: Statistics) -> Chart:
    """How many records of each kind there are, by period."""
    numbers = {(c.period, c.value): c.number for c in found.counts if not c.category}
    periods = sorted({period for period, _ in numbers})
    kinds = [kind for kind in ACTIONS if any(value == kind for _, value in numbers)]
    series = [
        Series(name=kind, values=tuple(float(numbers.get((p, kind), 0)) for p in periods))
        for kind in kinds
    ]
    # As many as there are colours: the rest is one.
    if len(series) > _SHOWN:
        rest = zip(*(one.values for one in series[_SHOWN - 1 :]), strict=True)
        others = Series(name="others", values=tuple(sum(v or 0 for v in row) for row in rest))
        drawn = [*series[: _SHOWN - 1], others]
    else:
        drawn = series
    title = "Records by kind"
    sums = (f"{one.name} {_whole(sum(value or 0 for value in one.values))}" for one in series)
    text = f"In all: {', '.join(sums)}"
    return Chart(
        key="kinds",
        title=title,
        svg=columns("kinds", title, text + ".", [_shown(p) for p in periods], drawn),
        head=("Period", *(one.name for one in series)),
        rows=tuple(
            (_shown(period), *(_whole(one.values[place] or 0) for one in series))
            for place, period in enumerate(periods)
        ),
    )


def _sentence(series: list[Series], last: Callable[[Series], float | None]) -> str:
    if not series:
        return "There are no choices in this time."
    return "At the end: " + ", ".join(f"{one.name} {_percent(last(one))}" for one in series) + "."


def _named(value: str) -> str:
    return value or "unknown"


def _shown(period: str) -> str:
    return period or "all"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _whole(count: float) -> str:
    return f"{count:,.0f}"
