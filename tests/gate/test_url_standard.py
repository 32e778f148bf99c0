"""Which host an address leads to, compared with ada, the URL parser of Node.js and Cloudflare."""

from __future__ import annotations

import ipaddress

import ada_url
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consentkit.gate.urls import locate_text

BASE = "https://page.example/dir/page"
NETWORK = {"http:", "https:", "ws:", "wss:", "ftp:"}

PIECES = st.sampled_from(
    [
        *"https:// HTTP:// // /// \\\\ /\\ https: https:/ http:\\ ftp:// wss: @ user@".split(),
        *"u:p@ : :80 :".split(),
        *":443 . .. / \\ ? # %2e %2F %41 %25 %00 [ ] [::1] [::ffff:1.2.3.4]".split(),
        *"0x7f.1 1.2.3 127.1 017700000001 3232235777 256.1 a.example T.Example".split(),
        *"xn--bcher-kva b\u00fccher \uff21".split(),
        *"\u3002 \uff0e \u00ad \u200b \u00df \u0130 \u212a \ufe0f e\u0301 _x a-b -a data:".split(),
        "javascript:",
        *"mailto: blob: about:blank x ./ ../ example.com t.co 1 ^ | < > \u2100".split(),
        *(" ", "\t", "\n", "\r", "\x00", "\x1f", "\x7f"),
    ]
)
ADDRESSES = st.lists(PIECES, max_size=7).map("".join)


def expected(address: str) -> str | None:
    """The host that a browser contacts; None for what is no address of the network."""
    try:
        url = ada_url.URL(address, BASE)
    except ValueError:
        return None
    if url.protocol == "blob:":
        return None
    return url.hostname.rstrip(".") if url.protocol in NETWORK else None


@given(ADDRESSES)
@settings(max_examples=3000)
@example("https://a.example%2F@b.example/")
@example("//0x7f.1/")
@example("//b\u00fccher.example")
@example("//a\u3002example")
def test_a_host_is_seen_where_a_browser_sees_one(address: str) -> None:
    host = expected(address)
    if not host or host == "page.example":
        return  # nothing is fetched, or it is the page's own: more may be seen, never less
    found = locate_text(address)
    assert found is not None
    if host.startswith("["):
        assert ipaddress.ip_address(found.host[1:-1]) == ipaddress.ip_address(host[1:-1])
    else:
        assert found.host == host
