"""Reading data files, and merging them with a site's own list."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from consentkit.catalogue import load_catalogue, shipped_services
from consentkit.catalogue.load import decode
from consentkit.catalogue.model import Cookie, Host
from consentkit.errors import CatalogueError, SettingsError
from consentkit.settings import CookieSettings, ServiceSettings

ENTRY = """
[[service]]
id = "acme"
name = "Acme"
provider = "Acme Ltd"
country = "GB"
category = "analytics"
purpose = ["Counts visits."]
privacy_url = "https://acme.example/privacy"
checked = 2026-11-22
"""


def faults(*own: str | ServiceSettings) -> list[tuple[str, str]]:
    """The path and the hint of each mistake in a site's list."""
    with pytest.raises(SettingsError) as caught:
        load_catalogue(own)
    return [(fault.path, fault.suggestion) for fault in caught.value.faults]


class TestFiles:
    def test_every_field_is_read(self) -> None:
        text = ENTRY + (
            'aliases = ["ac"]\nembed = true\nopt_out_url = "https://acme.example/no"\n'
            'hosts = ["*.acme.example", {host = "a.example", path = "/x"}]\n'
            'sites = ["www.acme.example"]\n'
            "urls = [{word = \"acme\", url = '^[^?]*/acme\\.js'}]\n"
            "signatures = [\"acme('go'\", {words = [\"acme\"], code = 'acme\\.go'}]\n"
            'cookies = [{name = "ac", duration = "1 day", purpose = "Counts", party = "third",'
            ' storage = "local"}]\n'
        )
        ((service, aliases),) = decode(text.encode(), "acme.toml")
        assert aliases == ("ac",)
        assert service.purposes == ("Counts visits.",)
        assert service.embed
        assert service.gated
        assert service.hosts == (
            Host(name="acme.example", below=True),
            Host(name="a.example", path="/x"),
            Host(name="www.acme.example", inline=False),
        )
        assert service.cookies == (
            Cookie(name="ac", duration="1 day", purpose="Counts", party="third", storage="local"),
        )
        assert [shape.word for shape in service.urls] == ["acme"]
        assert len(service.signatures) == 2

    def test_an_entry_without_patterns_is_only_disclosed(self) -> None:
        ((service, _),) = decode(ENTRY.encode(), "acme.toml")
        assert not service.gated

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("[[service]\n", "acme.toml"),
            ("service = 1", "acme.toml"),
            (ENTRY + 'colour = "red"', "colour"),
            (ENTRY.replace('name = "Acme"\n', ""), "name"),
            (ENTRY + 'cookies = [{name = "a", length = 3}]', "length"),
            (ENTRY + 'hosts = ["https://acme.example"]', "'acme'.*scheme"),
            (ENTRY + 'hosts = [{host = "acme.example", path = "("}]', "regular expression"),
            (ENTRY + 'urls = [{word = "a", url = "["}]', "regular expression"),
            (ENTRY + 'signatures = ["("]', "no word"),
        ],
    )
    def test_mistakes_are_named(self, text: str, why: str) -> None:
        with pytest.raises(CatalogueError, match=why):
            list(decode(text.encode(), "acme.toml"))

    def test_a_file_that_is_not_text(self) -> None:
        with pytest.raises(CatalogueError, match=r"acme\.toml"):
            list(decode(b"\xff", "acme.toml"))


class TestOwnList:
    def test_left_out_it_is_the_whole_catalogue(self) -> None:
        catalogue = load_catalogue()
        assert catalogue.declared is None
        assert catalogue.services == shipped_services()

    def test_an_id_selects_a_catalogued_service(self) -> None:
        catalogue = load_catalogue(["zendesk", "google-analytics"])
        assert catalogue.declared == ("zendesk", "google-analytics")
        assert catalogue.services == shipped_services()
        assert load_catalogue([]).declared == ()

    def test_an_entry_with_a_known_id_changes_what_it_gives(self) -> None:
        before = shipped_services()["zendesk"]
        after = load_catalogue(
            [ServiceSettings(id="zendesk", category="marketing", purpose="Chat.", embed=False)]
        ).services["zendesk"]
        assert after == msgspec.structs.replace(
            before, category="marketing", purposes=("Chat.",), embed=False
        )
        assert shipped_services()["zendesk"] == before

    def test_patterns_are_added_never_taken_away(self) -> None:
        before = shipped_services()["lead-forensics"]
        entry = ServiceSettings(
            id="lead-forensics", hosts=("secure.new-one.example",), signatures=("lfTrack(",)
        )
        after = load_catalogue([entry]).services["lead-forensics"]
        assert after.hosts == (*before.hosts, Host(name="secure.new-one.example"))
        assert after.signatures[:-1] == before.signatures
        assert after.signatures[-1].words == ("lfTrack",)
        assert not after.own

    def test_a_cookie_of_the_same_name_is_replaced_and_others_are_added(self) -> None:
        cookies = (CookieSettings(name="_ga", duration="12 months"), CookieSettings(name="shop_ga"))
        entry = ServiceSettings(id="google-analytics", cookies=cookies)
        after = load_catalogue([entry]).services["google-analytics"].cookies
        assert [cookie.duration for cookie in after if cookie.name == "_ga"] == ["12 months"]
        assert {cookie.name for cookie in after} >= {"_ga_*", "_gid", "shop_ga"}

    def test_an_unknown_id_is_the_sites_own(self) -> None:
        entry = ServiceSettings(
            id="personal-offers",
            name="Personal offers",
            category="functional",
            purpose=("Remembers what you looked at.", "Shows what fits."),
            cookies=(CookieSettings(name="offers", duration="1 year"),),
        )
        catalogue = load_catalogue(["youtube", entry])
        service = catalogue.services["personal-offers"]
        assert catalogue.declared == ("youtube", "personal-offers")
        assert service.own
        assert not service.gated
        assert service.purposes == ("Remembers what you looked at.", "Shows what fits.")
        assert service.cookies == (Cookie(name="offers", duration="1 year"),)
        assert "personal-offers" not in shipped_services()

    def test_all_mistakes_come_at_once(self) -> None:
        assert faults(
            "google-analytics",
            "gogle-maps",
            ServiceSettings(id="own", hosts=("https://a.example", "b.example:1")),
            "google-analytics",
            ServiceSettings(id="zendesk", signatures=("(",)),
        ) == [
            ("services[1]", "google-maps"),
            ("services[2].hosts[0]", ""),
            ("services[2].hosts[1]", ""),
            ("services[2].name", ""),
            ("services[2].category", ""),
            ("services[3]", ""),
            ("services[4].signatures[0]", ""),
        ]

    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("Google Analytics", "google-analytics"),
            ("google_analytics", "google-analytics"),
            ("adwords", "google-ads"),
            ("BPM'online", "creatio"),
            ("facebook-pixel", "facebook"),
            ("leadforensics", "lead-forensics"),
            ("qqqqqqqq", ""),
        ],
    )
    def test_unknown_ids_come_with_a_hint(self, written: str, meant: str) -> None:
        assert faults(written) == [("services[0]", meant)]

    @pytest.mark.parametrize("field", ["name", "category"])
    def test_an_own_service_needs_a_name_and_a_category(self, field: str) -> None:
        given: dict[str, Any] = {"id": "own", "name": "Own", "category": "functional"}
        del given[field]
        assert faults(ServiceSettings(**given)) == [(f"services[0].{field}", "")]
