"""Telling whose tag this is: by its address, by its inline code, by the cookie it sets.

Everything is exact and total: hosts match on label boundaries only (``t.co`` never matches
``checkout.com``), any input gives an answer, and the time is linear in the input, whatever the
number of services. A matcher never changes; its caches are bounded in bytes.

Most inline scripts belong to nobody, so what costs time is to make sure of that. Two passes do,
both of which may say yes too often and never no: one for the words of the signatures, one for what
an address of a service has to have in it. Only then is the script read closely.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from consentkit.catalogue.model import Code, Service
from consentkit.catalogue.patterns import telling_word
from consentkit.policy.memory import Memory
from consentkit.policy.script import guards, without_comments, without_data

__all__ = ["Matcher"]

_Services = tuple[Service, ...]

_URL_BYTES = 2_000_000
_SCRIPT_BYTES = 4_000_000
_TEXT_BYTES = 500_000
_LONGEST_URL_KEPT = 1024
_LONGEST_SCRIPT_KEPT = 262_144

# A host name has at most 253 characters (RFC 1035 section 2.3.4), so nothing is fetched from a
# longer one; without the bound a host of many dots would be walked in quadratic time.
_LONGEST_HOST = 253

# What may follow a name whose rule ends in ".*": one label, or two like "co.uk". Other pairs of
# labels are a name that somebody registered, such as google.evil.example.
_PUBLIC_SUFFIX = re.compile(
    r"\.(?:(?:ac|co|com|edu|go|gob|gov|ne|net|nom|or|org)\.[a-z]{2}|[a-z]{2,63}|xn--[a-z0-9-]+)\Z"
)

# Everything that is no letter, digit, underscore or dollar becomes a space, so that splitting gives
# the words of a script. It costs by the word and by the byte, so letters that tell little are left
# out first: "fbq" stays what it is, most others shrink. Which letters are best was found by trial
# over the catalogue and some megabytes of scripts; others would be slower and no less right.
_WORD_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_$")
_TO_WORDS = bytes(byte if byte in _WORD_BYTES else 0x20 for byte in range(256))
_LEFT_OUT = b"$0123456789AHJKMOPQRTVWYcefilnowx"
_URL_WORDS = re.compile(r"[a-z0-9_]+")

# Where an address may begin in code: after "//", or at the start of a string that is joined to
# others, as in "https://ssl" : "http://www") + ".google-analytics.com/ga.js". Two expressions,
# for one that begins with plain text is many times faster. A path ends before "//", so that an
# address within an address is seen as well.
_HOST_AND_PATH = (
    rb"([A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++)++)"
    rb"(?::[0-9]{1,5})?+"
    rb"((?:/[^\s\"'`<>\\/]++)*+(?:/(?!/))?+)"
)
_AFTER_SLASHES = re.compile(rb"//" + _HOST_AND_PATH)
_IN_STRING = re.compile(rb"[\"'`}]\.?+" + _HOST_AND_PATH)
_ESCAPED_SLASH = re.compile(rb"(?:\\u00|\\x|%)2[Ff]")


class _Rule(NamedTuple):
    """A host rule, compiled."""

    service: Service
    below: bool
    path: re.Pattern[str] | None
    inline: bool


class _Signature(NamedTuple):
    """A code signature, compiled.

    Attributes:
        beside: what has to be in the script as well, if anything.
        guard: for a mere call, what asks whether there is anything to call.
    """

    service: Service
    pattern: re.Pattern[bytes]
    beside: re.Pattern[bytes] | None
    guard: re.Pattern[bytes] | None

    def matches(self, code: bytes) -> bool:
        """Whether a script without comments has it."""
        if not self.pattern.search(code):
            return False
        return self.beside is None or self.beside.search(code) is not None


class Matcher:
    """Finds services by what their tags look like.

    Args:
        services: in the order in which they are to be found.
    """

    def __init__(self, services: Iterable[Service]) -> None:
        self._order: dict[str, int] = {}
        self._hosts: dict[str, list[_Rule]] = {}
        self._any_suffix: dict[str, list[_Rule]] = {}
        self._shapes: dict[str, list[tuple[Service, re.Pattern[str]]]] = {}
        self._code: dict[bytes, list[_Signature]] = {}
        self._words: set[bytes] = set()
        self._cookies: dict[str, list[Service]] = {}
        self._cookie_patterns: list[tuple[Service, re.Pattern[str]]] = []
        for service in services:
            self._add(service)
        self._keys = frozenset(self._code)
        self._url_words = frozenset(self._shapes)
        self._signs = _signs(self._hosts, self._any_suffix, self._shapes)
        self._urls: Memory[tuple[str, str], _Services] = Memory(_URL_BYTES)
        self._scripts: Memory[bytes, _Services] = Memory(_SCRIPT_BYTES)
        self._texts: Memory[bytes, _Services] = Memory(_TEXT_BYTES)

    def _add(self, service: Service) -> None:
        self._order[service.id] = len(self._order)
        for host in service.hosts:
            table = self._any_suffix if host.any_suffix else self._hosts
            path = re.compile(host.path, re.IGNORECASE) if host.path else None
            rule = _Rule(service, host.below, path, host.inline)
            table.setdefault(host.name, []).append(rule)
        for shape in service.urls:
            whole = re.compile(shape.pattern, re.IGNORECASE)
            self._shapes.setdefault(shape.word, []).append((service, whole))
        for code in service.signatures:
            word = telling_word(code.words).encode()
            self._words.add(word)
            signature = _signature(service, code)
            self._code.setdefault(word.translate(None, _LEFT_OUT), []).append(signature)
        for cookie in service.cookies:
            # Cookies of the vendor's own domain never pass through the site, and some bear names
            # that others use for their sessions.
            if cookie.party != "first" or cookie.storage != "cookie":
                continue
            if "*" in cookie.name:
                parts = ".*".join(re.escape(part) for part in cookie.name.split("*"))
                self._cookie_patterns.append((service, re.compile(parts, re.DOTALL)))
            else:
                self._cookies.setdefault(cookie.name, []).append(service)

    def forget(self) -> None:
        """Empty the caches."""
        self._urls.forget()
        self._scripts.forget()
        self._texts.forget()

    def url(self, host: str, target: str) -> _Services:
        """The services that an address belongs to.

        A rule with a path goes before one without, a longer host before a shorter one, and the
        site's own service before a catalogued one.

        Args:
            host: lower-case ASCII, without port and final dot.
            target: path and query, beginning with ``/``.
        """
        size = len(host) + len(target)
        if size > _LONGEST_URL_KEPT:
            return self._find_url(host, target)
        found = self._urls.get((host, target), size)
        if found is None:
            found = self._find_url(host, target)
            self._urls.put((host, target), found, size)
        return found

    def inline(self, code: bytes) -> _Services:
        """The services that an inline script loads or calls.

        That is, whose signature or address stands in it. Comments do not count, nor do signatures,
        embeds and bare hosts within the objects of a script that only assigns objects; nor calls
        alone, where the script itself asks whether there is anything to call.

        Args:
            code: one whole script, and nothing else.
        """
        return self._remembered(code, self._scripts, self._find_inline)

    def text(self, text: bytes) -> _Services:
        """The services whose signature or address stands in a text.

        For a text that may have code in it but is not one script: a document, pieces of several
        scripts. So nothing in it can be taken for a comment.
        """
        return self._remembered(text, self._texts, self._find_text)

    def _remembered(
        self,
        code: bytes,
        memory: Memory[bytes, _Services],
        find: Callable[[bytes], _Services],
    ) -> _Services:
        size = len(code)
        if size > _LONGEST_SCRIPT_KEPT:
            return find(code)
        found = memory.get(code, size)
        if found is None:
            found = find(code)
            memory.put(code, found, size)
        return found

    def cookie(self, name: str) -> _Services:
        """The services that set a cookie of this name on the site's own domain."""
        exact = self._cookies.get(name)
        if exact is not None:
            return tuple(exact)
        found = (service for service, pattern in self._cookie_patterns if pattern.fullmatch(name))
        return self._sorted(found)

    def _find_url(self, host: str, target: str) -> _Services:
        if len(host) > _LONGEST_HOST:
            return ()
        words = self._url_words.intersection(_URL_WORDS.findall((host + target).lower()))
        return self._choose(host, target, list(self._rules(host)), self._shaped(words))

    def _shaped(self, words: Iterable[str]) -> list[tuple[Service, re.Pattern[str]]]:
        """The shapes that need one of these words."""
        return [shape for word in words for shape in self._shapes[word]]

    def _choose(
        self,
        host: str,
        target: str,
        rules: Iterable[tuple[int, list[_Rule]]],
        shapes: Iterable[tuple[Service, re.Pattern[str]]],
        *,
        inline: bool = False,
    ) -> _Services:
        """The services that an address belongs to, of those whose rules may hold."""
        address = host + target
        special = [service for service, shape in shapes if shape.search(address)]
        plain: list[_Rule] = []
        longest = 0
        for length, group in rules:
            bare = []
            for rule in group:
                if rule.path is None:
                    bare.append(rule)
                elif rule.path.match(target) and (rule.inline or not inline):
                    special.append(rule.service)
            if bare and length > longest:
                plain, longest = bare, length
        if special or not plain:
            return self._sorted(special) if special else ()
        # The winner is chosen first: a web site below a vendor's domain stays a web site.
        return self._sorted(rule.service for rule in plain if rule.inline or not inline)

    def _rules(self, host: str) -> Iterator[tuple[int, list[_Rule]]]:
        """The rules that hold for a host, each time with how much of the host they name."""
        yield from _walk(self._hosts, host)
        suffix = _PUBLIC_SUFFIX.search(host)
        if suffix is not None:
            for length, rules in _walk(self._any_suffix, host[: suffix.start()]):
                yield length + len(suffix[0]), rules

    def _sorted(self, services: Iterable[Service]) -> _Services:
        unique = {service.id: service for service in services}
        if any(service.own for service in unique.values()):
            unique = {key: service for key, service in unique.items() if service.own}
        return tuple(unique[key] for key in sorted(unique, key=self._order.__getitem__))

    def _find_text(self, text: bytes) -> _Services:
        return self._in_order(self._read(text, self._signatures(text)))

    def _find_inline(self, code: bytes) -> _Services:
        signatures = self._signatures(code)
        found = self._read(code, signatures)
        if not found:
            return ()
        bare = without_comments(code)
        if bare is not code:
            code = bare
            found = self._read(code, signatures)
        outside, data = without_data(code)
        # An object that is given to a service is no data of the site.
        if data and self._words.isdisjoint(outside.translate(_TO_WORDS).split()):
            found = self._read(outside, signatures)
            for service, target in self._addressed(data):
                if not service.embed and target != "/":
                    found[service.id] = service
        return self._in_order(found)

    def _signatures(self, code: bytes) -> list[_Signature]:
        """The signatures that the code may have; no others."""
        keys = self._keys.intersection(code.translate(_TO_WORDS, _LEFT_OUT).split())
        found = [signature for key in keys for signature in self._code[key]]
        return [*found, *self._code.get(b"", ())]

    def _in_order(self, found: Mapping[str, Service]) -> _Services:
        return tuple(found[key] for key in sorted(found, key=self._order.__getitem__))

    def _read(self, code: bytes, signatures: Iterable[_Signature]) -> dict[str, Service]:
        """The services that the code names, by id."""
        found = {service.id: service for service, _ in self._addressed(code)}
        calls = []
        for signature in signatures:
            if signature.service.id not in found and signature.matches(code):
                if signature.guard is None:
                    found[signature.service.id] = signature.service
                else:
                    calls.append(signature)
        for call in calls:
            if call.guard is None or not call.guard.search(code):
                found[call.service.id] = call.service
        return found

    def _addressed(self, code: bytes) -> Iterator[tuple[Service, str]]:
        """The services whose addresses stand in the code, each with path and query."""
        places = self._places(_unescaped(code))
        # Which shapes are worth trying is asked once for all addresses together.
        text = b"\n".join(map(b"".join, places)).lower().decode("latin-1")
        shapes = self._shaped(self._url_words.intersection(_URL_WORDS.findall(text)))
        known: dict[bytes, list[tuple[int, list[_Rule]]]] = {}
        for name, path in places:
            if len(name) > _LONGEST_HOST:
                continue
            host = name.decode("ascii").lower()
            if name not in known:
                known[name] = list(self._rules(host))
            if shapes or known[name]:
                target = path.decode("latin-1") or "/"
                for service in self._choose(host, target, known[name], shapes, inline=True):
                    yield service, target

    def _places(self, code: bytes) -> set[tuple[bytes, bytes]]:
        """Every host and path that stands in the code, of those that may be a service's."""
        signs = self._count(code)
        if not signs:
            return set()
        found = list(_AFTER_SLASHES.finditer(code))
        places = {(place[1], place[2]) for place in found}
        # Strings without "//" are looked at only if something in one of them can be an address.
        if signs > self._count(b"\n".join(place[0] for place in found)):
            places.update(_IN_STRING.findall(code))
        return places

    def _count(self, code: bytes) -> int:
        """How many signs of an address the code has."""
        return sum(len(sign.findall(code)) for sign in self._signs)


def _signs(
    hosts: Mapping[str, Iterable[_Rule]],
    any_suffix: Mapping[str, Iterable[_Rule]],
    shapes: Mapping[str, object],
) -> list[re.Pattern[bytes]]:
    """Expressions of which one at least is found in every address of a service in code."""
    signs = []
    names = [
        name
        for table in (hosts, any_suffix)
        for name, rules in table.items()
        if any(rule.inline for rule in rules)
    ]
    ends = {name.rpartition(".")[2] for name in names}
    if any("." not in name for name in names):
        signs.append(rb"\.")  # whatever comes before or after it
    elif ends:
        # The last label that a rule names. The classes turn most other words down at once.
        classes = [
            "[" + re.escape("".join(sorted({c for end in ends for c in end[i : i + 1]}))) + "]"
            for i in (0, 1)
        ]
        labels = "|".join(map(re.escape, sorted(ends)))
        signs.append(rf"\.(?i:(?={''.join(classes)})(?:{labels})(?![\w-]))".encode())
    if shapes:
        signs.append(rb"\.[A-Za-z0-9_-]++(?::[0-9]{1,5})?+/")  # a label before a path
    return list(map(re.compile, signs))


def _signature(service: Service, code: Code) -> _Signature:
    beside = "|".join(map(re.escape, code.beside)).encode()
    return _Signature(
        service,
        re.compile(code.pattern.encode()),
        re.compile(rb"(?<![\w$])(?:" + beside + rb")(?![\w$])") if beside else None,
        guards(code.call.encode()) if code.call else None,
    )


def _unescaped(code: bytes) -> bytes:
    """The code with the slashes in its strings as they are meant."""
    if b"\\" in code:
        code = code.replace(b"\\/", b"/")
        if b"\\u002" in code or b"\\x2" in code:
            return _ESCAPED_SLASH.sub(b"/", code)
    return _ESCAPED_SLASH.sub(b"/", code) if b"%" in code and b"%2" in code else code


def _walk(table: dict[str, list[_Rule]], host: str) -> Iterator[tuple[int, list[_Rule]]]:
    """The table's rules for a host and then for each domain above it."""
    rules = table.get(host)
    if rules is not None:
        yield len(host), rules
    dot = host.find(".")
    while dot >= 0:
        host = host[dot + 1 :]
        rules = table.get(host)
        if rules is not None:
            yield len(host), [rule for rule in rules if rule.below]
        dot = host.find(".")
