"""The pages that the gate is measured on: made up, but built like saved pages of real sites.

Bones are the pages of ``tests/gate/pages``, which imitate shops, news, documentation, forums and
broken markup: what stands in their bodies, tag by tag as their authors wrote it. Flesh is generated
prose, navigation, product cards and the site's own code. The proportions are those of 130 saved
pages: for each 100 KB about 12 scripts, half of them inline and together 29 % of the bytes, 10
images, 7 links and one iframe. Three kinds of pages: *article* (mostly prose), *shop* (cards with
``srcset``, filters), *app* (half of it is state as JSON, few tags).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["DECILES", "KINDS", "SIZES", "page", "real_sized"]

KINDS = ("article", "shop", "app")
SIZES = (2_000, 20_000, 100_000, 400_000, 2_000_000)
#: The sizes of 130 saved pages, by tenths of them.
DECILES = (1_000, 2_000, 17_000, 63_000, 107_000, 145_000, 206_000, 286_000, 458_000)

_PAGES = Path(__file__).parents[1] / "tests" / "gate" / "pages"
_WORDS = (
    "the of a and to in price with from basket shipping order more news report today council women "
    "size people world house small new read about their which when after river season market said "
    "would year three since harvest minister evening against between because project library "
    "weather station children moved northern another public question however during little"
).split()
_ODD = ("broken", "mathml", "old", "svg")
_SHARE_OF_CODE = 0.22
_VENDOR_TAGS = (
    b'<script async src="https://www.googletagmanager.com/gtag/js?id=G-ABC123DEF4"></script>',
    b"<script>function gtag(){dataLayer.push(arguments)}gtag('config','G-ABC123DEF4');</script>",
    b'<iframe src="https://www.youtube.com/embed/abc123" width="560" height="315"></iframe>',
    b'<img height="1" width="1" alt="" src="https://www.facebook.com/tr?id=1&amp;ev=PageView">',
    b'<script async defer src="https://connect.facebook.net/en_US/sdk.js"></script>',
    b'<link rel="preconnect" href="https://www.google-analytics.com">',
    b'<noscript><img src="https://www.facebook.com/tr?id=1&amp;ev=View&amp;noscript=1"></noscript>',
    b"<script>fbq('init','1234567890');fbq('track','PageView');</script>",
)


def _prose(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(_WORDS, k=words)).capitalize()


@cache
def _bones() -> list[bytes]:
    """What stands in the bodies of the ordinary pages.

    Those that leave something open are left out, and two that are rare tags from end to end.
    """
    bodies = []
    for path in sorted(_PAGES.iterdir()):
        found = re.search(rb"<body[^>]*>(.*)</body>", path.read_bytes(), re.DOTALL)
        if found and 500 < len(found[1]) < 4_000 and not path.stem.startswith(_ODD):
            bodies.append(re.sub(rb"<script.*?</script>", b"", found[1], flags=re.DOTALL))
    return bodies


def _paragraph(rng: random.Random, number: int) -> str:
    return (
        f'<p class="body-{number}">{_prose(rng, 55)} <a href="/articles/{number}?ref=list">'
        f"{_prose(rng, 4)}</a>. {_prose(rng, 40)} <i>{_prose(rng, 2)}</i> {_prose(rng, 20)}.</p>\n"
    )


def _figure(rng: random.Random, number: int) -> str:
    return (
        f'<figure><img class="wide" src="/media/item-{number}.jpg" srcset="/media/item-{number}'
        f'@2x.jpg 2x" width="960" height="540" alt="{_prose(rng, 4)}" loading="lazy">'
        f"<figcaption>{_prose(rng, 9)}</figcaption></figure>\n"
    )


def _card(rng: random.Random, number: int) -> str:
    return (
        f'<li class="product-card" data-id="{number}"><a class="card__link" href="/shop/it-{number}'
        f'.html"><h3 class="card__title">{_prose(rng, 4)}</h3></a><p class="card__text">'
        f'{_prose(rng, 14)}</p><span class="price" data-currency="EUR">{rng.randrange(100)}.99'
        f'</span><button type="button" class="btn btn-primary js-add">Add to basket</button></li>\n'
    )


def _navigation(rng: random.Random, number: int) -> str:
    links = "".join(
        f'<li class="nav__item"><a href="/{word}/{number}">{word}</a></li>'
        for word in rng.choices(_WORDS, k=10)
    )
    icon = '<svg viewBox="0 0 24 24"><path d="M12 2L2 7l10 5 10-5-10-5z" fill="none"/></svg>'
    return f'<nav class="nav" aria-label="{_prose(rng, 2)}">{icon}<ul>{links}</ul></nav>\n'


def _link(number: int) -> str:
    return f'<link rel="stylesheet" href="/static/css/part-{number}.css">\n'


def _outer(rng: random.Random, number: int) -> str:
    """A script of the site's own, or of a third party that nobody has catalogued."""
    host = rng.choice(("", "", "https://static.own-cdn.example"))
    return f'<script src="{host}/static/js/chunk-{number}.8f3e1c.js" defer></script>\n'


def _code(rng: random.Random, size: int) -> str:
    lines = []
    length = 0
    while length < size:
        word, other = rng.choices(_WORDS, k=2)
        line = (
            f"function {word}_{length}(e){{var t=document.querySelector('.{other}-{length}');"
            f'if(t&&t.dataset.price<{rng.randrange(900)}){{t.addEventListener("click",function(n)'
            f'{{n.preventDefault();cart["{other}"]=(cart["{other}"]||0)+1;render("<li>"+{word}+'
            f'"</li>")}})}}}}'
        )
        lines.append(line)
        length += len(line) + 1
    return "<script>\n" + "\n".join(lines) + "\n</script>\n"


def _state(rng: random.Random, size: int) -> str:
    items = []
    length = 0
    while length < size:
        item = (
            f'{{"id":{length},"title":"{_prose(rng, 5)}","url":"/shop/it-{length}.html","tags":'
            f'["{rng.choice(_WORDS)}","{rng.choice(_WORDS)}"],"price":{rng.randrange(9999)},'
            f'"image":"https://images.own-cdn.example/{length}.jpg","stock":true}}'
        )
        items.append(item)
        length += len(item) + 1
    body = ",".join(items)
    return f'<script id="__STATE__" type="application/json">{{"items":[{body}]}}</script>\n'


def _blocks(rng: random.Random, kind: str, size: int) -> Iterator[bytes]:
    """The body, block by block, without end."""
    bones = _bones()
    code = 0  # how much of inline code is owed
    number = 0
    while True:
        number += 1
        draw = rng.random()
        if draw < 0.14 and size > 8_000:
            block = rng.choice(bones)
        elif draw < 0.30:
            block = _navigation(rng, number).encode()
        elif kind == "shop":
            block = _card(rng, number).encode()
        else:
            block = _paragraph(rng, number).encode()
        if kind != "article" and draw > 0.97:
            block += _paragraph(rng, number).encode()
        if draw > 0.962:
            block += _figure(rng, number).encode()
        if 0.88 < draw < 0.92:
            block += _outer(rng, number).encode()
        if 0.84 < draw < 0.88:
            block += _link(number).encode()
        code += len(block)
        yield block
        share = _SHARE_OF_CODE if kind != "app" else 0.4
        if code * share / (1 - share) > min(4_800, size // 4):
            owed = int(code * share / (1 - share))
            made = _state(rng, owed) if kind == "app" and number % 3 else _code(rng, owed)
            yield made.encode()
            code = 0


@cache
def page(kind: str, size: int, tags: int, number: int = 0) -> bytes:
    """A page.

    Args:
        kind: one of ``KINDS``.
        size: about how many bytes, the vendors' tags not counted.
        tags: how many tags of vendors stand in it, evenly spread.
        number: which of the pages of this kind and size.
    """
    rng = random.Random(f"{kind} {size} {number}")  # noqa: S311 - not for secrets
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{_prose(rng, 6)}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="description" content="{_prose(rng, 18)}">\n'
        '<link rel="canonical" href="/a/1"><link rel="icon" href="/favicon.svg">\n'
        '<link rel="stylesheet" href="/static/site.css">\n'
        '<script src="/static/app.js" defer></script>\n'
        f'</head>\n<body class="page page--{kind}">\n'
    ).encode()
    end = b'<footer class="footer"><p>Own site, own words.</p></footer>\n</body>\n</html>\n'
    blocks = []
    length = len(head) + len(end)
    for block in _blocks(rng, kind, size):
        if length >= size:
            break
        blocks.append(block)
        length += len(block)
    step = len(blocks) / tags if tags else 0
    places = sorted((int(at * step) for at in range(tags)), reverse=True)
    for at, place in enumerate(places):
        blocks.insert(place, _VENDOR_TAGS[at % len(_VENDOR_TAGS)] + b"\n")
    return head + b"".join(blocks) + end


def real_sized(tags: int = 5) -> list[bytes]:
    """One page of each kind for each tenth of the sizes of real pages."""
    return [page(kind, size, tags) for size in DECILES for kind in KINDS]
