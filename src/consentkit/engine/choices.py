"""What a submitted choice does: the event, the notice it answers, the cookies, and the state after.

Order matters: the record is durable before a cookie says *granted*.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from consentkit.consent.cookies import Outcome, expired_cookie
from consentkit.consent.decision import Decision
from consentkit.consent.signals import families, preferred_language
from consentkit.engine.forms import Submission
from consentkit.engine.tokens import FormToken
from consentkit.errors import RequestRefused
from consentkit.log import Action, Event, Notice, new_id, rfc3339
from consentkit.policy import pack_denied, parent_domains
from consentkit.settings import GPC

if TYPE_CHECKING:
    from consentkit.engine.exchange import Exchange
    from consentkit.engine.kit import ConsentKit

__all__ = ["Choices", "Outcomes"]

log = logging.getLogger("consentkit")

_DELETIONS = 60  # Set-Cookie headers; servers and proxies limit the size of a response's head


class Outcomes(Struct, frozen=True, kw_only=True):
    """What came of a choice.

    Attributes:
        recorded: whether it may be acknowledged.
        cookies: ``Set-Cookie`` values.
        state: for the client script.
        withdrawn: whether something that was granted is not any more.
    """

    recorded: bool
    cookies: tuple[str, ...]
    state: dict[str, Any]
    withdrawn: bool


class Wish(Struct, frozen=True, kw_only=True):
    """What is asked for about one category; about each of its services, if asked one by one."""

    outcome: Outcome
    services: dict[str, Outcome] = {}

    @classmethod
    def of(cls, services: Mapping[str, bool]) -> Wish:
        """The wish to have some services: their category is granted when one of them is."""
        each: dict[str, Outcome] = {s: "granted" if on else "denied" for s, on in services.items()}
        return cls(outcome="granted" if any(services.values()) else "denied", services=each)


class Choices:
    """Makes choices count.

    Args:
        kit: policy, cookies, log and clock.
    """

    def __init__(self, kit: ConsentKit) -> None:
        self._kit = kit

    def state(self, decision: Decision, record: str = "") -> dict[str, Any]:
        """A decision as JSON."""
        state: dict[str, Any] = {
            "state": "unset" if decision.undecided else "set",
            "categories": dict(decision.states),
            "consent_id": decision.consent_id,
            "policy_version": self._kit.settings.policy.version,
            "gpc": decision.gpc,
        }
        if decision.services:
            state["services"] = dict(decision.services)
        return {**state, "record": record} if record else state

    def make(self, exchange: Exchange, submission: Submission) -> Outcomes:
        """Record a choice and say what cookies hold it.

        Raises:
            RequestRefused: 409 when the page that asked told of other services than there are now.
        """
        kit, before = self._kit, exchange.decision
        token = kit.tokens.read(submission.token) if submission.token else None
        wanted = self._wanted(submission, before)
        grants = any(wish.outcome == "granted" for wish in wanted.values())
        if grants and token is not None and token.shown != kit.tokens.shown:
            text = "What we ask has changed since this page was loaded. Please look at it again."
            raise RequestRefused(409, text)
        withdrawn = any(_less(before, category, wish) for category, wish in wanted.items())
        marks = self._gpc_marks(exchange, submission)
        if not marks and (submission.action == GPC or self._is_standing(before, wanted)):
            return Outcomes(recorded=True, cookies=(), state=self.state(before), withdrawn=False)
        event, notice = self._event(exchange, submission, wanted, token, withdrawn=withdrawn)
        recorded = True
        if grants:
            try:
                stored = kit.recorder.record(event, notice)
            except Exception:
                log.exception("a choice could not be recorded; nothing was granted")
                recorded = False
                wanted, stored = self._withdrawals(before, wanted, event, notice)
        else:
            stored = kit.recorder.record_denial(event, notice)
        # Of a repeated submit the first is recorded; its pseudonym is gone when it was erased.
        consent_id = stored.consent_id or event.consent_id
        cookies = self._cookies(exchange, wanted, consent_id, marks)
        decision = Decision(
            states={**before.states, **{c: wish.outcome for c, wish in wanted.items()}},
            why={**before.why, **dict.fromkeys(wanted, "choice")},
            consent_id=consent_id,
            undecided=tuple(c for c in before.undecided if c not in wanted),
            gpc=before.gpc,
            services={**before.services, **_services(wanted)},
        )
        cookies += self.deletions(exchange, decision, wanted)
        state = self.state(decision, stored.id if recorded else "")
        return Outcomes(recorded=recorded, cookies=tuple(cookies), state=state, withdrawn=withdrawn)

    def _withdrawals(
        self, before: Decision, wanted: dict[str, Wish], event: Event, notice: Notice
    ) -> tuple[dict[str, Wish], Event]:
        """What counts of a choice that could not be recorded: nothing new is granted, but what was
        granted and is not wanted any more ends at once. That is a choice with a record of its own.
        """
        left = {c: _both(before, c, wish) for c, wish in wanted.items()}
        ended = {c: wish for c, wish in left.items() if _less(before, c, wish)}
        if not ended:
            return {}, event
        withdrawal = msgspec.structs.replace(
            event,
            id=new_id(),
            action="withdraw",
            outcome={c: wish.outcome for c, wish in left.items()},
            services=_services(left),
        )
        return ended, self._kit.recorder.record_denial(withdrawal, notice)

    def _wanted(self, submission: Submission, before: Decision) -> dict[str, Wish]:
        """What is asked for; the button of an embed asks for its own category and no other."""
        policy, embed = self._kit.policy, submission.source == "embed"
        wanted: dict[str, Wish] = {}
        objects = policy.regimes.of(before.country).modes if submission.action == GPC else None
        for category in policy.choosable:
            if objects is not None and objects[category.id] != "objection":
                continue
            key = category.id
            asked, chosen = policy.asked(key), before.why[key] == "choice"
            named = frozenset(submission.services).intersection(asked)
            whole = submission.action == "accept" or key in submission.categories
            if named:  # of a category that is named as well, these are meant
                if embed and chosen:
                    named |= {s for s in asked if before.services[s] == "granted"}
                wanted[key] = Wish.of({s: s in named for s in asked})
            elif embed and not whole and chosen:
                wanted[key] = _standing(before, key, asked)
            elif whole or not embed:
                each: dict[str, Outcome] = dict.fromkeys(asked, "granted" if whole else "denied")
                wanted[key] = Wish(outcome="granted" if whole else "denied", services=each)
        return wanted

    @staticmethod
    def _is_standing(before: Decision, wanted: dict[str, Wish]) -> bool:
        """Whether all of this was chosen before and still holds: then there is nothing to do."""
        return all(
            before.why[category] == "choice"
            and before.states[category] == wish.outcome
            and all(before.services[s] == outcome for s, outcome in wish.services.items())
            for category, wish in wanted.items()
        )

    def _event(
        self,
        exchange: Exchange,
        submission: Submission,
        wanted: dict[str, Wish],
        token: FormToken | None,
        *,
        withdrawn: bool,
    ) -> tuple[Event, Notice]:
        kit, request = self._kit, exchange.request
        # What stood before is part of the choice: the same click twice is one record, but
        # accepting again after a withdrawal is a new one.
        told = " ".join(value for c in sorted(wanted) for value in exchange.cookie_values(c))
        chosen = [(c, w.outcome, sorted(w.services.items())) for c, w in sorted(wanted.items())]
        choice = f"{submission.action} {chosen} {told}"
        digest = hashlib.sha256(choice.encode()).hexdigest()
        notice = self._notice(exchange, submission, token)
        browser, system, device = families(request.header(b"user-agent").decode("latin-1"))
        action: Action = "save"
        if submission.action == GPC:
            action = "gpc"
        elif withdrawn:
            action = "withdraw"
        elif submission.action in ("accept", "reject"):
            action = "accept" if submission.action == "accept" else "reject"
        policy = kit.policy
        event = Event(
            id=kit.tokens.record_id(token, digest),
            time=rfc3339(int(kit.clock() * 1000)),
            consent_id=exchange.decision.consent_id or secrets.token_urlsafe(16),
            action=action,
            outcome={c: wish.outcome for c, wish in wanted.items()},
            services=_services(wanted),
            policy_version=kit.settings.policy.version,
            fingerprints={c.id: policy.fingerprint(c.id) for c in policy.choosable},
            notice=notice.hash,
            source=submission.source,
            language=preferred_language(request.header(b"accept-language").decode("latin-1")),
            page=submission.page,
            browser=browser,
            os=system,
            device=device,
            regime=exchange.decision.regime,
            country=exchange.decision.country,
            gpc=exchange.signals.gpc or submission.action == GPC,
        )
        return event, notice

    def _notice(
        self, exchange: Exchange, submission: Submission, token: FormToken | None
    ) -> Notice:
        """What the visitor had before the eyes, without what differs from page to page."""
        kit, root = self._kit, exchange.request.root
        language = kit.language(token.language if token else "", exchange.request)
        if submission.source == "preferences":
            view = kit.views(root, language).preferences(exchange.decision)
            return Notice.of(kit.renderer.preferences_page(view), language)
        return Notice.of(kit.banner(root, exchange.decision, language).notice_html, language)

    def _gpc_marks(self, exchange: Exchange, submission: Submission) -> bool:
        """Whether this is the first that we hear of Global Privacy Control where it counts.

        A browser says so in each request, or, where the header is lost on the way, once by script.
        """
        regime = self._kit.policy.regimes.of(exchange.decision.country)
        if not (exchange.signals.gpc or submission.action == GPC):
            return False
        if not (regime.gpc and regime.objects):
            return False
        return self._kit.cookies.read(GPC, exchange.cookie_values(GPC)) is None

    def _cookies(
        self, exchange: Exchange, wanted: dict[str, Wish], consent_id: str, marks: bool
    ) -> list[str]:
        """The cookies of a choice. The mark of Global Privacy Control is never younger than it."""
        policy, cookies = self._kit.policy, self._kit.cookies
        values = [(GPC, cookies.value(GPC, "denied", consent_id, "0"))] if marks else []
        for category, wish in wanted.items():
            denied = ""
            if wish.outcome == "granted":
                refused = {s for s, outcome in wish.services.items() if outcome == "denied"}
                denied = pack_denied(policy.asked(category), refused)
            fingerprint = policy.fingerprint(category)
            value = cookies.value(category, wish.outcome, consent_id, fingerprint, denied)
            values.append((category, value))
        secure = exchange.is_secure
        return [cookies.header(key, value, secure=secure) for key, value in values]

    def deletions(
        self, exchange: Exchange, after: Decision, wanted: Mapping[str, Wish]
    ) -> list[str]:
        """Delete the cookies that denied services left on this site.

        Where a cookie lies is not told, so that every domain it may lie on is tried. One that a
        service which may stay uses as well is left alone, and so are our own.
        """
        kit = self._kit
        domains = parent_domains(exchange.request.host)
        ours = {kit.cookies.name(category) for category in wanted}
        headers: list[str] = []
        for name in exchange.signals.cookies:
            states = {
                (
                    service.category in wanted,
                    after.services.get(service.id, after.states.get(service.category)),
                )
                for service in kit.policy.matcher.cookie(name)
            }
            if (True, "denied") not in states or name in ours:
                continue
            if not any(state == "granted" for _, state in states):
                headers += (expired_cookie(name), *(expired_cookie(name, d) for d in domains))
        return headers[:_DELETIONS]


def _services(wanted: Mapping[str, Wish]) -> dict[str, Outcome]:
    return {key: outcome for wish in wanted.values() for key, outcome in wish.services.items()}


def _standing(before: Decision, category: str, asked: Sequence[str]) -> Wish:
    """The wish to have what is there now."""
    if asked:
        return Wish.of({service: before.services[service] == "granted" for service in asked})
    return Wish(outcome="granted" if before.granted(category) else "denied")


def _both(before: Decision, category: str, wish: Wish) -> Wish:
    """What was granted before and is wanted as well."""
    if not before.granted(category) or wish.outcome == "denied":
        return Wish(outcome="denied", services=dict.fromkeys(wish.services, "denied"))
    if not wish.services:
        return wish
    kept = {s: o == before.services[s] == "granted" for s, o in wish.services.items()}
    return Wish.of(kept)


def _less(before: Decision, category: str, wish: Wish) -> bool:
    """Whether something that was granted is not wanted any more."""
    if not before.granted(category):
        return False
    return wish.outcome == "denied" or any(
        before.services[s] == "granted" and o == "denied" for s, o in wish.services.items()
    )
