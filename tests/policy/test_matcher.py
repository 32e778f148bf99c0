"""The matcher: whose address, whose script, whose cookie."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.catalogue import load_catalogue
from consentkit.catalogue.model import Cookie, Service
from consentkit.catalogue.patterns import parse_host, parse_signature
from consentkit.policy.matcher import Matcher
from consentkit.settings import ServiceSettings
from tests.catalogue.tags import found
from tests.catalogue.vendor_table import LOOKALIKES, VENDOR_TAGS, VendorTag

CATALOGUE = load_catalogue()
MATCHER = Matcher(CATALOGUE.services.values())


def ids(services: Sequence[Service]) -> list[str]:
    return [service.id for service in services]


def service(name: str, *hosts: str, signatures: Sequence[str] = (), own: bool = False) -> Service:
    return Service(
        id=name,
        name=name,
        category="analytics",
        hosts=tuple(parse_host(host) for host in hosts),
        signatures=tuple(parse_signature(text) for text in signatures),
        own=own,
    )


class TestVendors:
    @pytest.mark.parametrize("tag", VENDOR_TAGS, ids=range(len(VENDOR_TAGS)))
    def test_every_tag_belongs_to_exactly_its_services(self, tag: VendorTag) -> None:
        parts = list(found(MATCHER, tag.html))
        assert parts
        told = {name for _, services in parts for name in ids(services)}
        assert told == {tag.service, *tag.also}
        assert CATALOGUE.services[tag.service].category == tag.category

    @pytest.mark.parametrize("tag", VENDOR_TAGS, ids=range(len(VENDOR_TAGS)))
    def test_no_part_of_a_tag_is_left_out(self, tag: VendorTag) -> None:
        for part, services in found(MATCHER, tag.html):
            assert services, part

    @pytest.mark.parametrize("html", LOOKALIKES, ids=range(len(LOOKALIKES)))
    def test_what_only_looks_alike_belongs_to_nobody(self, html: str) -> None:
        assert [(part, ids(services)) for part, services in found(MATCHER, html) if services] == []

    def test_the_table_shows_every_service_that_can_be_told(self) -> None:
        shown = {name for tag in VENDOR_TAGS for name in (tag.service, *tag.also)}
        assert shown == {name for name, entry in CATALOGUE.services.items() if entry.gated}

    def test_hosts_in_code_may_be_written_in_any_way(self) -> None:
        for code in (
            b"x.src='https://snap.licdn.com/a.js'",
            b'x.src="//SNAP.LICDN.COM/a.js"',
            b"x.src=`http://snap.licdn.com:443/a.js`",
            b"x.src='https:\\/\\/snap.licdn.com\\/a.js'",
            b"x.src='\\u002F\\u002Fsnap.licdn.com\\u002Fa.js'",
            b"x.src='\\x2f\\x2fsnap.licdn.com\\x2fa.js'",
            b"x.src=['https:','','snap.licdn.com','a.js'].join('/')",
            b"x.src=('https:'==p?'https://sjs':'http://js')+'.bizographics.com/insight.js'",
            b"document.write(unescape('%3Cscript src=%22https%3A%2F%2Fsnap.licdn.com/a.js'))",
            b"x.src='https://example.com/?next=https://snap.licdn.com/a.js'",
            b"x.src=`https://${name}.ads.linkedin.com/collect`",
        ):
            assert ids(MATCHER.inline(code)) == ["linkedin"], code

    def test_a_script_of_several_vendors_belongs_to_all(self) -> None:
        code = b"fbq('init', 1); twq('config', 2); ga('create', 3); x('//snap.licdn.com/a.js')"
        assert set(ids(MATCHER.inline(code))) == {
            "facebook",
            "twitter",
            "google-analytics",
            "linkedin",
        }

    @pytest.mark.parametrize("domain", ["lane5down", "file3size", "visionary-data-intuition"])
    @pytest.mark.parametrize("below", ["secure.", "www.", ""])
    @pytest.mark.parametrize(
        "path", ["/js/12345.js", "/js/sc/12345.js", "/12345.png", "/JS/123.js"]
    )
    def test_rotating_hosts_are_told_with_their_paths(
        self, domain: str, below: str, path: str
    ) -> None:
        assert ids(MATCHER.url(f"{below}{domain}.com", path)) == ["lead-forensics"]
        assert MATCHER.url(f"{below}{domain}.com", "/css/site.css") == ()


class TestUrl:
    def test_labels_are_whole(self) -> None:
        matcher = Matcher([service("a", "*.t.co"), service("b", "x.com")])
        assert ids(matcher.url("t.co", "/")) == ["a"]
        assert ids(matcher.url("a.b.t.co", "/")) == ["a"]
        assert ids(matcher.url("x.com", "/")) == ["b"]
        for host in ("checkout.com", "at.co", "t.co.uk", "www.x.com", "netflix.com", "co", ""):
            assert matcher.url(host, "/") == ()

    def test_a_path_goes_before_a_host_and_a_longer_host_before_a_shorter(self) -> None:
        matcher = Matcher(
            [
                service("all", "*.example.com"),
                service("cdn", "cdn.example.com"),
                service("pixel", "*.example.com/pixel"),
            ]
        )
        assert ids(matcher.url("www.example.com", "/")) == ["all"]
        assert ids(matcher.url("cdn.example.com", "/")) == ["cdn"]
        assert ids(matcher.url("cdn.example.com", "/pixel?x")) == ["pixel"]
        assert ids(matcher.url("example.com", "/PIXEL")) == ["pixel"]
        assert ids(matcher.url("example.com", "/a/pixel")) == ["all"]

    def test_the_same_host_may_belong_to_two(self) -> None:
        matcher = Matcher([service("one", "a.example"), service("two", "a.example")])
        assert ids(matcher.url("a.example", "/")) == ["one", "two"]

    def test_any_public_suffix_but_no_registered_name(self) -> None:
        matcher = Matcher([service("a", "www.shop.*"), service("b", "*.wide.*/path")])
        for host in ("www.shop.com", "www.shop.de", "www.shop.co.uk", "www.shop.com.au"):
            assert ids(matcher.url(host, "/")) == ["a"]
        for host in ("www.shop.evil.example", "shop.com", "a.www.shop.com", "www.shop"):
            assert matcher.url(host, "/") == ()
        assert ids(matcher.url("x.y.wide.co.nz", "/path/1")) == ["b"]
        assert matcher.url("wide.co.nz", "/") == ()

    def test_the_sites_own_service_goes_before_the_catalogues(self) -> None:
        own = ServiceSettings(
            id="our-tags", name="Our tags", category="functional", hosts=("tags.zopim.com",)
        )
        matcher = Matcher(load_catalogue([own]).services.values())
        assert ids(matcher.url("tags.zopim.com", "/a.js")) == ["our-tags"]
        assert ids(matcher.url("v2.zopim.com", "/a.js")) == ["zendesk"]
        both = Matcher([service("theirs", "a.example"), service("ours", "a.example", own=True)])
        assert ids(both.url("a.example", "/")) == ["ours"]

    def test_a_web_site_counts_where_it_is_fetched_but_not_where_code_names_it(self) -> None:
        assert ids(MATCHER.url("www.facebook.com", "/acme")) == ["facebook-plugins"]
        assert MATCHER.inline(b"x = 'https://www.facebook.com/acme'") == ()
        assert ids(MATCHER.inline(b"x = 'https://www.facebook.com/tr?id=1'")) == ["facebook"]

    @given(
        rules=st.lists(
            st.tuples(st.booleans(), st.sampled_from(["a", "b.a", "a.b", "ab.a", "a.a.b"])),
            max_size=6,
        ),
        host=st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=5).map(".".join),
    )
    def test_hosts_match_as_a_plain_reading_of_the_rules_says(
        self, rules: list[tuple[bool, str]], host: str
    ) -> None:
        services = [
            service(f"s{i}", f"*.{name}.x" if below else f"{name}.x")
            for i, (below, name) in enumerate(rules)
        ]
        host += ".x"
        lengths = {
            f"s{i}": name.count(".")
            for i, (below, name) in enumerate(rules)
            if host == f"{name}.x" or (below and host.endswith(f".{name}.x"))
        }
        best = [key for key, length in lengths.items() if length == max(lengths.values())]
        assert ids(Matcher(services).url(host, "/")) == best

    @given(host=st.text(max_size=300), target=st.text(max_size=2000))
    def test_no_address_raises(self, host: str, target: str) -> None:
        MATCHER.url(host, "/" + target)

    def test_a_host_that_no_resolver_knows_belongs_to_nobody(self) -> None:
        assert MATCHER.url("a." * 200 + "google-analytics.com", "/") == ()


class TestInline:
    def test_signatures_are_whole_words_with_free_space_and_quotes(self) -> None:
        matcher = Matcher(
            [service("a", signatures=["pix('init'", "window.pix = window.pix ||", "pix.q"])]
        )
        for code in (
            "pix('init')",
            'x;pix( "init",1)',
            "pix (`init`)",
            "window.pix=window.pix||[]",
        ):
            assert ids(matcher.inline(code.encode())) == ["a"], code
        for code in ("mypix('init')", "pix(init)", "$pix('init')", "pix.queue", "pix('exit')", ""):
            assert matcher.inline(code.encode()) == (), code

    @given(st.binary(max_size=3000))
    def test_no_code_raises(self, code: bytes) -> None:
        MATCHER.inline(code)

    @given(before=st.binary(max_size=60), after=st.binary(max_size=60))
    def test_a_signature_is_found_wherever_it_stands(self, before: bytes, after: bytes) -> None:
        assert "facebook" in ids(MATCHER.inline(before + b"\nfbq('init', '1')\n" + after))

    @given(st.lists(st.sampled_from([b"fbq", b"(", b"'", b"init", b" ", b"x", b"$", b"\n", b"."])))
    def test_signatures_match_as_their_pattern_alone_does(self, pieces: list[bytes]) -> None:
        code = b"".join(pieces)
        signature = parse_signature("fbq('init'")
        expected = re.search(signature.pattern.encode(), code) is not None
        matcher = Matcher([service("a", signatures=["fbq('init'"])])
        assert (matcher.inline(code) != ()) is expected

    def test_long_scripts_are_read_as_well(self) -> None:
        assert ids(MATCHER.inline(b"var a = 1;\n" * 10_000 + b"fbq('init', '1')")) == ["facebook"]


class TestCookie:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("_ga", ["google-analytics"]),
            ("_ga_ABC123DEF4", ["google-analytics"]),
            ("_gac_UA-1", ["google-ads", "google-analytics"]),
            ("_fbp", ["facebook"]),
            ("__utmt_a", ["google-analytics"]),
            ("wordpress_logged_in_abc", ["wordpress"]),
            ("_gat", ["google-analytics"]),
            ("ga", []),
            ("my_ga", []),
            ("_GA", []),
        ],
    )
    def test_names_and_wildcards(self, name: str, expected: list[str]) -> None:
        assert ids(MATCHER.cookie(name)) == expected

    @pytest.mark.parametrize(
        "name",
        ["JSESSIONID", "PHPSESSID", "sessionid", "csrftoken", "connect.sid", "ARRAffinity", "lang"],
    )
    def test_cookies_of_applications_belong_to_nobody(self, name: str) -> None:
        assert MATCHER.cookie(name) == ()

    def test_only_cookies_on_the_sites_own_domain_count(self) -> None:
        entry = Service(
            id="a",
            name="A",
            category="analytics",
            cookies=(
                Cookie(name="mine"),
                Cookie(name="theirs", party="third"),
                Cookie(name="kept", storage="local"),
            ),
        )
        matcher = Matcher([entry])
        assert matcher.cookie("mine") == (entry,)
        assert matcher.cookie("theirs") == matcher.cookie("kept") == ()

    @given(st.text(max_size=50))
    def test_no_name_raises(self, name: str) -> None:
        MATCHER.cookie(name)
