"""Whom each page of the demonstration site makes a browser contact: the leak test's yardstick.

Exact for the first hop: what stands in the markup, and what the inline loaders there write by
themselves. What a vendor's script fetches once it runs is the vendor's business and not listed;
neither are connections that are only opened in advance (``rel=preconnect``). The hosts are those of
a page served over http, as the demonstration is: ga.js comes from ``ssl.`` instead of ``www.`` on
https.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["NOSCRIPT_HOSTS", "VENDOR_HOSTS"]

_FUNCTIONAL: Final = "functional"
_ANALYTICS: Final = "analytics"
_MARKETING: Final = "marketing"


def _frozen(table: dict[str, dict[str, str]]) -> Mapping[str, Mapping[str, str]]:
    return MappingProxyType({page: MappingProxyType(hosts) for page, hosts in table.items()})


VENDOR_HOSTS: Final[Mapping[str, Mapping[str, str]]] = _frozen(
    {
        "/": {
            "www.googletagmanager.com": _ANALYTICS,
            "connect.facebook.net": _MARKETING,
            "cdn-images.mailchimp.com": _FUNCTIONAL,
            "s3.amazonaws.com": _FUNCTIONAL,
            "secure.team8save.com": _MARKETING,
            "snap.licdn.com": _MARKETING,
            "chimpstatic.com": _MARKETING,
        },
        "/product": {
            "www.googletagmanager.com": _MARKETING,
            "www.youtube.com": _FUNCTIONAL,
            "www.google.com": _FUNCTIONAL,
            "www.googleadservices.com": _MARKETING,
            "mktdplp102cdn.azureedge.net": _MARKETING,
            "oc-cdn-ocprod.azureedge.net": _FUNCTIONAL,
            "downloads.mailchimp.com": _MARKETING,
        },
        "/contact": {
            "www.google-analytics.com": _ANALYTICS,
            "www.google.com": _FUNCTIONAL,
            "mktdplp102cdn.azureedge.net": _FUNCTIONAL,
            "cxppusa1formui01cdnsa01-endpoint.azureedge.net": _FUNCTIONAL,
            "www.surveymonkey.com": _FUNCTIONAL,
            "static.zdassets.com": _FUNCTIONAL,
            "ajax.googleapis.com": _FUNCTIONAL,
            "webtracking-v01.bpmonline.com": _MARKETING,
            "www.googleadservices.com": _MARKETING,
            "secure.perk0mean.com": _MARKETING,
        },
        "/blog": {
            "fonts.googleapis.com": _FUNCTIONAL,
            "www.google-analytics.com": _ANALYTICS,
            "static.ads-twitter.com": _MARKETING,
            "platform.twitter.com": _MARKETING,
            "www.linkedin.com": _MARKETING,
            "platform.linkedin.com": _MARKETING,
            "connect.facebook.net": _MARKETING,
            "www.facebook.com": _MARKETING,
            "secure.gravatar.com": _FUNCTIONAL,
            "stats.wp.com": _ANALYTICS,
            "pixel.wp.com": _ANALYTICS,
        },
        "/privacy": {
            "rdrect-gbr1.mkt.dynamics.com": _MARKETING,
            "www.clarity.ms": _ANALYTICS,
            "translate.google.com": _FUNCTIONAL,
            "v2.zopim.com": _FUNCTIONAL,
            "widget.surveymonkey.com": _MARKETING,
            "platform.twitter.com": _MARKETING,
            "www.google-analytics.com": _ANALYTICS,
            "www.smart-business-foresight.com": _MARKETING,
        },
    }
)
"""Page ─► host ─► the category that has to be granted before the host may be contacted."""

NOSCRIPT_HOSTS: Final[Mapping[str, Mapping[str, str]]] = _frozen(
    {
        "/": {
            "www.facebook.com": _MARKETING,
            "secure.team8save.com": _MARKETING,
            "px.ads.linkedin.com": _MARKETING,
        },
        "/product": {
            "www.googletagmanager.com": _MARKETING,
            "googleads.g.doubleclick.net": _MARKETING,
        },
        "/contact": {
            "www.googleadservices.com": _MARKETING,
            "secure.perk0mean.com": _MARKETING,
        },
        "/blog": {},
        "/privacy": {
            "analytics.twitter.com": _MARKETING,
            "t.co": _MARKETING,
            "www.smart-business-foresight.com": _MARKETING,
        },
    }
)
"""The same for what stands in ``noscript``: contacted by browsers without JavaScript alone."""
