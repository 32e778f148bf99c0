"""Every sentence that visitors read, by key, in English.

Promise: no visible word stands in a template. A sentence is found by its key: first among the
site's own (`banner.texts`), else in the language's message catalogue, which is asked for the
English sentence (gettext's way), else it is the English sentence. `{name}` in a sentence is a
slot; an unknown slot is left as it stands, so that no wording of a site can break a page.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from gettext import NullTranslations
from types import MappingProxyType

from consentkit.banner.countries import country_name
from consentkit.banner.languages import written_date

ENGLISH: Mapping[str, str] = MappingProxyType(
    {
        # Banner
        "title": "Your choice about cookies",
        "title_site": "{site} asks for your choice about cookies",
        "intro": (
            "If you allow it, we use cookies and software from other companies for: {purposes}."
            " Otherwise they stay off, and the site works all the same."
        ),
        "withdraw": "You can change your choice at any time in the cookie settings.",
        "accept": "Accept all",
        "reject": "Reject all",
        "choose": "Choose for yourself",
        "save": "Save my choice",
        "policy_link": "What we use and why",
        "settings": "Cookie settings",
        "always_on": "Always on",
        "gpc": (
            "Your browser sends the Global Privacy Control signal. Opt-out request honoured:"
            " everything optional stays off unless you allow it here."
        ),
        "saved": "Your choice has been saved.",
        # Where the law asks for a way to object instead of a question beforehand
        "intro_objection": (
            "We use cookies and software from other companies for: {purposes}."
            " You can object to that at any time."
        ),
        "do_not_sell": "Do Not Sell or Share My Personal Information",
        "opt_out_honoured": "Opt-Out Request Honored",
        # Default categories
        "category_necessary": "Necessary",
        "category_necessary_text": (
            "Needed for this site to work: security, sign-in, and remembering this choice."
        ),
        "category_functional": "Functional",
        "category_functional_text": (
            "Extras such as videos, maps, chat and forms from other providers."
        ),
        "category_analytics": "Analytics",
        "category_analytics_text": "Shows us how the site is used, so that we can improve it.",
        "category_marketing": "Marketing",
        "category_marketing_text": (
            "Lets us and our partners measure advertising and show you relevant offers."
        ),
        # Preferences
        "preferences_title": "Cookie settings",
        "preferences_intro": (
            "Here you decide what may be switched on. Your choice applies at once, and you can"
            " change it here whenever you like."
        ),
        "purposes": "Purposes",
        "services_of": "Services for “{category}”",
        "state_granted": "Allowed",
        "state_denied": "Not allowed",
        "state_unset": "Not decided yet, so off",
        "state_partly": "{granted} of {count} allowed",
        "no_services": "No software is listed for this purpose.",
        "back": "Back to the site",
        "close": "Close",
        "receipt": "Your receipt",
        "receipt_text": "This is what we recorded when you last chose.",
        "receipt_id": "Consent ID",
        "receipt_record": "Record",
        "receipt_time": "Time",
        "receipt_outcome": "Choice",
        "receipt_version": "Policy version",
        "receipt_download": "All your records, with proofs",
        "records_title": "Your records",
        "records_intro": (
            "Everything that we recorded about your choices, the newest first. Each record is a"
            " leaf of a log that can only be added to; with the file below you or anybody else can"
            " check that it is in there and was not changed."
        ),
        "records_none": "There is no record that belongs to this browser.",
        "records_json": "Download records and proofs (JSON)",
        "records_more": "Later records",
        "records_action": "What happened",
        "records_place": "Place in the log",
        "records_place_text": "{place} of {size}",
        "records_hash": "Hash of the record",
        "records_root": "Root of the log",
        "action_accept": "Everything accepted",
        "action_reject": "Everything rejected",
        "action_save": "Choice saved",
        "action_withdraw": "Consent withdrawn",
        "action_gpc": "Opt-out signal of the browser applied",
        "action_expire": "Choice expired",
        "action_forget": "Data erased",
        "forget": "Forget me",
        "forget_text": (
            "This withdraws your consent and erases what could lead from our records to you."
            " You will be asked again on your next visit."
        ),
        "forgotten": "Your data has been erased.",
        "again_forget": (
            "Your data could not be erased just now. Nothing was changed; please try again in a"
            " moment."
        ),
        # Policy page
        "policy_title": "Cookies and software we use",
        "policy_intro": (
            "This page lists the software on this site that stores something on your device or"
            " passes data to another company, and says why it is used. Apart from what is"
            " necessary, it stays off until you allow it."
        ),
        "policy_change": "Change my choice",
        "policy_own": "Our privacy policy",
        "software": "Software we use",
        "why": "Why we use it",
        "provider": "Provider",
        "country": "Country",
        "cookies": "Cookies",
        "duration_session": "session",
        "duration_endless": "no expiry",
        "duration_range": "{shortest} to {longest}",
        "duration_unknown": "duration not stated",
        "storage_local": "kept in the browser’s local storage",
        "storage_session": "kept in the browser’s session storage",
        "third_party": "set by the provider",
        "no_cookies": "Sets no cookies that we know of.",
        "privacy_link": "Privacy policy",
        "privacy_link_of": "Privacy policy of {service}",
        "opt_out_link": "Opt out",
        "opt_out_link_of": "Opt out of {service}",
        "version": "Version {version}",
        "effective": "In force since {date}",
        "contact": "Questions? Contact us: {contact}",
        # What we ourselves store, listed with the necessary services
        "ourselves": "Your choice about cookies",
        "ourselves_provider": "This site",
        "ourselves_purpose": (
            "Remembers what you chose here, so that you are not asked on each page."
        ),
        "ourselves_cookie": "Your choice about “{category}”",
        # Embedded content
        "embed_title": "Content from {service}",
        "embed_titled": "“{title}”, from {service}",
        "embed_text": (
            "Loading it lets {service} receive your internet address, use cookies and see that you"
            " are on this page."
        ),
        "embed_once": "Load once",
        "embed_allow": "Always allow “{category}”",
        "embed_open": "Open the original page",
        "embed_loaded": "The content has been loaded.",
        # Answers to a request that failed
        "failed": "This did not work",
        "failed_choice": "Your choice could not be understood. Please make it again.",
        "failed_elsewhere": "A choice can only be made on this site itself.",
        "failed_missing": "There is no such page.",
        "failed_outdated": (
            "What we ask has changed since this page was loaded. Please look at it again."
        ),
        "failed_long": "This is too long for a choice.",
        "failed_often": "Too many choices in a short time. Please try again later.",
        "again": "Please try again",
        "again_choice": "Your choice could not be recorded just now, so nothing was switched on.",
        "again_page": "This page cannot be shown at the moment.",
    }
)

# Sentences with a number in them: the form for one, the form for several.
ENGLISH_PLURALS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "services": ("{count} service", "{count} services"),
        "seconds": ("{count} second", "{count} seconds"),
        "minutes": ("{count} minute", "{count} minutes"),
        "hours": ("{count} hour", "{count} hours"),
        "days": ("{count} day", "{count} days"),
        "weeks": ("{count} week", "{count} weeks"),
        "months": ("{count} month", "{count} months"),
        "years": ("{count} year", "{count} years"),
    }
)


class Texts:
    """The sentences of one language, with the site's own wording on top.

    A sentence with a number is overridden by `<key>_one` and `<key>_other`.
    """

    def __init__(
        self,
        overrides: Mapping[str, str] | None = None,
        translations: NullTranslations | None = None,
    ) -> None:
        self._overrides = dict(overrides or {})
        self.translations = translations or NullTranslations()

    def __call__(self, key: str, /, **slots: object) -> str:
        text = self._overrides.get(key)
        if text is None:
            text = self.translations.gettext(ENGLISH[key])
        return _fill(text, slots)

    def count(self, key: str, count: int) -> str:
        """The sentence for this number of things."""
        one, other = ENGLISH_PLURALS[key]
        text = self._overrides.get(f"{key}_one" if count == 1 else f"{key}_other")
        if text is None:
            text = self.translations.ngettext(one, other, count)
        return _fill(text, {"count": count})

    def said(self, text: str) -> str:
        """A text of the catalogue in this language; a site's own as it stands."""
        return self.translations.gettext(text) if text else ""

    def country(self, code: str) -> str:
        """The name of a country; the text itself when it is no known code."""
        named = self.translations.pgettext("country", code)
        return country_name(code) if named == code else named

    def date(self, date: str) -> str:
        """A date written out; what is none stays as it is."""
        return written_date(self.translations, date)

    def category(self, category_id: str) -> tuple[str, str]:
        """Title and description of a category that brings none of its own."""
        known = f"category_{category_id}"
        if known in ENGLISH:
            return self(known), self(f"{known}_text")
        return category_id.replace("_", " ").replace("-", " ").capitalize(), ""


def text_keys() -> frozenset[str]:
    """Every key that a site may reword."""
    plurals = {f"{key}_{form}" for key in ENGLISH_PLURALS for form in ("one", "other")}
    return frozenset(ENGLISH) | plurals


def unknown_texts(overrides: Mapping[str, str]) -> dict[str, str]:
    """The overrides that name no sentence of ours, each with the nearest key there is (or "")."""
    keys = text_keys()
    return {
        key: next(iter(difflib.get_close_matches(key, sorted(keys), n=1)), "")
        for key in overrides
        if key not in keys
    }


def _fill(text: str, slots: Mapping[str, object]) -> str:
    # Not str.format: a stray brace in a site's wording must not raise, and a slot must not reach
    # into attributes of its value. One pass over the parts, so that a value which looks like a
    # slot is not filled again.
    if not slots or "{" not in text:
        return text
    head, *rest = text.split("{")
    parts = [head]
    for piece in rest:
        name, brace, tail = piece.partition("}")
        if brace and name in slots:
            parts.append(f"{slots[name]}{tail}")
        else:
            parts.append("{" + piece)
    return "".join(parts)
