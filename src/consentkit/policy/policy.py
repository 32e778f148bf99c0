"""The policy of a site: its categories and services, what each service needs, what visitors see.

Made once from the settings and the catalogue, then only read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

import msgspec

from consentkit.catalogue import Catalogue, Service, Signal, load_catalogue, shipped_signals
from consentkit.errors import Fault, SettingsError
from consentkit.policy.matcher import Matcher
from consentkit.policy.regimes import Regimes
from consentkit.policy.services import LONGEST, SERVICE
from consentkit.policy.sites import parent_domains, same_site
from consentkit.settings import UNCLASSIFIED, CategorySettings, Settings, nearest

__all__ = ["Policy"]

_FINGERPRINT_LENGTH = 12  # hexadecimal digits: a mix-up of two service lists needs 2**24 versions


class Policy:
    """Settings and catalogue, compiled.

    Args:
        settings: checked settings.
        catalogue: the services that are known; loaded from the package when left out.

    Raises:
        SettingsError: when ``services`` names what does not exist.
    """

    def __init__(self, settings: Settings, catalogue: Catalogue | None = None) -> None:
        self.settings = settings
        self.catalogue = catalogue or load_catalogue(settings.services)
        self.categories: tuple[CategorySettings, ...] = settings.categories
        self.choosable = tuple(c for c in self.categories if c.mode != "none")
        self.always = frozenset(c.id for c in self.categories if c.mode == "none")
        self.regimes = Regimes(settings)
        self._order = {category.id: place for place, category in enumerate(self.categories)}
        self._check_categories()
        self._declared = frozenset(self.catalogue.declared or ())
        self._asked = {c.id: self._asked_one_by_one(c.id) for c in self.choosable}
        self.services = tuple(self._gated())
        self.signals = tuple(self._signals())
        advanced = settings.consent_mode.mode == "advanced"
        self._ungated = frozenset(key for s in self.signals for key in s.advanced if advanced)
        self.matcher = Matcher(self.services)
        self._needed = frozenset(c for s in self.services for c in self.requirements(s))
        self._fingerprints = {c.id: self._fingerprint(c) for c in self.choosable}
        self._allowed = frozenset(host.lower() for host in settings.allow if host[:2] != "*.")
        self._allowed_below = tuple(host[1:].lower() for host in settings.allow if host[:2] == "*.")

    def _check_categories(self) -> None:
        faults = []
        for index, key in enumerate(self.catalogue.declared or ()):
            category = self.catalogue.services[key].category
            if category not in self._order:
                expected = f"a category for {key!r}, one of " + ", ".join(self._order)
                hint = nearest(category, self._order)
                path = f"services[{index}].category"
                faults.append(
                    Fault(path=path, value=repr(category), expected=expected, suggestion=hint)
                )
        if faults:
            raise SettingsError(tuple(faults))

    def _asked_one_by_one(self, category: str) -> tuple[str, ...]:
        if self.settings.granularity != "service":
            return ()
        asked = tuple(sorted(service.id for service in self.declared(category)))
        if len(asked) > LONGEST:
            expected = f"at most {LONGEST} services in a category that are asked about one by one"
            raise SettingsError(
                (Fault(path="services", value=f"{len(asked)} in {category!r}", expected=expected),)
            )
        return asked

    def asked(self, category: str) -> tuple[str, ...]:
        """The ids of the services that visitors choose one by one, in order; else none."""
        return self._asked.get(category, ())

    def _gated(self) -> Iterable[Service]:
        services = self.catalogue.services
        if self.settings.gate == "declared":
            return [services[key] for key in self.catalogue.declared or ()]
        return services.values()

    @property
    def build(self) -> str:
        """A short hash of all that decides how pages are gated; the keys have no part in it."""
        told = msgspec.structs.replace(self.settings, secret_keys=())
        text = msgspec.json.encode((told, self.catalogue.declared, self.services))
        return hashlib.sha256(text).hexdigest()[:16]

    def declared(self, category: str) -> tuple[Service, ...]:
        """The services of a category that the site told its visitors about, in its order."""
        services = self.catalogue.services
        return tuple(
            services[key]
            for key in self.catalogue.declared or ()
            if services[key].category == category
        )

    def _signals(self) -> Iterable[Signal]:
        """What is told to vendors: those on the site's list; without one, those that insist."""
        if self.settings.consent_mode.mode == "off":
            return ()
        declared = self.catalogue.declared
        return (
            signal
            for signal in shipped_signals()
            if (signal.required if declared is None else set(signal.services) & set(declared))
        )

    @property
    def declared_services(self) -> tuple[Service, ...]:
        """The services on the site's list, in its order."""
        return tuple(self.catalogue.services[key] for key in self.catalogue.declared or ())

    def requirements(self, service: Service) -> tuple[str, ...]:
        """The categories that must be granted before a service may run.

        A service that the settings let load at once, because it is told what is granted, needs
        none.

        A service that a site with a list of services left out was shown to nobody, so nobody can
        have agreed to it: it needs a category that cannot be granted.
        """
        if service.id in self._ungated and service.id in (self._declared or self._ungated):
            return ()
        category = service.category if service.category in self._order else UNCLASSIFIED
        if category in self.always or self.catalogue.declared is None:
            return (category,)
        if service.id not in self._declared:
            return (category, UNCLASSIFIED)
        one_by_one = service.id in self.asked(category)
        return (category, f"{SERVICE}{service.id}") if one_by_one else (category,)

    def spelled_out(self, categories: Iterable[str]) -> frozenset[str]:
        """Categories together with all of their services, where these are asked one by one.

        Whoever names a category alone leaves open which of its services is meant; if one of them
        is named too, it is meant.
        """
        given = frozenset(categories)
        tokens = {c: {SERVICE + service for service in self.asked(c)} for c in given}
        return given.union(*(all_ for all_ in tokens.values() if not all_ & given))

    def told(self, service: Service) -> bool:
        """Whether visitors are told of a service: it is on the site's list, or there is none."""
        return self.catalogue.declared is None or service.id in self._declared

    def holds_nothing(self, granted: frozenset[str]) -> bool:
        """Whether there is nothing that a visitor who granted all this would be kept from."""
        return self.settings.gate != "strict" and self._needed <= granted

    def ordered(self, categories: Iterable[str]) -> tuple[str, ...]:
        """Categories in the order of the settings, the unknown ones last."""
        last = len(self._order)
        return tuple(sorted(set(categories), key=lambda c: (self._order.get(c, last), c)))

    def known(self, categories: Iterable[str]) -> frozenset[str]:
        """The given categories (or services, as ``service:id``), checked and spelled out.

        Raises:
            SettingsError: when one of them is no category of the site.
        """
        given = frozenset(categories)
        services = {SERVICE + service for c in self.choosable for service in self.asked(c.id)}
        faults = tuple(
            Fault(
                path="granted",
                value=repr(category),
                expected="one of the categories " + ", ".join(self._order),
                suggestion=nearest(category, self._order),
            )
            for category in sorted(given - self._order.keys() - services)
        )
        if faults:
            raise SettingsError(faults)
        return self.spelled_out(given)

    def fingerprint(self, category: str) -> str:
        """What a choice about ``category`` is about; another list of services is another choice."""
        return self._fingerprints[category]

    def _fingerprint(self, category: CategorySettings) -> str:
        told: dict[str, object] = {"category": category.id, "mode": category.mode}
        told["policy"] = self.settings.policy.version
        if self.catalogue.declared is not None:
            told["services"] = sorted(
                [service.id, service.name, service.provider, *service.purposes]
                for service in self.declared(category.id)
            )
        canonical = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
        return hashlib.sha256(canonical).hexdigest()[:_FINGERPRINT_LENGTH]

    def allows(self, host: str) -> bool:
        """Whether the site said that a host is never to be held back."""
        return host in self._allowed or (
            bool(self._allowed_below) and ("." + host).endswith(self._allowed_below)
        )

    def site_sources(self, site: str) -> tuple[str, ...]:
        """The site's own domain as sources of a Content-Security-Policy; none for an address."""
        domain = parent_domains(site)[-1:]
        return (*domain, *(f"*.{name}" for name in domain))

    def is_stranger(self, host: str, site: str) -> bool:
        """Whether a host that no service knows must be held back all the same (``strict``)."""
        return self.settings.gate == "strict" and not (site and same_site(host, site))
