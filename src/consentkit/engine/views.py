"""From policy and decision to what banner and pages show."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from consentkit.banner.languages import DEFAULT, direction
from consentkit.banner.view import (
    CategoryView,
    CookieView,
    Direction,
    NoticeView,
    OwnRecordView,
    PolicyView,
    PreferencesView,
    ReceiptPageView,
    ReceiptView,
    ServiceView,
    State,
)
from consentkit.catalogue import Service
from consentkit.consent import Decision
from consentkit.log.checkpoint import Checkpoint
from consentkit.log.event import Event, Record
from consentkit.policy import Policy
from consentkit.settings import NECESSARY

__all__ = ["Views"]


class Views:
    """Makes the views of one site.

    Args:
        policy: the site's policy.
        home: the path of the preferences page.
        style_sheets: the names of ours, for pages.
        language: of all of them.
        asked: whether links to our own pages have to say so.
    """

    def __init__(
        self,
        policy: Policy,
        home: str,
        style_sheets: Sequence[str],
        language: str = DEFAULT,
        *,
        asked: bool = False,
    ) -> None:
        settings = policy.settings
        self._policy = policy
        self.home = home
        self.language = language
        self.direction: Direction = direction(language)
        query = f"?lang={language}" if asked else ""
        self.preferences_url = f"{home}{query}"
        self.css_urls = tuple(f"{home}static/{name}" for name in style_sheets)
        self.policy_url = settings.policy.url or f"{self.home}policy{query}"
        self._services = {
            category.id: tuple(map(_service, policy.declared(category.id)))
            for category in policy.categories
        }
        self._services[NECESSARY] = (*self._services[NECESSARY], self._ourselves())

    def _ourselves(self) -> ServiceView:
        """The cookies that hold the choice: exempt from consent, but not from being told of."""
        settings = self._policy.settings
        return ServiceView(
            id="consentkit",
            ours=True,
            provider=settings.site_name,
            cookies=tuple(
                CookieView(
                    name=f"{settings.cookies.prefix}{category.id}",
                    duration=f"{settings.cookies.max_age_days} days",
                    choice=category.id,
                )
                for category in self._policy.choosable
            ),
        )

    def notice(self, decision: Decision) -> NoticeView:
        """The banner."""
        settings = self._policy.settings
        return NoticeView(
            site_name=settings.site_name,
            policy_version=settings.policy.version,
            policy_url=self.policy_url,
            action_url=self.home,
            preferences_url=self.preferences_url,
            language=self.language,
            direction=self.direction,
            categories=self._categories(decision),
            gpc=decision.gpc,
            layout=settings.banner.layout,
        )

    def preferences(
        self,
        decision: Decision,
        *,
        next: str = "",  # noqa: A002 - the name of the form field
        token: str = "",
        saved: bool = False,
        receipt: ReceiptView | None = None,
    ) -> PreferencesView:
        """The preferences page."""
        settings = self._policy.settings
        return PreferencesView(
            site_name=settings.site_name,
            policy_version=settings.policy.version,
            policy_url=self.policy_url,
            action_url=self.home,
            preferences_url=self.preferences_url,
            language=self.language,
            direction=self.direction,
            categories=self._categories(decision),
            gpc=decision.gpc,
            css_urls=self.css_urls,
            theme=settings.banner.theme,
            next=next,
            token=token,
            saved=saved,
            receipt=receipt,
            receipt_url=f"{self.home}receipt" if receipt else "",
            forget_url=f"{self.home}forget" if receipt else "",
        )

    def receipt_page(
        self,
        decision: Decision,
        records: Sequence[Record],
        checkpoint: Checkpoint | None,
        *,
        more: int | None = None,
        next: str = "",  # noqa: A002 - the name of the form field
        token: str = "",
        forgotten: bool = False,
    ) -> ReceiptPageView:
        """The visitor's records, the newest first."""
        settings = self._policy.settings
        url = f"{self.home}receipt"
        return ReceiptPageView(
            css_urls=self.css_urls,
            theme=settings.banner.theme,
            site_name=settings.site_name,
            preferences_url=self.preferences_url,
            language=self.language,
            direction=self.direction,
            categories=self._categories(decision),
            records=tuple(
                OwnRecordView(
                    receipt=self.receipt(record.event, self._policy),
                    action=record.event.action,
                    place=record.seq,
                    leaf_hash=record.leaf_hash.hex(),
                )
                for record in reversed(records)
            ),
            size=checkpoint.size if checkpoint else 0,
            root=checkpoint.root.hex() if checkpoint else "",
            json_url=f"{url}?format=json" if records else "",
            more_url=f"{url}?after={more}" if more is not None else "",
            forget_url=f"{self.home}forget" if records else "",
            next=next,
            token=token,
            forgotten=forgotten,
        )

    def policy_page(self, decision: Decision, back_url: str) -> PolicyView:
        """The generated cookie policy."""
        settings = self._policy.settings
        return PolicyView(
            css_urls=self.css_urls,
            theme=settings.banner.theme,
            site_name=settings.site_name,
            policy_version=settings.policy.version,
            policy_url=settings.policy.url,
            effective=settings.policy.effective,
            preferences_url=self.preferences_url,
            language=self.language,
            direction=self.direction,
            back_url=back_url,
            categories=self._categories(decision),
            gpc=decision.gpc,
        )

    def _categories(self, decision: Decision) -> tuple[CategoryView, ...]:
        return tuple(
            CategoryView(
                id=category.id,
                title=category.title,
                description=category.description,
                locked=category.mode == "none",
                state=decision.states[category.id],
                services=tuple(
                    msgspec.structs.replace(service, state=decision.services.get(service.id))
                    if decision.services
                    else service
                    for service in self._services[category.id]
                ),
            )
            for category in self._policy.categories
        )

    @staticmethod
    def receipt(event: Event, policy: Policy) -> ReceiptView:
        """The visitor's record of the last choice."""
        outcome: list[tuple[str, State]] = []
        for category in policy.choosable:
            key = category.id
            if key in event.outcome:
                outcome.append((key, event.outcome[key]))
            outcome += [
                (service.name, event.services[service.id])
                for service in policy.declared(key)
                if service.id in event.services
            ]
        return ReceiptView(
            consent_id=event.consent_id,
            time=event.time,
            outcome=tuple(outcome),
            record_id=event.id,
            policy_version=event.policy_version,
        )


def _service(service: Service) -> ServiceView:
    cookies = tuple(
        CookieView(
            name=cookie.name,
            duration=cookie.duration,
            purpose=cookie.purpose,
            party=cookie.party,
            storage=cookie.storage,
        )
        for cookie in service.cookies
    )
    return ServiceView(
        id=service.id,
        name=service.name,
        provider=service.provider,
        country=service.country,
        purposes=service.purposes,
        privacy_url=service.privacy_url,
        opt_out_url=service.opt_out_url,
        cookies=cookies,
    )
