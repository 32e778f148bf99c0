"""The interface for programs: what the pages show, as JSON and as files."""

from __future__ import annotations

import json
import re
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

from consentkit.engine.audit.answers import Asked, Desk, data, file
from consentkit.engine.audit.openapi import description
from consentkit.engine.audit.queries import EXPORT, LIST, STATISTICS, filters_of, link, read
from consentkit.engine.messages import Header, Reply
from consentkit.errors import RequestRefused
from consentkit.log import Filters, Record
from consentkit.log.bundle import proof_of, write_bundle
from consentkit.log.export import as_dict, to_csv, to_jsonl
from consentkit.log.tally import Statistics, statistics

__all__ = ["AT_ONCE", "UNCOUNTED", "Api", "counted", "listed", "visitor_of"]

AT_ONCE = 50_000
"""Records in one file: a reply is held in memory. ``consentkit log export`` has no such bound."""
UNCOUNTED = 20_000
"""Records that are counted for an answer, when the tallies are behind."""

_FORMS = {
    "csv": (to_csv, b"text/csv; charset=utf-8"),
    "jsonl": (to_jsonl, b"application/jsonl"),
}
_PSEUDONYM = re.compile(r"[!-~]{1,128}")


class Api:
    """Answers programs.

    Args:
        desk: what is at hand.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def records(self, asked: Asked) -> Reply:
        """A page of records."""
        query = read(asked.request.query, LIST)
        records, more = listed(self._desk, asked, query)
        url = f"{asked.home}api/records?{more}" if more else None
        return data(200, {"records": [as_dict(record) for record in records], "next": url})

    def record(self, asked: Asked) -> Reply:
        """One record, with the exact leaf."""
        record = self._found(asked)
        self._desk.trail.note(asked.who, "record", self._desk.now(), records=[record.seq])
        return data(200, as_dict(record, proof=True))

    def proof(self, asked: Asked) -> Reply:
        """The proof that a record is in the log, for ``verify.py``."""
        record = self._found(asked)
        self._desk.trail.note(asked.who, "proof", self._desk.now(), records=[record.seq])
        checkpoints = self._desk.checkpoints
        proof = proof_of(self._desk.log, record, checkpoints.current(), checkpoints.keys)
        return data(200, proof)

    def notice(self, asked: Asked) -> Reply:
        """A notice, as it was shown."""
        notice = self._desk.log.notice(asked.key)
        if notice is None:
            raise RequestRefused(404, "There is no such notice.")
        html = notice.html.decode("utf-8", "replace")
        return data(200, {"hash": notice.hash, "language": notice.language, "html": html})

    def statistics(self, asked: Asked) -> Reply:
        """How often what was chosen."""
        found = counted(self._desk, read(asked.request.query, STATISTICS))
        return data(
            200,
            {
                "by": found.by,
                "step": found.step,
                "size": found.size,
                "counted": found.counted,
                "counts": [count._asdict() for count in found.counts],
            },
        )

    def verification(self, _asked: Asked) -> Reply:
        """How verification stands."""
        return data(200, self._desk.runs.status.as_json())

    def verify(self, asked: Asked) -> Reply:
        """Start a run."""
        wait = self._desk.runs.start()
        if wait:
            raise RequestRefused(429, f"The log was verified just now; wait {wait:.0f} seconds.")
        self._desk.trail.note(asked.who, "verify", self._desk.now())
        return data(202, self._desk.runs.status.as_json())

    def checkpoint(self, _asked: Asked) -> Reply:
        """Size and root of the log as it is now."""
        note = self._desk.checkpoints.current()
        return file("checkpoint", b"text/plain; charset=utf-8", note)

    def export(self, asked: Asked) -> Reply:
        """Records as a file."""
        query = read(asked.request.query, EXPORT)
        form = query.get("form", "jsonl")
        filters = filters_of(query)
        if form == "zip":
            return self._bundle(asked, dict(filters))
        bounds: Filters = {**filters, "limit": AT_ONCE + 1}
        found = self._desk.log.records(**bounds)
        records = list(islice(found, AT_ONCE))
        extra: tuple[Header, ...] = ()
        if next(found, None) is not None:
            url = f"{asked.home}api/export?{link(query, form=form, after=records[-1].seq)}"
            extra = ((b"link", f'<{url}>; rel="next"'.encode("ascii")),)
        self._note_export(asked, form, filters, [record.seq for record in records])
        write, kind = _FORMS[form]
        return file(f"consent-log.{form}", kind, b"".join(write(records)), extra)

    def forget(self, asked: Asked) -> Reply:
        """Erase what is personal in a visitor's records."""
        if self._desk.forget is None:
            raise RequestRefused(403, "The log is only read here.")
        erased = self._desk.forget(visitor_of(asked))
        self._desk.trail.note(asked.who, "erase", self._desk.now(), erased=erased)
        return data(200, {"erased": erased})

    def openapi(self, asked: Asked) -> Reply:
        """The description of all this."""
        return data(200, description(f"{asked.home}api"))

    def _found(self, asked: Asked) -> Record:
        record = self._desk.log.get(asked.key)
        if record is None:
            raise RequestRefused(404, "There is no such record.")
        return record

    def _bundle(self, asked: Asked, filters: dict[str, Any]) -> Reply:
        desk = self._desk
        if not filters and desk.log.head().size > AT_ONCE:
            text = "This is too much for one answer: narrow it down, or use consentkit log export."
            raise RequestRefused(400, text)
        if filters:
            filters["limit"] = AT_ONCE
        with tempfile.TemporaryDirectory(prefix="consentkit-") as folder:
            target = Path(folder, "consent-log.zip")
            note, keys = desk.checkpoints.current(), desk.checkpoints.keys
            write_bundle(desk.log, target, note=note, keys=keys, made=desk.now(), **filters)
            content = target.read_bytes()
        self._note_export(asked, "zip", filters, ())
        return file("consent-log.zip", b"application/zip", content)

    def _note_export(self, asked: Asked, form: str, filters: Any, records: Any) -> None:
        self._desk.trail.note(
            asked.who, "export", self._desk.now(), records=records, filters=filters, form=form
        )


def listed(desk: Desk, asked: Asked, query: dict[str, Any]) -> tuple[list[Record], str]:
    """A page of records, and the query of the next; nothing when it is the last."""
    newest = query.get("order", "newest") == "newest"
    limit = query.get("limit", 50)
    filters = filters_of(query)
    bounds: Filters = {**filters, "reverse": newest, "limit": limit + 1}
    records = list(desk.log.records(**bounds))
    more = ""
    if len(records) > limit:
        records.pop()
        place = {"before" if newest else "after": records[-1].seq}
        more = link(query, **place)
    desk.trail.note(
        asked.who, "records", desk.now(), records=[r.seq for r in records], filters=filters
    )
    return records, more


def counted(desk: Desk, query: dict[str, Any]) -> Statistics:
    """The statistics that are asked for, by category and month unless told otherwise."""
    return statistics(
        desk.log,
        query.get("by", "category"),
        step=query.get("step", "month"),
        since=query.get("since", ""),
        until=query.get("until", "9999"),
        most=UNCOUNTED,
    )


def visitor_of(asked: Asked) -> str:
    """The consent id in a request to erase.

    Raises:
        RequestRefused: 400 for anything else than ``{"consent_id": "…"}``.
    """
    try:
        given = json.loads(asked.body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RequestRefused(400, "This JSON could not be read.") from error
    if not isinstance(given, dict) or set(given) != {"consent_id"}:
        raise RequestRefused(400, 'Send an object with "consent_id" and nothing else.')
    consent_id = given["consent_id"]
    if not isinstance(consent_id, str) or not _PSEUDONYM.fullmatch(consent_id):
        raise RequestRefused(400, "consent_id has to be 1 to 128 printable ASCII characters.")
    return consent_id
