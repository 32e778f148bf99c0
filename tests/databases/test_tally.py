"""Tallies in every kind of store: what they say is what counting the records says."""

from __future__ import annotations

from contextlib import closing

from consentkit.log import open_log, open_reader
from consentkit.log.tally import BY, STEPS, statistics
from tests.log.making import NOTICE, make_event


def test_tallies_are_those_of_the_records(url: str) -> None:
    events = [
        make_event(
            time=f"2026-{month:02}-{day:02}T10:00:00.000Z",
            action=("accept", "reject", "expire")[day % 3],
            country=("DE", "fr", "")[month % 3],
            language=("de-AT", "fil", "EN")[day % 3],
            outcome={"analytics": "granted" if day % 2 else "denied"},
        )
        for month in (1, 2, 12)
        for day in range(1, 9)
    ]
    with closing(open_log(url)) as log:
        assert statistics(log, "action").counts == ()
        log.append_many([(event, NOTICE) for event in events[:7]])
        log.maintain()
        log.append_many([(event, NOTICE) for event in events[7:20]])
        log.maintain()
        assert log.tallies("action", "", "9999", "total")[0] == 20
        assert not log.add_tallies(7, 30, {})
        log.append_many([(event, NOTICE) for event in events[20:]])
        with closing(open_reader(url)) as reader:
            for by in BY:
                for step in STEPS:
                    for since, until in (("", "9999"), ("2026-01-05", "2026-02-04"), ("2027", "")):
                        kept = statistics(reader, by, since=since, until=until, step=step)
                        again = statistics(
                            reader, by, since=since, until=until, step=step, recount=True
                        )
                        assert kept == again
                        assert kept.counted == 24
