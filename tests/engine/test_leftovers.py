"""Cookies that nobody agreed to are deleted, wherever they lie: a cookie jar tells."""

from __future__ import annotations

from email.message import Message
from http.cookiejar import CookieJar
from typing import Any, cast
from urllib.request import Request as Ask

import pytest

from tests.engine.making import HTML, PAGE, Site

SITE = Site()
PLACES = [
    (domain, path)
    for domain in ("", "; Domain=www.shop.example", "; Domain=shop.example")
    for path in ("/", "/lamps", "/lamps/", "/lamps/desk", "/lamps/desk/")
]


class _Answer:
    """A response, as far as a cookie jar looks at one."""

    def __init__(self, cookies: list[str]) -> None:
        self._head = Message()
        for cookie in cookies:
            self._head["Set-Cookie"] = cookie

    def info(self) -> Message:
        return self._head


def take(jar: CookieJar, url: str, cookies: list[str]) -> None:
    jar.extract_cookies(cast("Any", _Answer(cookies)), Ask(url))


@pytest.mark.parametrize(("domain", "path"), PLACES)
def test_wherever_they_lie(domain: str, path: str) -> None:
    url = "http://www.shop.example/lamps/desk/?a=b"
    jar = CookieJar()
    take(jar, url, [f"_ga=1; Path={path}{domain}; HttpOnly", f"basket=2; Path={path}{domain}"])
    assert {cookie.name for cookie in jar} == {"_ga", "basket"}
    shown = SITE.visitor(_ga="1", basket="2").page(path="/lamps/desk/", url="/lamps/desk/?a=b")
    take(jar, url, [value.decode() for value in shown.values(b"set-cookie")])
    assert {cookie.name for cookie in jar} == {"basket"}


def test_only_what_is_not_agreed_to_and_only_with_a_page() -> None:
    cookies = {"_ga": "1", "_fbp": "2", "session": "3"}
    granted = SITE.decided("analytics")
    granted.cookies |= cookies
    gone = {value.partition(b"=")[0] for value in granted.page().values(b"set-cookie")}
    assert gone == {b"_fbp"}
    assert SITE.decided("analytics", "marketing", "functional").page().values(b"set-cookie") == []
    visitor = SITE.visitor(**cookies)
    kept = [HTML, (b"set-cookie", b"session=4")]
    values = visitor.page(headers=kept).values(b"set-cookie")
    assert values[0] == b"session=4"
    assert {value.partition(b"=")[0] for value in values[1:]} == {b"_ga", b"_fbp"}
    picture = visitor.begin("/lamp.png").start(200, [(b"content-type", b"image/png")])
    assert picture.headers == [(b"content-type", b"image/png")]
    assert visitor.page(body=PAGE).body.endswith(b"</html>")


def test_a_response_does_not_grow_without_end() -> None:
    many = {f"_ga_{n}": "1" for n in range(100)}
    assert len(SITE.visitor(**many).page(path="/a/b/c").values(b"set-cookie")) <= 40


def test_paths_that_are_none() -> None:
    for url in ("/a;b/c", "/a b", "/\u00fc", "/a\r\nx: y"):
        for value in SITE.visitor(_ga="1").page(path="/x", url=url).values(b"set-cookie"):
            assert value.split(b"; ")[1] == b"Path=/"


def test_cookies_that_only_https_may_delete() -> None:
    own = {
        "id": "own",
        "name": "Own",
        "category": "marketing",
        "cookies": [{"name": "__Host-own"}, {"name": "__Secure-own"}],
    }
    site = Site(services=[own])
    values = site.visitor(**{"__Host-own": "1", "__Secure-own": "2"}).page().values(b"set-cookie")
    assert values
    assert all(b"; Secure" in value for value in values)
