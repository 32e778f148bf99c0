"""What the banner and the pages are made of: plain, frozen values.

Promise: a view holds everything that is shown and nothing else. No settings, no request, no
signatures; the engine fills it, the renderer turns it into HTML, tests build it by hand. Every
field is untrusted text to the renderer: it is escaped, and an address that is not plain http(s)
or a path of this site is left out.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Direction = Literal["ltr", "rtl"]
State = Literal["granted", "denied", "unset"]
Layout = Literal["bar-bottom", "bar-top", "box", "centred"]
Theme = Literal["auto", "light", "dark"]


class CookieView(msgspec.Struct, frozen=True, kw_only=True):
    """One cookie (or one key of the browser's storage) that a service sets."""

    name: str
    duration: str = ""
    purpose: str = ""
    party: Literal["first", "third"] = "first"
    storage: Literal["cookie", "local", "session"] = "cookie"
    choice: str = ""  # of our own cookies: the id of the category that it holds the choice about


class ServiceView(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of software that the site uses, who makes it, and why it is used.

    ``ours`` are the cookies that remember the choice; their words are built in.
    """

    id: str
    name: str = ""
    ours: bool = False
    provider: str = ""
    country: str = ""  # ISO 3166-1 alpha-2; anything else is shown as it stands
    purposes: tuple[str, ...] = ()
    privacy_url: str = ""
    opt_out_url: str = ""
    cookies: tuple[CookieView, ...] = ()
    state: State | None = None  # None: not asked about by itself


class CategoryView(msgspec.Struct, frozen=True, kw_only=True):
    """One purpose that is agreed to or refused as a whole.

    An empty title or description means the built-in text for a default category's id.
    """

    id: str
    title: str = ""
    description: str = ""
    locked: bool = False  # always on: shown, but no choice
    state: State = "unset"
    services: tuple[ServiceView, ...] = ()


class ReceiptView(msgspec.Struct, frozen=True, kw_only=True):
    """The visitor's own record of the last choice."""

    consent_id: str
    time: str  # RFC 3339, UTC
    outcome: tuple[tuple[str, State], ...]  # category id or service name -> what was chosen
    record_id: str = ""
    policy_version: str = ""


class OwnRecordView(msgspec.Struct, frozen=True, kw_only=True):
    """One of the visitor's records, and its place in the log."""

    receipt: ReceiptView
    action: str
    place: int
    leaf_hash: str  # hex


class ReceiptPageView(msgspec.Struct, frozen=True, kw_only=True):
    """All that is recorded of the visitor."""

    css_urls: tuple[str, ...]
    theme: Theme = "auto"
    site_name: str = ""
    language: str = "en"
    direction: Direction = "ltr"
    preferences_url: str
    categories: tuple[CategoryView, ...]
    records: tuple[OwnRecordView, ...] = ()  # the newest first
    size: int = 0  # of the log that they are proved to be in, and its Merkle root in hex
    root: str = ""
    json_url: str = ""  # the same with the proofs
    more_url: str = ""
    forget_url: str = ""
    next: str = ""
    token: str = ""
    forgotten: bool = False  # they have just been erased


class NoticeView(msgspec.Struct, frozen=True, kw_only=True):
    """The banner: what is asked, before anything is switched on."""

    site_name: str = ""
    language: str = "en"
    direction: Direction = "ltr"
    policy_version: str = ""
    policy_url: str = ""  # the site's own policy, or ours at <prefix>/policy
    action_url: str  # where the forms go
    preferences_url: str
    categories: tuple[CategoryView, ...]
    gpc: bool = False  # the browser sends Global Privacy Control and the site honours it
    layout: Layout = "bar-bottom"


class PreferencesView(NoticeView, frozen=True, kw_only=True):
    """The page where a choice is made, looked up and changed."""

    css_urls: tuple[str, ...]
    theme: Theme = "auto"
    next: str = ""  # the page to go back to; a path of this site
    token: str = ""
    saved: bool = False  # a choice has just been saved
    receipt: ReceiptView | None = None
    receipt_url: str = ""  # all records of this visitor
    forget_url: str = ""  # where they are erased


class PolicyView(msgspec.Struct, frozen=True, kw_only=True):
    """The cookie policy: the software in use, and why."""

    css_urls: tuple[str, ...]
    theme: Theme = "auto"
    site_name: str = ""
    language: str = "en"
    direction: Direction = "ltr"
    policy_version: str = ""
    policy_url: str = ""  # the site's own privacy policy, when it has one
    effective: str = ""  # the day the policy came into force, as the site words it
    contact: str = ""  # an e-mail address, a web address, or plain text
    preferences_url: str
    back_url: str = ""
    categories: tuple[CategoryView, ...]
    gpc: bool = False
