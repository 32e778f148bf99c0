"""What can be set: frozen values with their defaults, and nothing that is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

__all__ = [
    "GPC",
    "NECESSARY",
    "UNCLASSIFIED",
    "AuditSettings",
    "AuditTokenSettings",
    "BannerSettings",
    "CategorySettings",
    "CheckpointSettings",
    "ChoiceCookieSettings",
    "ConsentModeSettings",
    "CookieSettings",
    "LimitSettings",
    "LogSettings",
    "PolicySettings",
    "RegimeSettings",
    "RegionDefaultSettings",
    "ServiceSettings",
    "Settings",
]

# \Z, as $ would let a line feed through, and these end up in headers.
CategoryId = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}\Z")]
ServiceId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}\Z")]
Secret = Annotated[str, Meta(min_length=32)]
Count = Annotated[int, Meta(ge=1, le=2**31)]

NECESSARY = "necessary"
GPC = "gpc"
"""No category, but a cookie of that name: since when we know of Global Privacy Control."""
UNCLASSIFIED = "unclassified"
"""The category of what nobody declared: it cannot be chosen, so it is never granted."""


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the settings: frozen, and no key may be misspelt."""


class CategorySettings(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A category that visitors choose by.

    Attributes:
        id: used in cookie names and in ``data-consent``.
        title: its heading in the banner; the default categories have one.
        description: a sentence or two for visitors.
        mode: ``consent`` (off until agreed to), ``objection`` (on until objected to) or ``none``
            (always on, cannot be chosen).
    """

    id: CategoryId
    title: str = ""
    description: str = ""
    mode: Literal["consent", "objection", "none"] = "consent"


class CookieSettings(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cookie or storage entry that a service leaves behind; ``*`` in the name is a wildcard."""

    name: Annotated[str, Meta(min_length=1)]
    duration: str = ""
    purpose: str = ""
    party: Literal["first", "third"] = "first"
    storage: Literal["cookie", "local", "session"] = "cookie"


class ServiceSettings(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service of the site's own, or changes to the catalogued one with the same id.

    Attributes:
        hosts: ``example.com``, ``*.example.com`` (and all below), ``example.*`` (any public
            suffix), each with an optional ``/path`` prefix.
        signatures: pieces of code that give its inline scripts away.
        globals: variables that the site's own code calls: ``track()``, ``queue[]``, ``tracker.*``.
        purpose: why it is used, in sentences for visitors.
        embed: whether its iframes get a placeholder to click.
    """

    id: ServiceId
    name: str = ""
    provider: str = ""
    country: str = ""
    category: str = ""
    purpose: str | tuple[str, ...] = ()
    privacy_url: str = ""
    opt_out_url: str = ""
    hosts: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    globals: tuple[str, ...] = ()
    cookies: tuple[CookieSettings, ...] = ()
    embed: bool | None = None


class PolicySettings(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The cookie policy: its version (a new one asks everybody again), page and date."""

    version: Annotated[str, Meta(min_length=1, max_length=64)] = "1"
    url: str = ""
    effective: str = ""


class ChoiceCookieSettings(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The cookies that hold the visitor's choice.

    Attributes:
        secure: ``auto`` sets ``Secure`` on https alone, so that development over http works.
        max_age_days: at most 400, which is where browsers cut (RFC 6265bis).
    """

    prefix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,32}\Z")] = "consent_"
    domain: str = ""
    max_age_days: Annotated[int, Meta(ge=1, le=400)] = 180
    same_site: Literal["Lax", "Strict", "None"] = "Lax"
    secure: bool | Literal["auto"] = "auto"


class BannerSettings(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the banner is shown: ``texts`` and ``template_dirs`` replace our own.

    Attributes:
        layout: where it stands; ``bar-top`` is part of the page's flow, the others lie over it.
        theme: ``auto`` follows the visitor's system.
        floating: whether a small button leads back to the choice from every page.
    """

    enabled: bool = True
    layout: Literal["bar-bottom", "bar-top", "box", "centred"] = "bar-bottom"
    theme: Literal["auto", "light", "dark"] = "auto"
    floating: bool = False
    texts: Mapping[str, str] = {}
    template_dirs: tuple[str, ...] = ()


class LimitSettings(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds on what one request may cost.

    Attributes:
        body_bytes: the largest body that ``POST /consent/`` reads.
        rate_per_minute: choices a client may send in a minute, with bursts of as many.
        tag_bytes: a longer tag goes out without its attributes, inert.
        script_bytes: an inline script that is longer goes out inert.
    """

    body_bytes: Count = 16_384
    rate_per_minute: Count = 600
    tag_bytes: Annotated[int, Meta(ge=1024, le=2**31)] = 1_048_576
    script_bytes: Annotated[int, Meta(ge=1024, le=2**31)] = 2_097_152


class CheckpointSettings(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Checkpoints of the consent log: its size and root, signed, and kept elsewhere.

    Attributes:
        origin: the log's name in them, such as ``shop.example/consent``.
        key: file with the private key, or ``env:NAME``; empty: they are not signed.
        verify: public keys that were the log's before.
        to: files, folders (ending with ``/``) and URLs; none: no checkpoint is written.
        every: minutes between two of them, while records come in.
    """

    origin: Annotated[str, Meta(min_length=1, max_length=256)] = "consentkit.log"
    key: str = ""
    verify: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    every: Count = 60


class LogSettings(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the consent log is kept, for how long, and where its checkpoints go.

    Attributes:
        spool: a folder in which choices wait while the log cannot be written; True: beside the
            log's file; False: nowhere, then they are refused.
        retention_days: records that are older are pruned; None: they are kept.
    """

    url: Annotated[str, Meta(min_length=1)] = "sqlite:///consent.db"
    spool: bool | Annotated[str, Meta(min_length=1)] = True
    retention_days: Count | None = None
    checkpoint: CheckpointSettings = CheckpointSettings()


# ISO 3166-1, or with a part of the country after it (3166-2).
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}(?:-[A-Z0-9]{1,3})?\Z")]


class RegimeSettings(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the law asks for in some countries, where it is not what ``categories`` say.

    Attributes:
        id: recorded with each choice.
        countries: two-letter codes, or parts of a country such as ``US-CA``, which count for more.
        modes: ``consent`` or ``objection`` by category; the others keep the mode they have.
        gpc: whether Global Privacy Control is an objection here; left out: as ``honour_gpc`` says.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}\Z")]
    countries: Annotated[tuple[Country, ...], Meta(min_length=1)]
    modes: Mapping[CategoryId, Literal["consent", "objection"]] = {}
    gpc: bool | None = None


class RegionDefaultSettings(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Consent types that are granted by default in some regions, until the visitor chooses."""

    regions: Annotated[tuple[Country, ...], Meta(min_length=1)]
    granted: tuple[str, ...] = ()


class ConsentModeSettings(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What vendors are told about consent.

    Attributes:
        mode: ``basic`` holds their tags back until they are agreed to and tells them the rest;
            ``advanced`` lets the tags that can be told load at once, with everything denied;
            ``off`` tells nothing.
        types: the category that a consent type of a vendor goes by, where it is not the usual one.
        regions: defaults for some regions, for visitors who have not chosen.
        wait_for_update: milliseconds for which a tag that loads at once waits for a choice.
        url_passthrough: whether links carry the id of a click on an advertisement while storage is
            denied.
        ads_data_redaction: whether that id is left out of what is sent while advertising is denied.
    """

    mode: Literal["basic", "advanced", "off"] = "basic"
    types: Mapping[str, str] = {}
    regions: tuple[RegionDefaultSettings, ...] = ()
    wait_for_update: Annotated[int, Meta(ge=0, le=10_000)] = 500
    url_passthrough: bool = False
    ads_data_redaction: bool = True


class AuditTokenSettings(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token that opens the pages for auditors, as ``consentkit audit token`` makes them.

    Attributes:
        name: whose it is, for the list of who read what.
        hash: SHA-256 of the token, in hex; the token itself is in no file.
        role: ``read``, ``export`` (reads too) or ``erase`` (exports and reads too).
    """

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    role: Literal["read", "export", "erase"] = "read"


class AuditSettings(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pages for auditors. Where this part is left out, there are none.

    Attributes:
        tokens: who may see them, besides those whom the site itself lets in.
        session_minutes: how long a login lasts.
        access_log: a file for who read what; True: beside the log's own file; False: none, Python's
            logger ``consentkit.audit`` alone has it.
    """

    tokens: tuple[AuditTokenSettings, ...] = ()
    session_minutes: Annotated[int, Meta(ge=1, le=43_200)] = 480
    access_log: bool | Annotated[str, Meta(min_length=1)] = True


# Their titles and descriptions are the banner's, in the visitor's language.
DEFAULT_CATEGORIES = (
    CategorySettings(id=NECESSARY, mode="none"),
    CategorySettings(id="functional"),
    CategorySettings(id="analytics"),
    CategorySettings(id="marketing"),
)


class Settings(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a site tells consentkit. Use :func:`load_settings` to make one.

    Attributes:
        secret_keys: sign the cookies; the newest first, each of at least 32 characters. The
            newest signs, all verify, so a key is retired by taking it off the list.
        site_name: how the banner calls the site.
        prefix: the path under which our endpoints live.
        categories: what visitors choose by; left out: necessary, functional, analytics, marketing.
        services: ids from the catalogue and own definitions; left out: the whole catalogue.
        gate: ``known`` holds back every catalogued service, ``declared`` only those in
            ``services``, ``strict`` also every third party that is unknown.
        granularity: whether visitors choose by category, or by each declared service.
        allow: hosts that are never held back.
        guard: whether our script also holds back what scripts add to a page later.
        regimes: what applies in which countries; elsewhere the modes of ``categories`` do.
        country_header: the request header in which the CDN names the visitor's country.
        languages: tags of the languages to offer, the default first; left out: all there are,
            with English as the default.
        honour_gpc: whether ``Sec-GPC: 1`` counts as an objection.
        consent_mode: what vendors are told about consent.
        csp: ``derive`` adds a second Content-Security-Policy without what is not granted where the
            site has one, ``enforce`` makes one where it has none, ``report`` only reports.
        shared_cache: pages are the same for everybody, and the browser does the rest.
        debug: pages tell developers what was held back and why.
        bots: whether crawlers get the banner; their pages are gated either way.
        on_unprotected: what to do with an HTML page that cannot be read (an unknown encoding):
            send it under a policy that stops all third parties, or answer 503.
        audit: the pages for auditors; None: there are none.
    """

    secret_keys: Annotated[tuple[Secret, ...], Meta(min_length=1)]
    site_name: str = ""
    prefix: str = "/consent"
    categories: tuple[CategorySettings, ...] = DEFAULT_CATEGORIES
    services: tuple[str | ServiceSettings, ...] | None = None
    gate: Literal["known", "strict", "declared"] = "known"
    granularity: Literal["category", "service"] = "category"
    allow: tuple[str, ...] = ()
    guard: bool = True
    policy: PolicySettings = PolicySettings()
    regimes: tuple[RegimeSettings, ...] = ()
    country_header: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{0,64}\Z")] = ""
    languages: tuple[str, ...] = ()
    honour_gpc: bool = True
    consent_mode: ConsentModeSettings = ConsentModeSettings()
    csp: Literal["off", "derive", "enforce", "report"] = "derive"
    cookies: ChoiceCookieSettings = ChoiceCookieSettings()
    banner: BannerSettings = BannerSettings()
    limits: LimitSettings = LimitSettings()
    bots: Literal["no-banner", "banner"] = "no-banner"
    on_unprotected: Literal["serve", "503"] = "serve"
    log: LogSettings = LogSettings()
    audit: AuditSettings | None = None
    shared_cache: bool = False
    debug: bool = False
