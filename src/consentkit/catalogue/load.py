"""Reading the shipped data files, and merging them with the site's own list.

A site's entry with a known id changes the fields that it gives: texts replace ours, while hosts,
signatures, globals and cookies are added to ours (a cookie of the same name is replaced): taking a
host away would open the gate. An entry with an unknown id is a service of the site's own.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from consentkit.catalogue.model import Catalogue, Code, Cookie, Host, Service, Shape
from consentkit.catalogue.patterns import parse_global, parse_host, parse_signature, regex
from consentkit.errors import CatalogueError, Fault, SettingsError
from consentkit.settings import ServiceSettings, nearest

__all__ = ["decode", "load_catalogue", "shipped_services"]

T = TypeVar("T")


class _HostEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A host with a path that is a regular expression."""

    host: str
    path: str


class _CodeEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signature that needs to be told more of than its text.

    Attributes:
        text: the signature, or else
        code: a regular expression for it, with the whole
        words: that it cannot do without.
        beside: whole words of which the script has to have one as well.
    """

    text: str = ""
    code: str = ""
    words: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.text) == bool(self.code) or bool(self.code) != bool(self.words):
            raise ValueError("a signature needs either a text, or a code with its words")


class _UrlEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A shape of addresses, and the whole word that it cannot do without, or one of several."""

    word: str | tuple[str, ...]
    url: str


class _CookieEntry(Cookie, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cookie of a data file: like the model's, and no key may be misspelt."""


class _Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ``[[service]]`` of a data file.

    Attributes:
        sites: host rules that count in attributes which fetch, but not when a script names them.
        calls: signatures of calls that do nothing unless another tag has loaded the service; the
            first word is the function.
        aliases: what else people call it; only for hints.
    """

    id: str
    name: str
    provider: str
    country: str
    category: str
    purpose: tuple[str, ...]
    privacy_url: str
    opt_out_url: str = ""
    checked: dt.date
    embed: bool = False
    aliases: tuple[str, ...] = ()
    hosts: tuple[str | _HostEntry, ...] = ()
    sites: tuple[str | _HostEntry, ...] = ()
    urls: tuple[_UrlEntry, ...] = ()
    signatures: tuple[str | _CodeEntry, ...] = ()
    calls: tuple[str | _CodeEntry, ...] = ()
    globals: tuple[str, ...] = ()
    cookies: tuple[_CookieEntry, ...] = ()


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    """A data file: the services of one family of providers."""

    service: tuple[_Entry, ...]


def decode(data: bytes, source: str) -> Iterator[tuple[Service, tuple[str, ...]]]:
    """The services of a data file, each with what else people call it.

    Raises:
        CatalogueError: naming ``source`` or the service in it.
    """
    try:
        entries = msgspec.toml.decode(data, type=_File).service
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CatalogueError(source, str(error)) from error
    for entry in entries:
        try:
            yield _service(entry), entry.aliases
        except ValueError as error:
            raise CatalogueError(f"{source}, service {entry.id!r}", str(error)) from error


def _service(entry: _Entry) -> Service:
    return Service(
        id=entry.id,
        name=entry.name,
        category=entry.category,
        provider=entry.provider,
        country=entry.country,
        purposes=entry.purpose,
        privacy_url=entry.privacy_url,
        opt_out_url=entry.opt_out_url,
        embed=entry.embed,
        checked=entry.checked,
        cookies=tuple(Cookie(**msgspec.structs.asdict(cookie)) for cookie in entry.cookies),
        hosts=(
            *(_host(host, inline=True) for host in entry.hosts),
            *(_host(host, inline=False) for host in entry.sites),
        ),
        urls=tuple(
            Shape(word=word, pattern=regex(shape.url))
            for shape in entry.urls
            for word in ((shape.word,) if isinstance(shape.word, str) else shape.word)
        ),
        signatures=(
            *(_code(signature) for signature in entry.signatures),
            *(_call(signature) for signature in entry.calls),
        ),
        globals=tuple(map(parse_global, entry.globals)),
    )


def _host(entry: str | _HostEntry, *, inline: bool) -> Host:
    if isinstance(entry, str):
        return parse_host(entry, inline=inline)
    return parse_host(entry.host, path=entry.path, inline=inline)


def _code(entry: str | _CodeEntry) -> Code:
    if isinstance(entry, str):
        return parse_signature(entry)
    if entry.text:
        return msgspec.structs.replace(parse_signature(entry.text), beside=entry.beside)
    return Code(words=entry.words, pattern=regex(entry.code), beside=entry.beside)


def _call(entry: str | _CodeEntry) -> Code:
    code = _code(entry)
    return msgspec.structs.replace(code, call=code.words[0])


@cache
def _shipped() -> tuple[Mapping[str, Service], Mapping[str, str]]:
    """The shipped services by id, and every name to hint at with the id that is meant."""
    services: dict[str, Service] = {}
    names: dict[str, str] = {}
    folder = resources.files("consentkit.catalogue") / "services"
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        if not file.name.endswith(".toml"):
            continue
        for service, aliases in decode(file.read_bytes(), file.name):
            if service.id in services:
                raise CatalogueError(f"{file.name}, service {service.id!r}", "the id is used twice")
            services[service.id] = service
            names.update((name, service.id) for name in (service.id, *aliases))
    return MappingProxyType(services), MappingProxyType(names)


def shipped_services() -> Mapping[str, Service]:
    """The services that come with consentkit, by id."""
    return _shipped()[0]


def load_catalogue(own: Sequence[str | ServiceSettings] | None = None) -> Catalogue:
    """The shipped services merged with the site's list.

    Args:
        own: ids and definitions as in ``settings.services``; None when the site gave no list.

    Raises:
        SettingsError: with every mistake in the site's list.
        CatalogueError: when a shipped data file is wrong.
    """
    shipped, names = _shipped()
    if own is None:
        return Catalogue(services=shipped)
    services = dict(shipped)
    declared: dict[str, None] = {}
    faults: list[Fault] = []
    for index, entry in enumerate(own):
        path = f"services[{index}]"
        key = entry if isinstance(entry, str) else entry.id
        if key in declared:
            faults.append(
                Fault(path=path, value=repr(key), expected="a service that is not listed twice")
            )
            continue
        declared[key] = None
        if isinstance(entry, ServiceSettings):
            service = _merged(entry, shipped.get(key), path, faults)
            if service is not None:
                services[key] = service
        elif key not in shipped:
            faults.append(
                Fault(
                    path=path,
                    value=repr(key),
                    expected="the id of a catalogued service, or a definition of your own",
                    suggestion=_meant(key, names),
                )
            )
    if faults:
        raise SettingsError(tuple(faults))
    return Catalogue(services=MappingProxyType(services), declared=tuple(declared))


def _meant(key: str, names: Mapping[str, str]) -> str:
    """The id that was probably meant: other names of a service are known too."""
    plain = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
    return names.get(nearest(plain, names), "")


def _merged(
    entry: ServiceSettings, known: Service | None, path: str, faults: list[Fault]
) -> Service | None:
    """The site's entry as a service, with what the catalogue knows of it."""
    before = len(faults)
    hosts = _parsed(parse_host, entry.hosts, f"{path}.hosts", faults)
    signatures = _parsed(parse_signature, entry.signatures, f"{path}.signatures", faults)
    names = _parsed(parse_global, entry.globals, f"{path}.globals", faults)
    given: dict[str, Any] = {
        field: getattr(entry, field)
        for field in ("name", "provider", "country", "category", "privacy_url", "opt_out_url")
        if getattr(entry, field)
    }
    purposes = (entry.purpose,) if isinstance(entry.purpose, str) else entry.purpose
    if any(purposes):
        given["purposes"] = tuple(purpose for purpose in purposes if purpose)
    if entry.embed is not None:
        given["embed"] = entry.embed
    cookies = tuple(Cookie(**msgspec.structs.asdict(cookie)) for cookie in entry.cookies)
    if known is None:
        for field in ("name", "category"):
            if field not in given:
                expected = f"a {field}: the catalogue has no service {entry.id!r} to take it from"
                faults.append(Fault(path=f"{path}.{field}", value="nothing", expected=expected))
        if len(faults) > before:
            return None
        return Service(
            id=entry.id,
            hosts=hosts,
            signatures=signatures,
            globals=names,
            cookies=cookies,
            own=True,
            **given,
        )
    if len(faults) > before:
        return None
    replaced = {(cookie.name, cookie.storage) for cookie in cookies}
    kept = (cookie for cookie in known.cookies if (cookie.name, cookie.storage) not in replaced)
    return msgspec.structs.replace(
        known,
        hosts=known.hosts + hosts,
        signatures=known.signatures + signatures,
        globals=tuple(dict.fromkeys(known.globals + names)),
        cookies=(*kept, *cookies),
        **given,
    )


def _parsed(
    parse: Callable[[str], T], texts: Sequence[str], path: str, faults: list[Fault]
) -> tuple[T, ...]:
    """Those of ``texts`` that can be parsed; the others are faults."""
    parsed = []
    for index, text in enumerate(texts):
        try:
            parsed.append(parse(text))
        except ValueError as error:
            expected = f"another pattern: {error}"
            faults.append(Fault(path=f"{path}[{index}]", value=repr(text), expected=expected))
    return tuple(parsed)
