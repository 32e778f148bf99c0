"""What of a script cannot run: comments and plain data; and that nothing else is taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.policy.script import guards, without_comments, without_data

LIVE = b"fbq('init')"

COMMENTS = [
    b"// @",
    b"/* @ */ x()",
    b"x() // @",
    b"x(); /* a\n@\n*/ y()",
    b"/**/ // @",
    b"a = b / c; // @",
    b"a = (b + c) / d\n// @",
    b"a[1] / 2 // @",
    b"a = /['\"`]/; // @",
    b"a = x.return / 2 // @",
    b"return /'/ // @",
    b"'/*' + x // @",
    b'"\\"/*" // @',
    b"`${ a /* @ */ }`",
    b"`${ {a: '}'} /* @ */ }`",
    b"`a` /* @ */",
    b"x /* \xe2\x82\xac @ */",
    b"/* '*/ x; /* @ */",
    b"a = [/[/*]/, /'/]; // @",
]

CODE = [
    b"@",
    b"'//' + @",
    b"x = '/*'; @; y = '*/'",
    b"x = /[/*]/; @; y = '*/'",
    b"x = /'/; // '\n@",
    b"x = a / b; y = '//'; @",
    b"x = `/* ${@} */`",
    b"x = `//`; @",
    b"if (x) /'/.test(y); /* ' */ @",
    b"a = (b + c) / d // @",  # division or regular expression? so it counts
    b"}/'/.test(y); /* ' */ @",
    b"x++ /'/; /* ' */ @",
    b"yield /'/; /* ' */ @",
    b"export default /'/; /* ' */ @",
    b"<!-- /*\n@\n/* */",
    b"x //\xe2\x80\xa8 @",
    b"#!/*\n@ /* */",
    b"/* \x1b$B */ @",
    b"x = 'a\\\n//'; @",
    b"x = 'open // \n@",
    b"/* \x83\x5c */ @ /*",
    b"/* open\n@",
    b"x = `${`${'//'}`} @`",
    b"x = 'https://a.example/'; @",
    b"a //\n@",
    b"a //\r@",
    b"/* */ @ /* */",
    b"x = 1/* */ / 2; y = '/'; @",
]


@pytest.mark.parametrize("code", COMMENTS)
def test_comments_are_left_out(code: bytes) -> None:
    assert LIVE not in without_comments(code.replace(b"@", LIVE))


@pytest.mark.parametrize("code", CODE)
def test_code_stays(code: bytes) -> None:
    assert LIVE in without_comments(code.replace(b"@", LIVE))


@given(st.lists(st.sampled_from([*"/*'\"`\\\n ax.({[)}]=+$<", "${", "//", "/*", "return"])))
def test_only_what_stands_between_signs_of_a_comment_goes(pieces: list[str]) -> None:
    code = "".join(pieces).encode()
    kept = without_comments(code)
    left, rest = code.replace(b" ", b"").replace(b"\n", b""), iter(code)
    assert all(
        byte in rest or byte in b" \n" for byte in kept.replace(b" ", b"").replace(b"\n", b"")
    )
    if len(kept.split()) != len(code.split()) and kept != code:
        assert b"//" in left or b"/*" in left


@given(st.binary(max_size=300))
def test_any_bytes_will_do(code: bytes) -> None:
    without_data(without_comments(code))


URL = b"https://v.example/x"

DATA = [
    b'window.__STATE__ = {"a": ["@"]};',
    b"var s = {a: {b: '@', c: [1, -2.5e3, true, null, void 0, !0]}};",
    b'"use strict"; let a = 1, b = "x"; const c = [{u: "@"}]',
    b"a.b['c'] = d = {u: '@',}\n",
    b"window.App = window.App || {u: '@'}",
    b'window.__S__ = JSON.parse(\'{"u": "@"}\')',
    b'self.__next_f.push([1, "@"])',
    b'(self.__next_f = self.__next_f || []).push([1, "@"])',
    b"var a = {}; var b = {u: '@'}",
]

NOT_DATA = [
    b"load({u: '@'})",
    b"x.src = '@'",
    b"x.src = {u: '@'}.u",
    b"x.src = {u: '@'}['u']",
    b"x.src = [{u: '@'}][0].u",
    b"x = ['@']",
    b"x = {u: '@'}; load(x)",
    b"x = {u: f('@')}",
    b"x = {u: `@`}",
    b"x = {u: f`@`}",
    b"x = {get u() { return '@' }}",
    b"x = {u: a = '@'}",
    b"import '@'",
    b"x = {}\nimport '@'",
    b"export {x} from '@'",
    b"x = {} ? '@' : 1",
    b"x = {u: '@'}\n(function(){})()",
    b"x.src = JSON.parse('\"@\"')",
    b'x = JSON.parse(\'{"u":"@"}\').u',
    b'(self.__next_s = self.__next_s || []).push(["@", {}])',
    b"queue.push({src: '@'})",
    b"x = function () { y.src = '@' }",
    b"x = {u: '@'} + y",
    b"x = {u: '@'",
]


@pytest.mark.parametrize("code", DATA)
def test_data_is_told_apart(code: bytes) -> None:
    outside, data = without_data(code.replace(b"@", URL))
    assert URL in data
    assert URL not in outside


@pytest.mark.parametrize("code", NOT_DATA[:-1])
def test_what_may_be_used_is_no_data(code: bytes) -> None:
    code = code.replace(b"@", URL)
    assert without_data(code) == (code, b"")


def test_values_of_their_own_stand_outside() -> None:
    """On its own a text may be what another script loads, or what a handler puts into src."""
    assert without_data(b"var a = '%b'; var b = {}" % URL)[0].count(URL) == 1
    assert without_data(b"location = '%b'" % URL) == (b"location = '%b'" % URL, b"")


@pytest.mark.parametrize(
    "code",
    [
        b"if (window.fbq) fbq(1)",
        b"if (fbq) fbq(1)",
        b"window.fbq && fbq(1)",
        b"fbq && fbq(1)",
        b"window.fbq?.(1)",
        b"if (typeof fbq === 'function') fbq(1)",
        b"typeof window.fbq !== 'undefined'",
        b"'fbq' in window",
        b"if (window.fbq !== undefined)",
        b"if (!window.fbq) return",
    ],
)
def test_guards(code: bytes) -> None:
    assert guards(b"fbq").search(code)
    assert not guards(b"gtag").search(code)


@pytest.mark.parametrize(
    "code",
    [b"fbq(1)", b"window.fbq(1)", b"window.fbq = 1", b"window.fbq || f()", b"f(fbq)", b"myfbq&&x"],
)
def test_no_guards(code: bytes) -> None:
    assert not guards(b"fbq").search(code)
