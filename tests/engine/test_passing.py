"""What is found out at the least cost is what an exchange would have found out."""

from __future__ import annotations

import pytest

from consentkit.engine.passing import inward_headers
from tests.engine.making import Site

SITE = Site()
CONDITIONS = [(), ((b"if-none-match", b'"a"'),), ((b"if-modified-since", b"now"),)]
CODINGS = [None, b"gzip", b"gzip, br, zstd", b"identity"]
DESTINATIONS = [None, b"document", b"empty", b"image"]
ACCEPTED = [None, b"text/html,*/*", b"image/avif,*/*", b"*/*"]


@pytest.mark.parametrize("conditions", CONDITIONS)
@pytest.mark.parametrize("codings", CODINGS)
@pytest.mark.parametrize("destination", DESTINATIONS)
@pytest.mark.parametrize("accepted", ACCEPTED)
def test_the_short_way_gives_the_headers_of_the_long_one(
    conditions: tuple[tuple[bytes, bytes], ...],
    codings: bytes | None,
    destination: bytes | None,
    accepted: bytes | None,
) -> None:
    told = {b"accept-encoding": codings, b"sec-fetch-dest": destination, b"accept": accepted}
    headers = [*((name, value) for name, value in told.items() if value is not None), *conditions]
    exchange = SITE.visitor().begin(headers=headers)
    given = list(exchange.request.headers)
    quick = inward_headers(given)
    if quick is not None:
        assert sorted(quick) == sorted(exchange.inward_headers())
    if conditions and destination in (None, b"document") and accepted in (None, b"text/html,*/*"):
        assert quick is None  # the visitor's state has a say in what is still good
