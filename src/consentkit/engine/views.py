"""From policy and decision to what banner and pages show."""

from __future__ import annotations

from consentkit.banner.view import (
    CategoryView,
    CookieView,
    NoticeView,
    PolicyView,
    PreferencesView,
    ReceiptView,
    ServiceView,
)
from consentkit.catalogue import Service
from consentkit.consent import Decision
from consentkit.log.event import Event
from consentkit.policy import Policy
from consentkit.settings import NECESSARY

__all__ = ["Views"]


class Views:
    """Makes the views of one site.

    Args:
        policy: the site's policy.
        home: the path of the preferences page.
        style_sheet: the name of ours.
    """

    def __init__(self, policy: Policy, home: str, style_sheet: str) -> None:
        settings = policy.settings
        self._policy = policy
        self.home = home
        self.css_url = f"{home}static/{style_sheet}"
        self.policy_url = settings.policy.url or f"{self.home}policy"
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
            name="Your choice about cookies",
            provider=settings.site_name or "This site",
            purposes=("Remembers what you chose here, so that you are not asked on each page.",),
            cookies=tuple(
                CookieView(
                    name=f"{settings.cookies.prefix}{category.id}",
                    duration=f"{settings.cookies.max_age_days} days",
                    purpose=f"Your choice about “{category.title or category.id}”",
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
            preferences_url=self.home,
            categories=self._categories(decision),
            gpc=decision.gpc,
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
            preferences_url=self.home,
            categories=self._categories(decision),
            gpc=decision.gpc,
            css_url=self.css_url,
            next=next,
            token=token,
            saved=saved,
            receipt=receipt,
        )

    def policy_page(self, decision: Decision, back_url: str) -> PolicyView:
        """The generated cookie policy."""
        settings = self._policy.settings
        return PolicyView(
            css_url=self.css_url,
            site_name=settings.site_name,
            policy_version=settings.policy.version,
            policy_url=settings.policy.url,
            effective=settings.policy.effective,
            preferences_url=self.home,
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
                services=self._services[category.id],
            )
            for category in self._policy.categories
        )

    @staticmethod
    def receipt(event: Event, policy: Policy) -> ReceiptView:
        """The visitor's record of the last choice."""
        outcome = tuple(
            (c.id, event.outcome[c.id]) for c in policy.choosable if c.id in event.outcome
        )
        return ReceiptView(
            consent_id=event.consent_id,
            time=event.time,
            outcome=outcome,
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
