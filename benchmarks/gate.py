"""How quick the gate is, as ratios taken in one run: against python-lolhtml and ``bytes.find``.

    python benchmarks/gate.py [rounds]

Needs ``python-lolhtml`` (``pip install python-lolhtml``) beside consentkit. The corpus is made up:
articles and shops of 2 to 400 KB with many links, images and scripts, inline ones among them. The
rounds of all subjects take turns, so that a busy machine slows all of them; the medians of the
processor time are compared. "cold": the matcher has forgotten everything before each page; "warm":
it has seen the pages.
"""

# ruff: noqa: S311, T201
from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from lolhtml import Element, HTMLRewriter

from consentkit.gate import Gate, Insertions, Judge
from consentkit.policy import Policy
from consentkit.settings import load_settings

SIZES = (2_000, 20_000, 100_000, 400_000)
BANNER = b"<section>" + b"x" * 6_000 + b"</section>"
GATED = ("google-analytics.com", "googletagmanager.com", "facebook.net", "facebook.com")

_WORDS = (
    b"the of a and to price with from basket shipping order more news report today women size "
    b"people world house small new read about their which when after".split()
)
_VENDORS = (
    b'<script async src="https://www.googletagmanager.com/gtag/js?id=G-ABC1234567"></script>',
    b"<script>window.dataLayer=[];gtag('js',new Date());gtag('config','G-ABC1234567');</script>",
    b'<script async defer src="https://connect.facebook.net/en_US/sdk.js"></script>',
    b'<noscript><img src="https://www.facebook.com/tr?id=1&ev=PageView"/></noscript>',
    b'<iframe src="https://www.youtube.com/embed/abc123" width="560" height="315"></iframe>',
)


def text(rng: random.Random, words: int) -> bytes:
    return b" ".join(rng.choices(_WORDS, k=words))


def code(rng: random.Random) -> bytes:
    """A script of the site's own, of one to six kilobytes."""
    lines = [
        b'  if (item_%d.price < %d && cart["%b"]) { render("<li>" + item_%d.name + "</li>"); }'
        % (i, rng.randrange(900), rng.choice(_WORDS), i)
        for i in range(rng.randrange(10, 70))
    ]
    return b"<script>(function () {\n" + b"\n".join(lines) + b"\n})();</script>"


def block(rng: random.Random, number: int) -> bytes:
    kind = rng.random()
    if kind < 0.45:
        return (
            b'<p class="body-%d">%b <a href="/articles/%d?ref=list">%b</a> <em>%b</em> %b</p>\n'
            % (
                number,
                text(rng, 40),
                number,
                text(rng, 3),
                text(rng, 2),
                text(rng, 25),
            )
        )
    if kind < 0.75:
        return (
            b'<li class="product-card" data-id="%d"><a class="card__link" href="/shop/it-%d.html">'
            b'<img class="card__image" src="/media/item-%d.jpg" srcset="/media/item-%d@2x.jpg 2x" '
            b'width="300" height="200" alt="%b" loading="lazy"></a><span class="price">%d.99</span>'
            b'<button type="button" class="btn btn-primary">Add</button></li>\n'
        ) % (number, number, number, number, text(rng, 3), rng.randrange(100))
    if kind < 0.83:
        return code(rng) + b"\n"
    if kind < 0.87:
        return b'<img src="https://images.example-cdn.com/%d.jpg" alt="">\n' % number
    if kind < 0.9:
        return b'<script src="/static/js/chunk-%d.js" defer></script>\n' % number
    if kind < 0.92:
        return b'<svg viewBox="0 0 24 24"><path d="M12 2L2 7l10 5 10-5-10-5z" fill="none"/></svg>\n'
    return b"<div><h2>%b</h2><ul>%b</ul></div>\n" % (
        text(rng, 5),
        b"".join(b'<li><a href="/tag/%b">%b</a></li>' % (w, w) for w in rng.choices(_WORDS, k=8)),
    )


def page(rng: random.Random, size: int) -> bytes:
    head = (
        b"<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>%b</title>\n"
        b'<meta name=viewport content="width=device-width"><link rel=canonical href="/a">\n'
        b'<link rel=stylesheet href="/static/site.css">%b</head><body class="page">\n'
    ) % (text(rng, 6), b"\n".join(_VENDORS[: 2 if size > 5_000 else 1]))
    pieces = [head]
    length, number = len(head), 0
    while length < size:
        number += 1
        piece = rng.choice(_VENDORS) if rng.random() < 0.01 else block(rng, number)
        pieces.append(piece)
        length += len(piece)
    return b"".join([*pieces, b"</body></html>\n"])


class Handler:
    """What a gate of python-lolhtml does: external addresses only, no inline code, no banner."""

    def element(self, element: Element) -> None:
        for name in ("src", "href"):
            value = element.get_attribute(name)
            if value and (urlsplit(value).hostname or "").endswith(GATED):
                element.remove_attribute(name)
                element.set_attribute("data-consent-" + name, value)
                element.set_attribute("data-consent", "marketing")


def lolhtml(html: bytes) -> bytes:
    pieces: list[bytes] = []
    rewriter = HTMLRewriter(pieces.append)  # type: ignore[arg-type]
    rewriter.on("script,iframe,img,link", Handler())
    rewriter.write(html)
    rewriter.end()
    return b"".join(pieces)


def gated(html: bytes, policy: Policy, chunk: int) -> bytes:
    machine = Gate(Judge(policy, policy.always, "shop.example"), Insertions(body=BANNER))
    pieces = [machine.feed(html[at : at + chunk]) for at in range(0, len(html), chunk)]
    return b"".join([*pieces, machine.close()])


def forget(policy: Policy) -> None:
    """Empty what the matcher remembers."""
    policy.matcher.forget()


def find(html: bytes) -> int:
    return html.find(b"\x01absent needle")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    rng = random.Random(7)
    policy = Policy(load_settings({"secret_keys": ["x" * 32]}))
    whole = 1 << 30

    def cold(html: bytes) -> bytes:
        forget(policy)
        return gated(html, policy, 16_384)

    subjects: dict[str, Callable[[bytes], object]] = {
        "python-lolhtml": lolhtml,
        "bytes.find": find,
        "gate, warm, 16 KB": lambda html: gated(html, policy, 16_384),
        "gate, warm, whole": lambda html: gated(html, policy, whole),
        "gate, cold, 16 KB": cold,
    }
    totals: dict[str, float] = dict.fromkeys(subjects, 0.0)
    print(f"{'page':>8}  " + "  ".join(f"{name:>18}" for name in subjects))
    for size in SIZES:
        pages = [page(rng, size) for _ in range(max(4, 400_000 // size))]
        taken: dict[str, list[float]] = {name: [] for name in subjects}
        for _ in range(rounds):
            for html in pages:  # so that "warm" is, whatever came before
                gated(html, policy, whole)
            for name, subject in subjects.items():
                start = time.process_time()
                for html in pages:
                    subject(html)
                taken[name].append(time.process_time() - start)
        times = {name: statistics.median(found) for name, found in taken.items()}
        show(f"{size // 1000} KB", times, len(pages))
        for name, time_taken in times.items():
            totals[name] += time_taken / len(pages)
    show("all", totals, len(SIZES))


def show(label: str, times: dict[str, float], pages: int) -> None:
    """One line: microseconds a page, and how that stands to python-lolhtml."""
    base = times["python-lolhtml"]
    cells = (f"{value / pages * 1e6:8.0f} µs {base / value:6.2f}x" for value in times.values())
    print(f"{label:>8}  " + "  ".join(f"{cell:>18}" for cell in cells))


if __name__ == "__main__":
    main()
