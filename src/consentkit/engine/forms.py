"""Reading a choice from a request, and refusing what is none.

Everything here is total: a body of any bytes gives a :class:`Submission` or ``RequestRefused``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

from consentkit.engine.messages import Request
from consentkit.errors import RequestRefused
from consentkit.log import Source
from consentkit.policy import SERVICE

__all__ = [
    "Submission",
    "check_origin",
    "form_fields",
    "read_submission",
    "safe_next",
    "same_origin",
]

_ACTIONS = ("accept", "reject", "save", "gpc")
_SOURCES: dict[str, Source] = {s: s for s in ("banner", "preferences", "embed", "api")}
_FIELDS = 200
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_PORTS = {"http": "80", "https": "443"}


class Submission(Struct, frozen=True, kw_only=True):
    """What a visitor sent.

    Attributes:
        action: ``accept``, ``reject`` or ``save``; ``gpc`` when the browser objects by itself.
        categories: those to grant; for ``save`` alone.
        services: the same for single services, where these are asked about one by one.
        next: where to go afterwards; a checked path, or empty.
        token: of the page that the choice was made on.
        page: the path of that page.
        json: whether the answer is to be JSON.
    """

    action: str
    categories: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    next: str = ""
    token: str = ""
    page: str = ""
    source: Source = "api"
    json: bool = False


def check_origin(request: Request) -> None:
    """Refuse a choice that another site made the browser send.

    Browsers name the relation in ``Sec-Fetch-Site`` and the sender in ``Origin``. What is there
    must fit; a client that sends neither is no browser that could be abused.

    A page that sends no referrer sends its forms with ``Origin: null`` (Fetch 3.1), as does any
    page in a sandbox; the other header tells which it was.

    Raises:
        RequestRefused: 403.
    """
    sites = {site.strip().lower() for site in request.all(b"sec-fetch-site")}
    if not sites <= {b"same-origin", b"none"}:
        raise RequestRefused(403, "A choice can only be made on this site itself.")
    for value in request.all(b"origin"):
        origin = value.decode("latin-1").strip().lower()
        if origin == "null" and sites == {b"same-origin"}:
            continue
        if not same_origin(origin, request):
            raise RequestRefused(403, "A choice can only be made on this site itself.")


def same_origin(url: str, request: Request) -> bool:
    """Whether an origin, or the origin of an address, is the one that was asked."""
    scheme, found, rest = url.partition("://")
    authority = rest.split("/", 1)[0].lower()
    if not found or scheme not in _PORTS:
        return False
    # A proxy that ends TLS leaves the scheme at http; the browser's word for https is good.
    if scheme not in (request.scheme, "https"):
        return False
    host = request.header(b"host").decode("latin-1").lower()
    return _with_port(authority, scheme) == _with_port(host, scheme)


def _with_port(authority: str, scheme: str) -> str:
    return authority if re.search(r":\d+$", authority) else f"{authority}:{_PORTS[scheme]}"


_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")


def safe_next(target: str) -> str:
    """A path of this site to go on to, or nothing when it could lead anywhere else.

    Only what starts with a single slash and holds no control character, blank or backslash, which
    browsers drop or turn into slashes; the address is put together again from its parts.
    """
    if not target.startswith("/") or target.startswith("//") or _UNSAFE.search(target):
        return ""
    if len(target) > 2048:
        return ""
    try:
        parts = urlsplit(target)
    except ValueError:
        return ""
    if parts.scheme or parts.netloc or parts.path.startswith("//"):
        return ""
    query = f"?{parts.query}" if parts.query else ""
    return (parts.path + query).encode("ascii", "ignore").decode() if target.isascii() else ""


def read_submission(
    request: Request,
    body: bytes,
    known: frozenset[str],
    known_services: frozenset[str] = frozenset(),
) -> Submission:
    """The choice in a request.

    A service stands in a field of its own, or among the categories as ``service:id``, which is how
    the client script has it.

    Args:
        known: the categories that can be chosen.
        known_services: the services that can be chosen one by one.

    Raises:
        RequestRefused: 400 for what makes no sense, 415 for another type of body.
    """
    if request.header(b"content-encoding").strip().lower() not in (b"", b"identity"):
        raise RequestRefused(415, "Send the choice without compression.")
    media_type = (
        request.header(b"content-type").partition(b";")[0].strip().lower().decode("latin-1")
    )
    if media_type == _JSON:
        fields = _json_fields(body)
    elif media_type == _FORM:
        fields = _form_fields(body)
    else:
        raise RequestRefused(415, f"Send the choice as {_FORM} or {_JSON}.")
    action = fields["action"]
    if action not in _ACTIONS:
        raise RequestRefused(400, "The action has to be accept, reject or save.")
    named = dict.fromkeys(fields["categories"])
    categories = [name for name in named if not name.startswith(SERVICE)]
    services = [name.removeprefix(SERVICE) for name in named if name.startswith(SERVICE)]
    services += [name for name in fields["services"] if name not in services]
    for kind, given, there in (
        ("category", categories, known),
        ("service", services, known_services),
    ):
        unknown = sorted(set(given) - there)
        if unknown:
            raise RequestRefused(400, f"There is no {kind} {unknown[0][:40]!r} to choose.")
    source = fields["source"]
    if not source:
        source = "api" if media_type == _JSON else "preferences"
    if source not in _SOURCES:
        raise RequestRefused(400, "The source has to be banner, preferences, embed or api.")
    return Submission(
        action=action,
        categories=tuple(categories) if action == "save" else (),
        services=tuple(dict.fromkeys(services)) if action == "save" else (),
        next=safe_next(fields["next"]),
        token=fields["token"],
        page=safe_next(fields["page"]).partition("?")[0][:512],
        source=_SOURCES[source],
        json=media_type == _JSON,
    )


def form_fields(request: Request, body: bytes, names: Sequence[str]) -> dict[str, str]:
    """The fields of a form; one that is not there is empty.

    Raises:
        RequestRefused: 400 for what cannot be read or is not asked for, 415 for another type.
    """
    media_type = request.header(b"content-type").partition(b";")[0].strip().lower()
    if media_type != _FORM.encode():
        raise RequestRefused(415, f"Send this as {_FORM}.")
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS
        )
    except ValueError as error:
        raise RequestRefused(400, "This form could not be read.") from error
    if len({name for name, _ in pairs}) != len(pairs) or not {n for n, _ in pairs} <= set(names):
        raise RequestRefused(400, "This form has other fields than it should.")
    return {**dict.fromkeys(names, ""), **dict(pairs)}


def _form_fields(body: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_FIELDS,
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise RequestRefused(400, "This form could not be read.") from error
    fields: dict[str, Any] = dict.fromkeys(("action", "next", "token", "page", "source"), "")
    lists: dict[str, list[str]] = {"category": [], "service": []}
    for name, value in pairs:
        if name in lists:
            lists[name].append(value)
        elif name in fields:
            if fields[name] not in ("", value):
                raise RequestRefused(400, f"This form has {name!r} twice.")
            fields[name] = value
    fields["page"] = fields["page"] or fields["next"]
    return {**fields, "categories": lists["category"], "services": lists["service"]}


def _json_fields(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise RequestRefused(400, "This JSON could not be read.") from error
    if not isinstance(data, dict):
        raise RequestRefused(400, "The JSON has to be an object.")
    fields: dict[str, Any] = {}
    for name in ("action", "next", "token", "page", "source"):
        value = data.get(name, "")
        if not isinstance(value, str):
            raise RequestRefused(400, f"{name!r} has to be text.")
        fields[name] = value
    fields["categories"] = _json_names(data, "category", "categories")
    fields["services"] = _json_names(data, "service", "services")
    return fields


def _json_names(data: dict[str, Any], one: str, many: str) -> list[str]:
    given = data.get(many, data.get(one, []))
    if isinstance(given, str):
        given = [given]
    if isinstance(given, dict):
        values = {True: True, False: False, "granted": True, "denied": False}
        if not all(isinstance(v, (bool, str)) and v in values for v in given.values()):
            raise RequestRefused(400, f"Each {one} has to be true or false.")
        given = [name for name, value in given.items() if values[value]]
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise RequestRefused(400, f"{many!r} has to be a list of {many}.")
    return given


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key is there twice")
    return data


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
