"""The settings under which ``consentkit demo`` protects the demonstration site.

They are also an example of what a careful site declares: every service by name, each with the
site's own reason for using it.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any, Final

__all__ = ["settings_for_demo"]

_SQLITE: Final = "sqlite:///"

# The ids are the catalogue's; what is left out of an entry (provider, cookies, policy link) comes
# from there. The reasons are the shop's own words, as its policy page shows them.
SERVICES: Final[tuple[dict[str, Any], ...]] = (
    {
        "id": "basket",
        "name": "Basket",
        "provider": "Harrow & Wick",
        "country": "GB",
        "category": "necessary",
        "purpose": ["Remembers how many lamps are in your basket."],
        "cookies": [
            {"name": "hw_basket", "duration": "session", "purpose": "number of things in it"}
        ],
    },
    {
        "id": "google-analytics",
        "purpose": [
            "Shows us which pages are read and which are left again at once.",
            "Tells us whether a lamp was found by searching or by a link.",
        ],
    },
    {"id": "google-tag-manager", "purpose": ["Holds the tags of our advertising in one place."]},
    {
        "id": "google-ads",
        "purpose": ["Reminds people who have looked at a lamp that it is still here."],
    },
    {"id": "google-fonts", "purpose": ["Sets the headings of the journal in Fraunces."]},
    {"id": "google-maps", "purpose": ["Shows the way to the workshop."]},
    {"id": "google-hosted-libs", "purpose": ["Delivers a library that the repair form needs."]},
    {"id": "google-translate", "purpose": ["Reads our privacy page to you in your language."]},
    {"id": "recaptcha", "purpose": ["Keeps robots out of the repair form."]},
    {"id": "youtube", "purpose": ["Plays the films about taking a lamp apart."]},
    {
        "id": "lead-forensics",
        "purpose": ["Finds out from the IP address which company is looking at our trade pages."],
    },
    {
        "id": "zendesk",
        "purpose": ["Puts the chat box on the page.", "Lets us see who is asking for help."],
    },
    {
        "id": "dynamics-365",
        "purpose": ["Keeps our customers' addresses.", "Shows us what a customer has looked at."],
    },
    {"id": "dynamics-365-forms", "purpose": ["Receives bookings for a visit."]},
    {
        "id": "dynamics-365-chat",
        "purpose": ["Answers questions about a lamp while you look at it."],
    },
    {
        "id": "microsoft-clarity",
        "purpose": ["Records how pages are used, to find what is unclear."],
    },
    {"id": "maximizer", "purpose": ["Receives the enquiries of shops and architects."]},
    {"id": "creatio", "purpose": ["Connects a request for a repair with the visit it came from."]},
    {"id": "surveymonkey", "purpose": ["Asks you how a repair went."]},
    {"id": "surveymonkey-popup", "purpose": ["Asks some visitors what they were looking for."]},
    {"id": "mailchimp", "purpose": ["Offers the seasonal letter to those who linger."]},
    {"id": "mailchimp-forms", "purpose": ["Takes your address when you ask for the letter."]},
    {"id": "linkedin", "purpose": ["Counts who comes from our advertisements to the trade."]},
    {"id": "linkedin-plugins", "purpose": ["Shows posts of the trade in the journal."]},
    {"id": "facebook", "purpose": ["Counts who comes from our advertisements on Facebook."]},
    {"id": "facebook-plugins", "purpose": ["Shows our page on Facebook in the journal."]},
    {"id": "twitter", "purpose": ["Counts who comes from our advertisements on X."]},
    {"id": "twitter-widgets", "purpose": ["Shows posts of ours and of others in the journal."]},
    {"id": "wordpress", "purpose": ["Keeps those signed in who write the journal."]},
    {"id": "jetpack-stats", "purpose": ["Counts the readers of the journal."]},
    {"id": "gravatar", "purpose": ["Shows the faces of those who comment, if they want that."]},
)


def settings_for_demo(log_url: str) -> dict[str, Any]:
    """Settings for the demonstration site with its consent log at a URL.

    The signing key lives in a file beside the log and is made when it is not there yet, so that
    choices made before a restart still hold after it.

    Raises:
        OSError: the key file cannot be read or written.
    """
    return {
        "secret_keys": [_key_beside(log_url)],
        "site_name": "Harrow & Wick",
        "log": log_url,
        "policy": {"version": "2026-11", "url": "/privacy", "effective": "2026-11-01"},
        "services": list(SERVICES),
    }


def _key_beside(log_url: str) -> str:
    if not log_url.startswith(_SQLITE):
        # A log in a server has no "beside": a key for this run alone.
        return secrets.token_hex(32)
    file = Path(log_url.removeprefix(_SQLITE) + ".key")
    try:
        # 0o600 from its first moment on, and never over one that is there.
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text(encoding="ascii").strip()
    key = secrets.token_hex(32)
    with os.fdopen(handle, "w", encoding="ascii") as opened:
        opened.write(key + "\n")
    return key
