"""Views for the tests, and a reader of HTML that knows nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

import html5lib

from consentkit.banner.view import (
    CategoryView,
    CookieView,
    NoticeView,
    PolicyView,
    PreferencesView,
    ReceiptView,
    ServiceView,
    State,
)


def service(text: str = "text", url: str = "https://provider.example/privacy") -> ServiceView:
    return ServiceView(
        id=text,
        name=text,
        provider=f"{text} & Co",
        country=text,
        purposes=(text, text),
        privacy_url=url,
        opt_out_url=url,
        cookies=(
            CookieView(name=text, duration=text, purpose=text, party="third", storage="local"),
            CookieView(name=text),
        ),
    )


def ourselves() -> ServiceView:
    cookies = (CookieView(name="consent_own", duration="180 days", choice="own"),)
    return ServiceView(id="consentkit", ours=True, cookies=cookies)


def categories(
    text: str = "text",
    url: str = "https://provider.example/privacy",
    state: State = "unset",
    count: int = 1,
) -> tuple[CategoryView, ...]:
    services = (service(text, url),) * count
    return (
        CategoryView(
            id="necessary", locked=True, state="granted", services=(*services, ourselves())
        ),
        CategoryView(id="analytics", state=state, services=services),
        CategoryView(id="own", title=text, description=text, state=state, services=services),
        CategoryView(id="empty", state=state),
    )


def notice(text: str = "text", url: str = "https://site.example/policy") -> NoticeView:
    return NoticeView(
        site_name=text,
        policy_version=text,
        policy_url=url,
        action_url="/consent/",
        preferences_url="/consent/",
        categories=categories(text, url, count=9),
        gpc=True,
    )


def preferences(
    text: str = "text",
    url: str = "https://site.example/policy",
    *,
    state: State = "unset",
    saved: bool = True,
) -> PreferencesView:
    return PreferencesView(
        css_urls=("/consent/static/consentkit.css",),
        site_name=text,
        policy_version=text,
        policy_url=url,
        action_url="/consent/",
        preferences_url="/consent/",
        categories=categories(text, url, state),
        gpc=True,
        next=text,
        token=text,
        saved=saved,
        receipt=ReceiptView(
            consent_id=text,
            time=text,
            outcome=((text, "granted"), ("analytics", "denied")),
            record_id=text,
            policy_version=text,
        ),
        receipt_url=url,
        forget_url=url,
    )


def policy(text: str = "text", url: str = "https://site.example/policy") -> PolicyView:
    return PolicyView(
        css_urls=("/consent/static/consentkit.css",),
        site_name=text,
        policy_version=text,
        policy_url=url,
        effective=text,
        contact=url,
        preferences_url="/consent/",
        back_url=url,
        categories=categories(text, url),
        gpc=True,
    )


def read(html: bytes) -> Element:
    """The tree that a browser would build."""
    tree = html5lib.parse(html.decode("ascii"), treebuilder="etree", namespaceHTMLElements=False)
    assert isinstance(tree, Element)
    return tree


def elements(tree: Element) -> Iterator[Element]:
    return tree.iter()


def parts(tree: Element, name: str) -> list[Element]:
    return [each for each in elements(tree) if each.get("data-consentkit") == name]


def part(tree: Element, name: str) -> Element:
    (found,) = parts(tree, name)
    return found


def words(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())
