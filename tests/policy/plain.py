"""The matcher as its rules say it, with no thought of time: the oracle of the one that is used.

Every rule is tried on every address, every signature on every script. Only the reading of
JavaScript (comments, data) is shared; that has tests of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from consentkit.catalogue.model import Host, Service
from consentkit.catalogue.patterns import telling_word
from consentkit.policy.script import guards, without_comments, without_data

__all__ = ["Plain"]

_HOST = r"([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)(?::[0-9]{1,5})?"
_PATH = r"((?:/[^\s\"'`<>\\/]+)*(?:/(?!/))?)"
_SUFFIX = re.compile(
    r"(?:(?:ac|co|com|edu|go|gob|gov|ne|net|nom|or|org)\.[a-z]{2}|[a-z]{2,63}|xn--[a-z0-9-]+)"
)


class Plain:
    """Finds services by what their tags look like.

    Args:
        services: as the matcher takes them.
    """

    def __init__(self, services: Iterable[Service]) -> None:
        self.services = tuple(services)

    def url(self, host: str, target: str, *, inline: bool = False) -> list[str]:
        """The ids of the services that an address belongs to."""
        if len(host) > 253:
            return []
        special, bare = [], []
        for service in self.services:
            if any(re.search(shape.pattern, host + target, re.I) for shape in service.urls):
                special.append(service)
            for rule in service.hosts:
                length = _named(rule, host)
                if length and not rule.path:
                    bare.append((length, rule, service))
                elif length and (rule.inline or not inline) and _begins(rule, target):
                    special.append(service)
        if not special:
            longest = max((length for length, _, _ in bare), default=0)
            special = [
                service
                for length, rule, service in bare
                if length == longest and (rule.inline or not inline)
            ]
        if any(service.own for service in special):
            special = [service for service in special if service.own]
        return [service.id for service in self.services if service in special]

    def inline(self, code: bytes) -> list[str]:
        """The ids of the services that an inline script belongs to."""
        found = self._read(code)
        if found:
            code = without_comments(code)
            found = self._read(code)
            outside, data = without_data(code)
            if data and not self._named_by_a_word(outside):
                found = self._read(outside)
                for service, target in self._addressed(data):
                    if not service.embed and target != "/":
                        found.add(service.id)
        return [service.id for service in self.services if service.id in found]

    def _read(self, code: bytes) -> set[str]:
        found = {service.id for service, _ in self._addressed(code)}
        for service in self.services:
            for code_of in service.signatures:
                if not re.search(code_of.pattern.encode(), code):
                    continue
                if code_of.beside and not _words(code) & set(code_of.beside):
                    continue
                if code_of.call and guards(code_of.call.encode()).search(code):
                    continue
                found.add(service.id)
        return found

    def _named_by_a_word(self, code: bytes) -> bool:
        words = _words(code)
        told = (telling_word(c.words) for s in self.services for c in s.signatures)
        return not words.isdisjoint(told)

    def _addressed(self, code: bytes) -> Iterator[tuple[Service, str]]:
        text = code.decode("latin-1").replace("\\/", "/")
        text = re.sub(r"(?:\\u00|\\x|%)2[Ff]", "/", text)
        by_id = {service.id: service for service in self.services}
        for start in ("//", r"[\"'`}]\.?"):
            for host, path in re.findall(start + _HOST + _PATH, text, re.ASCII):
                for name in self.url(host.lower(), path or "/", inline=True):
                    yield by_id[name], path or "/"


def _named(rule: Host, host: str) -> int:
    """How much of the host a rule names; 0 when it does not hold."""
    labels = host.split(".")
    suffixes = ["." + ".".join(labels[cut:]) for cut in range(1, len(labels))]
    for suffix in suffixes if rule.any_suffix else [""]:
        if suffix and not _SUFFIX.fullmatch(suffix[1:]):
            continue
        name = rule.name + suffix
        if host == name or (rule.below and host.endswith("." + name)):
            return len(name)
    return 0


def _begins(rule: Host, target: str) -> bool:
    return re.match(rule.path, target, re.IGNORECASE) is not None


def _words(code: bytes) -> set[str]:
    return set(re.findall(r"[A-Za-z0-9_$]+", code.decode("latin-1")))
