"""What is known of a service, as frozen values. No file is read and nothing is matched here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

__all__ = ["Catalogue", "Code", "Cookie", "Global", "Host", "Service", "Shape"]


class Cookie(Struct, frozen=True, kw_only=True):
    """A cookie or storage entry that a service leaves behind.

    Attributes:
        name: ``*`` in it is a wildcard.
        duration: for people, such as ``2 years``; empty when it is not known.
        party: ``first`` when it lies on the site's own domain, so that the site can remove it.
    """

    name: str
    duration: str = ""
    purpose: str = ""
    party: Literal["first", "third"] = "first"
    storage: Literal["cookie", "local", "session"] = "cookie"


class Host(Struct, frozen=True, kw_only=True):
    """One host rule, parsed (the written forms are those of ``catalogue.patterns``).

    Attributes:
        name: the host itself, lower-case ASCII; without its last part when ``any_suffix``.
        below: whether every sub-domain counts too.
        any_suffix: whether a public suffix follows ``name``, any of one or two labels.
        path: a regular expression that ``path?query`` has to begin with; empty: any path.
        inline: whether an inline script that names this address belongs to the service. False for
            addresses of plain web pages and pictures, which an innocent script may name as well.
    """

    name: str
    below: bool = False
    any_suffix: bool = False
    path: str = ""
    inline: bool = True


class Code(Struct, frozen=True, kw_only=True):
    """One signature of inline scripts, parsed.

    Attributes:
        words: whole words of the code (``[A-Za-z0-9_$]+``), which every script with this
            signature contains; at least one.
        pattern: the regular expression to search for.
        beside: whole words of which the script has to have one as well; none: no more is needed.
        call: the function, when this is only a call of something that another tag loads.
    """

    words: tuple[str, ...]
    pattern: str
    beside: tuple[str, ...] = ()
    call: str = ""


class Shape(Struct, frozen=True, kw_only=True):
    """The shape of addresses that do not stay on one host.

    Attributes:
        word: a whole word (``[a-z0-9_]+``) of every such address, lower-case.
        pattern: the regular expression to search for in ``host/path?query``, in either case.
    """

    word: str
    pattern: str


class Global(Struct, frozen=True, kw_only=True):
    """A global variable of the page by which the site's own code speaks to a service.

    Attributes:
        name: of the variable.
        kind: ``function`` is called itself, ``array`` is pushed to, ``object`` has methods (and may
            be called as well).
    """

    name: str
    kind: Literal["function", "array", "object"]


class Service(Struct, frozen=True, kw_only=True):
    """A service, complete: what the matcher looks for and what the visitor is told.

    Attributes:
        id: its name in settings, cookies and records.
        country: where the provider sits, ISO 3166-1 alpha-2.
        purposes: why it is used, in sentences for visitors.
        embed: whether its iframes get a placeholder to click.
        checked: the day on which a catalogued entry was last compared with its sources.
        globals: what the site's own code calls; while the service is held back, our script takes
            these calls in its place.
        own: whether the site defined it; its hosts then win over the catalogue's.
    """

    id: str
    name: str
    category: str
    provider: str = ""
    country: str = ""
    purposes: tuple[str, ...] = ()
    privacy_url: str = ""
    opt_out_url: str = ""
    embed: bool = False
    checked: dt.date | None = None
    cookies: tuple[Cookie, ...] = ()
    hosts: tuple[Host, ...] = ()
    urls: tuple[Shape, ...] = ()
    signatures: tuple[Code, ...] = ()
    globals: tuple[Global, ...] = ()
    own: bool = False

    @property
    def gated(self) -> bool:
        """Whether there is anything to look for; if not, the service is only disclosed."""
        return bool(self.hosts or self.urls or self.signatures)


class Catalogue(Struct, frozen=True, kw_only=True):
    """Every service by its id, and which of them the site declared.

    Attributes:
        services: the shipped ones (with the site's changes) and the site's own.
        declared: the ids of the site's list in its order; None when the site gave no list.
    """

    services: Mapping[str, Service]
    declared: tuple[str, ...] | None = None
