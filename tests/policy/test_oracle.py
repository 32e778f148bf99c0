"""The quick matcher finds exactly what a plain reading of the rules finds."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from consentkit.catalogue import load_catalogue
from consentkit.policy.matcher import Matcher
from consentkit.settings import ServiceSettings
from tests.catalogue.vendor_table import LOOKALIKES, VENDOR_TAGS
from tests.policy.plain import Plain

OWN = ServiceSettings(
    id="own",
    name="Own",
    category="analytics",
    hosts=("own.example", "*.tags.acme.*", "cdn.zopim.com", "single.*"),
    signatures=("fi(", "own.init(", "Zz9"),  # letters that the search leaves out, too
)
SERVICES = tuple(load_catalogue([OWN]).services.values())
MATCHER = Matcher(SERVICES)
PLAIN = Plain(SERVICES)

SCRIPTS = re.findall(
    "<script[^>]*>(.*?)</script>", "\n".join([*(t.html for t in VENDOR_TAGS), *LOOKALIKES]), re.S
)
PIECES = sorted({piece for code in SCRIPTS for piece in re.split(r"(?<=[;,{}()])", code) if piece})
NAMES = sorted(
    {host.name + ("." if host.any_suffix else "") for s in SERVICES for host in s.hosts}
    | {word for s in SERVICES for code in s.signatures for word in (*code.words, *code.beside)}
    | {shape.word for s in SERVICES for shape in s.urls}
    | {"/js/12345.js", "/tr", "?id=G-ABC123", "?id=GTM-ABC1", "/embed/x", "/pagead/", "/maps/embed"}
)
GLUE = (
    *"\"'`(){}[];:,./?=+-_$&|\\ \n%<>!a0xZé",
    *"// /* */ .com .de .co.uk https:// \\/ \\u002f %2F".split(),
    *"=> && typeof window. ${ '+' \",\" '.".split(),
)
CODE = st.lists(
    st.sampled_from(PIECES) | st.sampled_from(NAMES) | st.sampled_from(GLUE), max_size=14
).map("".join)


def ids(code: str) -> list[str]:
    return [service.id for service in MATCHER.inline(code.encode())]


@given(CODE)
@settings(max_examples=400)
def test_scripts(code: str) -> None:
    assert ids(code) == PLAIN.inline(code.encode())


@given(st.sampled_from(SCRIPTS), st.data())
@settings(max_examples=200)
def test_vendors_scripts_with_something_cut_or_put_in(code: str, data: st.DataObject) -> None:
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(code))] * 2)))
    end = min(end, start + 12)
    code = code[:start] + data.draw(CODE) + code[end:]
    assert ids(code) == PLAIN.inline(code.encode())


@given(
    host=st.sampled_from([host for s in SERVICES for host in s.hosts]),
    below=st.sampled_from(["", "a.", "www.", "x-"]),
    after=st.sampled_from(["", ".com", ".de", ".co.uk", ".evil.example"]),
    path=st.sampled_from(["", "/", "/js/12345.js", "/tr?id=1", "/embed/x", "/gtm.js?id=GTM-ABC1"]),
    way=st.sampled_from(
        [
            "x.src='https://{}'",
            'x.src="//{}"',
            "x.src=`{}`",
            "x.src=['https:','','{}'].join('/')",
            "x.src=(s?'https://':'http://')+'{}'",
            "x.src=(s?'https://ssl':'http://www')+'.{}'",
            "x.src='https:\\/\\/{}'",
            "x.src=unescape('%2F%2F{}')",
            "x.src=`https://${{s}}.{}`",
            "x.src='http://{}'.replace('http:','https:')",
            "window.state={{'a':['https://{}']}}",
            "// https://{}",
        ]
    ),
)
@settings(max_examples=400)
def test_addresses_put_together_as_vendors_do(
    host: object, below: str, after: str, path: str, way: str
) -> None:
    name = getattr(host, "name", "") + (
        after or ".com" if getattr(host, "any_suffix", 0) else after
    )
    code = way.format(below + name + path)
    assert ids(code) == PLAIN.inline(code.encode())


@given(
    st.sampled_from([host.name for s in SERVICES for host in s.hosts]),
    st.lists(st.sampled_from([*NAMES, ".", "/", ".com", "a", "?", "&", "="]), max_size=5),
)
@settings(max_examples=400)
def test_addresses(name: str, rest: list[str]) -> None:
    host, _, path = (name + "".join(rest)).lower().partition("/")
    found = [service.id for service in MATCHER.url(host, "/" + path)]
    assert found == PLAIN.url(host, "/" + path)
