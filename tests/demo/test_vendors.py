"""Every system of the catalogue's first part is on the site, and VENDOR_HOSTS tells the truth."""

from __future__ import annotations

import pytest

from consentkit.catalogue.load import load_catalogue
from consentkit.demo.site import NOSCRIPT_HOSTS, PAGES, VENDOR_HOSTS, respond
from consentkit.policy.matcher import Matcher
from tests.demo.markup import fetched, foreign_hosts, inline_scripts

# What the loaders in the pages write, found by reading them: page ─► host ─► what says so there.
INLINE = {
    "/": {
        "connect.facebook.net": "'https://connect.facebook.net/en_US/fbevents.js'",
        "snap.licdn.com": '"https://snap.licdn.com/li.lms-analytics/insight.min.js"',
        "chimpstatic.com": '"https://chimpstatic.com/mcjs-connected/js/users/',
    },
    "/product": {
        "www.googletagmanager.com": "'https://www.googletagmanager.com/gtm.js?id='",
        "www.youtube.com": '"https://www.youtube.com/iframe_api"',
    },
    "/contact": {"www.google-analytics.com": "'//www.google-analytics.com/analytics.js'"},
    "/blog": {
        "www.google-analytics.com": "'http://www') + '.google-analytics.com/ga.js'",
        "static.ads-twitter.com": "'https://static.ads-twitter.com/uwt.js'",
    },
    "/privacy": {
        "rdrect-gbr1.mkt.dynamics.com": '"https://rdrect-gbr1.mkt.dynamics.com/webtracking/',
        "www.clarity.ms": '"https://www.clarity.ms/tag/"',
        "v2.zopim.com": '"https://v2.zopim.com/?',
        "widget.surveymonkey.com": '"http://","widget.surveymonkey.com/collect/website/js/',
        "www.google-analytics.com": "gaJsHost + \"google-analytics.com/ga.js' type=",
    },
}

SYSTEMS = [
    ("Google Analytics, gtag", "/", "gtag('config', 'G-"),
    ("Google Analytics, analytics.js", "/contact", "i['GoogleAnalyticsObject']=r"),
    ("Google Analytics, ga.js", "/blog", "_gaq.push(['_setAccount', 'UA-"),
    ("Google Analytics, document.write", "/privacy", 'document.write(unescape("%3Cscript'),
    ("Google Tag Manager, loader", "/product", "'gtm.start'"),
    ("Google Tag Manager, noscript", "/product", "googletagmanager.com/ns.html?id=GTM-"),
    ("Google Ads, gtag", "/product", "gtag('config', 'AW-"),
    ("Google Ads, event", "/product", "gtag('event', 'conversion', {'send_to': 'AW-"),
    ("Google Ads, remarketing", "/product", "var google_remarketing_only = true;"),
    ("Google Ads, remarketing noscript", "/product", "/pagead/viewthroughconversion/"),
    ("Google Ads, conversion", "/contact", "var google_conversion_label ="),
    ("Lead Forensics", "/", 'src="https://secure.team8save.com/js/000417.js"'),
    ("Lead Forensics, pixel", "/", 'src="https://secure.team8save.com/000417.png"'),
    ("Lead Forensics, with cookie", "/contact", 'src="//secure.perk0mean.com/js/sc/000417.js"'),
    ("Lead Forensics, unquoted", "/privacy", "src=https://www.smart-business-foresight.com/JS/"),
    ("Zendesk, widget", "/contact", 'id="ze-snippet" src="https://static.zdassets.com/ekr/'),
    ("Zendesk, Zopim", "/privacy", "window.$zopim||(function"),
    ("Dynamics 365, form loader", "/contact", "/public/latest/js/form-loader.js?v="),
    ("Dynamics 365, tracking", "/product", "/public/latest/js/ws-tracking.js?v="),
    ("Dynamics 365, real-time form", "/contact", "/FormLoader/FormLoader.bundle.js"),
    ("Dynamics 365, web tracking", "/privacy", 'name: "MSCI"'),
    ("Dynamics 365, chat", "/product", 'id="Microsoft_Omnichannel_LCWidget"'),
    ("Maximizer", "/contact", 'action="https://caw.maximizercrmlive.com/Webform.aspx?'),
    ("Creatio, tracking", "/contact", "webtracking-v01.bpmonline.com/JS/track-cookies.js"),
    ("Creatio, landing", "/contact", "webtracking-v01.bpmonline.com/JS/create-object.js"),
    ("Creatio, configuration", "/contact", "landing.createObjectFromLanding(config)"),
    ("SurveyMonkey, collector", "/privacy", '"smcx-sdk"'),
    ("SurveyMonkey, survey", "/contact", 'src="https://www.surveymonkey.com/r/'),
    ("Mailchimp, connected site", "/", '<script id="mcjs">'),
    ("Mailchimp, pop-up", "/product", "data-dojo-config="),
    ("Mailchimp, form", "/", "us21.list-manage.com/subscribe/post?u="),
    (
        "Mailchimp, form's check",
        "/",
        "//s3.amazonaws.com/downloads.mailchimp.com/js/mc-validate.js",
    ),
    ("Mailchimp, form's style", "/", "//cdn-images.mailchimp.com/embedcode/"),
    ("LinkedIn, Insight", "/", '_linkedin_partner_id = "'),
    ("LinkedIn, Insight noscript", "/", "https://px.ads.linkedin.com/collect/?pid="),
    ("LinkedIn, share", "/blog", 'src="https://platform.linkedin.com/in.js"'),
    ("LinkedIn, post", "/blog", "https://www.linkedin.com/embed/feed/update/urn:li:share:"),
    ("Facebook, pixel", "/", "fbq('init', '"),
    ("Facebook, pixel noscript", "/", "https://www.facebook.com/tr?id="),
    ("Facebook, SDK", "/blog", "https://connect.facebook.net/en_GB/sdk.js#xfbml=1"),
    ("Facebook, page in a frame", "/blog", "https://www.facebook.com/plugins/page.php?href="),
    ("X, conversion", "/blog", "twq('config','"),
    ("X, old conversion", "/privacy", "twttr.conversion.trackPid('"),
    ("X, old conversion noscript", "/privacy", "//t.co/i/adsct?txn_id="),
    ("X, post", "/blog", '<blockquote class="twitter-tweet">'),
    ("X, timeline", "/blog", 'class="twitter-timeline"'),
    ("WordPress, Jetpack statistics", "/blog", "https://stats.wp.com/e-202647.js"),
    ("WordPress, view", "/blog", "_stq.push([ 'view'"),
    ("WordPress, pixel", "/blog", "https://pixel.wp.com/b.gif?"),
    ("WordPress, Gravatar", "/blog", "src='https://secure.gravatar.com/avatar/"),
    ("YouTube, frame", "/product", "https://www.youtube.com/embed/"),
    ("YouTube, interface", "/product", "new YT.Player('making-of'"),
    ("Google Maps", "/product", "https://www.google.com/maps/embed?pb="),
    ("Google Fonts", "/blog", "https://fonts.googleapis.com/css2?family="),
    ("Google reCAPTCHA", "/contact", "https://www.google.com/recaptcha/api.js"),
    ("Google Hosted Libraries", "/contact", "https://ajax.googleapis.com/ajax/libs/jquery/"),
    ("Google Translate", "/privacy", "//translate.google.com/translate_a/element.js?cb="),
]


def html(page: str) -> str:
    return respond(page)[2].decode()


@pytest.mark.parametrize(
    ("page", "tag"), [case[1:] for case in SYSTEMS], ids=[c[0] for c in SYSTEMS]
)
def test_every_system_is_on_the_site_once(page: str, tag: str) -> None:
    assert html(page).count(tag) == 1


@pytest.mark.parametrize("page", PAGES)
def test_vendor_hosts_are_those_of_the_markup_and_the_loaders(page: str) -> None:
    text = html(page)
    for evidence in INLINE[page].values():
        assert text.count(evidence) == 1
    hosts = foreign_hosts(fetched(text, scripting=True)) | INLINE[page].keys()
    assert VENDOR_HOSTS[page].keys() == hosts


@pytest.mark.parametrize("page", PAGES)
def test_noscript_hosts_are_those_that_only_browsers_without_scripts_see(page: str) -> None:
    text = html(page)
    added = fetched(text, scripting=False) - fetched(text, scripting=True)
    assert NOSCRIPT_HOSTS[page].keys() == foreign_hosts(added)


@pytest.mark.parametrize("page", PAGES)
def test_categories_are_the_catalogues(page: str) -> None:
    matcher = Matcher(load_catalogue().services.values())
    expected = {**NOSCRIPT_HOSTS[page], **VENDOR_HOSTS[page]}
    found: dict[str, set[str]] = {}
    for url in fetched(html(page), scripting=False):
        host, _, target = url.split("://")[1].partition("/")
        found.setdefault(host, set()).update(
            service.category for service in matcher.url(host, f"/{target.partition('#')[0]}")
        )
    for code in inline_scripts(html(page)):
        categories = {service.category for service in matcher.inline(code.encode())}
        for host, evidence in INLINE[page].items():
            if evidence in code:
                found.setdefault(host, set()).update(categories)
    found.pop("127.0.0.1")
    assert found == {host: {category} for host, category in expected.items()}


@pytest.mark.parametrize("page", PAGES)
def test_the_shops_own_inline_scripts_belong_to_nobody(page: str) -> None:
    matcher = Matcher(load_catalogue().services.values())
    own = [code for code in inline_scripts(html(page)) if "pageType: document.body" in code]
    assert [matcher.inline(code.encode()) for code in own] == [()]
