"""Views to HTML: the banner, the pages, the placeholder of an embed.

Promise: what comes out is ASCII (every other character is a reference, so it is right under any
encoding of the page around it), every value is escaped, addresses are http(s) or paths of this
site, and nothing inline (script, style, handler) or foreign is in it. A site's own template that
fails is logged once and the built-in one used: a wording mistake never costs the visitor the
choice.
"""

from __future__ import annotations

import difflib
import hashlib
import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import jinja2
import msgspec
from markupsafe import escape

from consentkit.banner.durations import duration
from consentkit.banner.languages import DEFAULT, translations
from consentkit.banner.languages import languages as known_languages
from consentkit.banner.texts import Texts, unknown_texts
from consentkit.banner.view import (
    CategoryView,
    NoticeView,
    PolicyView,
    PreferencesView,
    ReceiptPageView,
    ServiceView,
    State,
)
from consentkit.errors import Fault, SettingsError

log = logging.getLogger("consentkit.banner")

# Allow-lists, not block-lists: browsers drop tabs and newlines inside a scheme and read "\" as "/".
_WEB = re.compile(r"https?://[^\x00-\x20\\<>\"]+", re.IGNORECASE)
_PATH = re.compile(r"/(?![/\\])[^\x00-\x20\\<>\"]*")
_MAIL = re.compile(r"[^\x00-\x20\\<>\":/?#@]+@[^\x00-\x20\\<>\":/?#@]+")

# C0 and C1 controls: a reference to one is a parse error or, worse, another character
# (HTML, "numeric character reference end state": &#128; is a euro sign).
# Tab and line feed (0x09, 0x0A) are plain white space and stay.
_CONTROLS = dict.fromkeys(
    (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0)), "\N{REPLACEMENT CHARACTER}"
)

_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2})[0-9:.]*Z")
_INDENT = re.compile(r"\n\s+")
_DIMENSION = re.compile(r"[0-9]{1,4}%?")
_SLOTS = ("next", "token")
# What a site's own banner must keep: a banner with an Accept and no Reject is not a choice.
_BANNER_PARTS = ('data-consentkit="accept"', 'data-consentkit="reject"')


class BannerParts(msgspec.Struct, frozen=True, kw_only=True):
    """A rendered banner, cut where the two values of a request go."""

    pieces: tuple[bytes, ...]
    slots: tuple[str, ...]  # slots[i] stands between pieces[i] and pieces[i + 1]
    notice_html: bytes  # the banner with both slots empty: what was shown, for the record
    notice_hash: str  # SHA-256 of notice_html, hex

    def fill(self, *, next: str, token: str) -> bytes:  # noqa: A002 - the name of the form field
        """The banner for one request."""
        values = {"next": _ascii(str(escape(next))), "token": _ascii(str(escape(token)))}
        out = [self.pieces[0]]
        for slot, piece in zip(self.slots, self.pieces[1:], strict=True):
            out += (values[slot], piece)
        return b"".join(out)


class Renderer:
    """Renders every view in the site's wording, with its own templates where it has some.

    A key that names no sentence and a folder that is not there raise SettingsError: both are the
    developer's mistakes, and show at start-up.

    Args:
        texts: sentences of the site's own, by key (see `texts.ENGLISH`).
        template_dirs: folders that are searched before the built-in templates; an own
            `banner.html` may extend `builtin/banner.html`.
        languages: tags of the languages to offer, the default first; without any, all there are.
    """

    def __init__(
        self,
        *,
        texts: Mapping[str, str] = MappingProxyType({}),
        template_dirs: Sequence[Path] = (),
        languages: Sequence[str] = (),
    ) -> None:
        _check(texts, template_dirs, languages)
        self._overrides = dict(texts)
        self.languages = tuple(languages) or (
            DEFAULT,
            *(t for t in known_languages() if t != DEFAULT),
        )
        self._texts: dict[str, Texts] = {}
        ours = jinja2.PackageLoader("consentkit.banner", "templates")
        builtin = jinja2.ChoiceLoader([jinja2.PrefixLoader({"builtin": ours}), ours])
        self._builtin = _environment(builtin)
        self._own: jinja2.Environment | None = None
        if template_dirs:
            own = jinja2.FileSystemLoader([str(path) for path in template_dirs])
            self._own = _environment(jinja2.ChoiceLoader([own, builtin]))
        self._failed: set[str] = set()

    def banner(self, view: NoticeView) -> BannerParts:
        """The banner, ready to be filled per request."""
        # Marks nobody can guess, so that no text of a view is ever taken for a slot.
        marks = {slot: f"{secrets.token_hex(16)}-{slot}" for slot in _SLOTS}
        html = self._render(
            "banner.html",
            view.language,
            {
                "view": view,
                "categories": self._named(view.categories, view.language),
                **marks,
            },
            must_hold=(*marks.values(), *_BANNER_PARTS),
        )
        names = {mark: slot for slot, mark in marks.items()}
        cut = re.split("(" + "|".join(map(re.escape, names)) + ")", html)
        pieces = tuple(_ascii(piece) for piece in cut[::2])
        notice = b"".join(pieces)
        return BannerParts(
            pieces=pieces,
            slots=tuple(names[mark] for mark in cut[1::2]),
            notice_html=notice,
            notice_hash=hashlib.sha256(notice).hexdigest(),
        )

    def gpc_note(self, view: NoticeView) -> bytes:
        """Says that Global Privacy Control is honoured, where no banner says so."""
        return _ascii(self._render("gpc.html", view.language, {"view": view}))

    def preferences_page(self, view: PreferencesView) -> bytes:
        """The page behind "Cookie settings", whole without JavaScript."""
        categories = self._named(view.categories, view.language)
        titles = {category.id: category.title for category in categories}
        outcome: tuple[tuple[str, State], ...] = ()
        if view.receipt is not None:
            outcome = tuple((titles.get(id_, id_), state) for id_, state in view.receipt.outcome)
        context = {"view": view, "categories": categories, "outcome": outcome}
        return _ascii(self._render("preferences.html", view.language, context))

    def receipt_page(self, view: ReceiptPageView) -> bytes:
        """The visitor's own records."""
        titles = {c.id: c.title for c in self._named(view.categories, view.language)}
        context = {"view": view, "titles": titles}
        return _ascii(self._render("receipt.html", view.language, context))

    def policy_page(self, view: PolicyView) -> bytes:
        """The generated cookie policy."""
        context = {"view": view, "categories": self._named(view.categories, view.language)}
        return _ascii(self._render("policy.html", view.language, context))

    def message_page(
        self,
        title: str,
        text: str,
        back_url: str,
        *,
        css_urls: Sequence[str] = (),
        theme: str = "auto",
        site_name: str = "",
        language: str = "en",
        direction: str = "ltr",
    ) -> bytes:
        """A short answer with a way back, for a refused or failed request."""
        view = {
            "title": title,
            "text": text,
            "back_url": back_url,
            "css_urls": css_urls,
            "theme": theme,
            "site_name": site_name,
            "language": language,
            "direction": direction,
        }
        return _ascii(self._render("message.html", language, {"view": view}))

    def floating(self, url: str, *, language: str = "en", direction: str = "ltr") -> bytes:
        """The small button that leads back to the choice."""
        context = {"url": url, "language": language, "direction": direction}
        return _ascii(self._render("floating.html", language, context))

    def embed(
        self,
        *,
        service: str,
        category_id: str,
        category_title: str,
        url: str,
        preferences_url: str,
        title: str = "",
        width: str = "",
        height: str = "",
        language: str = "en",
        direction: str = "ltr",
    ) -> bytes:
        """What stands in for an embed until it is allowed.

        Phrasing content only, so that it may stand where the embed stood, even inside a
        paragraph. Without a category there is nothing to allow, and so no button for that.

        Args:
            title: of the embed itself, if it has one.
            width: of the embed, as its attribute has it: pixels or a percentage.
            height: of the embed.
        """
        context = {
            "title": title,
            "width": width if _DIMENSION.fullmatch(width) else "",
            "height": height if _DIMENSION.fullmatch(height) else "",
            "service": service,
            "category_id": category_id,
            "category_title": category_title or self.texts(language).category(category_id)[0],
            "url": url,
            "once": web_url(url),
            "preferences_url": preferences_url,
            "language": language,
            "direction": direction,
        }
        return _ascii(self._render("embed.html", language, context))

    def texts(self, language: str) -> Texts:
        """The sentences of a language."""
        texts = self._texts.get(language)
        if texts is None:
            texts = Texts(self._overrides, translations(language))
            # Kept only for languages that exist: a page's lang attribute is anybody's text.
            if language in self.languages:
                self._texts[language] = texts
        return texts

    def _named(self, categories: tuple[CategoryView, ...], language: str) -> list[CategoryView]:
        """The categories with the built-in words where they bring none of their own."""
        texts = self.texts(language)
        words = {category.id: texts.category(category.id) for category in categories}
        titles = {c.id: c.title or words[c.id][0] for c in categories}
        return [
            msgspec.structs.replace(
                category,
                title=titles[category.id],
                description=category.description or words[category.id][1],
                services=tuple(
                    _ourselves(service, texts, titles) if service.ours else service
                    for service in category.services
                ),
            )
            for category in categories
        ]

    def _render(
        self,
        name: str,
        language: str,
        values: Mapping[str, object],
        *,
        must_hold: tuple[str, ...] = (),
    ) -> str:
        texts = self.texts(language)
        context = {
            **values,
            "t": texts,
            "gettext": texts.translations.gettext,
            "ngettext": texts.translations.ngettext,
            "_": texts.translations.gettext,
        }
        if self._own is not None and name not in self._failed:
            try:
                html = self._own.get_template(name).render(context)
                missing = [part for part in must_hold if part not in html]
                if not missing:
                    return _INDENT.sub("\n", html)
                log.error("the site's template %s leaves out %s", name, ", ".join(missing))
            except Exception:  # a template can raise anything: it calls what it likes
                log.exception("the site's template %s failed, the built-in one is used", name)
            self._failed.add(name)
        return _INDENT.sub("\n", self._builtin.get_template(name).render(context))


def web_url(url: str) -> str:
    """The address if a link may point there (http, https, a path of this site), else ""."""
    return url if _WEB.fullmatch(url) or _PATH.fullmatch(url) else ""


def local_url(url: str) -> str:
    """The address if it is a path of this site, else ""."""
    return url if _PATH.fullmatch(url) else ""


def contact_url(contact: str) -> str:
    """Where a contact can be reached: a web address, an e-mail address, or "" for plain text."""
    return f"mailto:{contact}" if _MAIL.fullmatch(contact) else web_url(contact)


def _ourselves(service: ServiceView, texts: Texts, titles: Mapping[str, str]) -> ServiceView:
    cookies = tuple(
        msgspec.structs.replace(
            cookie,
            purpose=texts("ourselves_cookie", category=titles.get(cookie.choice, cookie.choice)),
        )
        for cookie in service.cookies
    )
    return msgspec.structs.replace(
        service,
        name=texts("ourselves"),
        provider=service.provider or texts("ourselves_provider"),
        purposes=(texts("ourselves_purpose"),),
        cookies=cookies,
    )


def moment(time: str) -> str:
    """A time of the log (RFC 3339 in UTC) to the minute; anything else as it stands."""
    found = _TIME.fullmatch(time)
    return f"{found[1]} {found[2]} UTC" if found else time


def _check(
    texts: Mapping[str, str], template_dirs: Sequence[Path], languages: Sequence[str]
) -> None:
    faults = [
        Fault(
            path=f"banner.texts.{key}",
            value=repr(texts[key])[:60],
            expected="the key of a sentence",
            suggestion=nearest,
        )
        for key, nearest in unknown_texts(texts).items()
    ]
    faults += [
        Fault(path=f"banner.template_dirs[{n}]", value=str(path), expected="a folder that exists")
        for n, path in enumerate(template_dirs)
        if not path.is_dir()
    ]
    faults += [
        Fault(
            path=f"languages[{n}]",
            value=repr(tag)[:60],
            expected="a language there is: " + ", ".join(known_languages()),
            suggestion=next(iter(difflib.get_close_matches(tag, known_languages(), n=1)), ""),
        )
        for n, tag in enumerate(languages)
        if tag not in known_languages()
    ]
    if faults:
        raise SettingsError(tuple(faults))


def _environment(loader: jinja2.BaseLoader) -> jinja2.Environment:
    env = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    env.filters.update(
        web_url=web_url,
        local_url=local_url,
        contact_url=contact_url,
        duration=duration,
        moment=moment,
    )
    return env


def _ascii(html: str) -> bytes:
    return html.translate(_CONTROLS).encode("ascii", "xmlcharrefreplace")
