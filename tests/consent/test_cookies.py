"""The cookies that hold a choice: any change makes them worthless."""

from __future__ import annotations

import itertools
import string
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.consent import ChoiceCookies
from consentkit.consent.cookies import Outcome, expired_cookie
from consentkit.settings import ChoiceCookieSettings

KEY = "the-first-key-of-this-site-0123456789"
NEW = "the-second-key-of-this-site-987654321"
ID = "Zm9vYmFyYmF6cXV4MTIzNA"
PRINT = "0123456789ab"
NOW = 1_800_000_000
DAY = 86_400


def make(
    *keys: str, prefix: str = "consent_", now: float = NOW, max_age_days: int = 180
) -> ChoiceCookies:
    settings = ChoiceCookieSettings(prefix=prefix, max_age_days=max_age_days)
    return ChoiceCookies(keys or (KEY,), settings, lambda: now)


COOKIES = make()
GRANTED = COOKIES.value("analytics", "granted", ID, PRINT)
DENIED = COOKIES.value("analytics", "denied", ID, PRINT)


def test_what_is_written_is_read() -> None:
    assert GRANTED.startswith("granted.")
    assert DENIED.startswith("denied.")
    for value, outcome in ((GRANTED, "granted"), (DENIED, "denied")):
        choice = COOKIES.read("analytics", [value])
        assert choice is not None
        assert (choice.outcome, choice.consent_id) == (outcome, ID)
        assert (choice.fingerprint, choice.time) == (PRINT, NOW)


def test_every_one_byte_change_is_refused() -> None:
    for place in range(len(GRANTED)):
        for char in map(chr, range(256)):
            changed = GRANTED[:place] + char + GRANTED[place + 1 :]
            assert (COOKIES.read("analytics", [changed]) is None) == (changed != GRANTED)


def test_every_insertion_and_deletion_is_refused() -> None:
    for place in range(len(GRANTED) + 1):
        for char in string.printable:
            assert COOKIES.read("analytics", [GRANTED[:place] + char + GRANTED[place:]]) is None
    for start, end in itertools.combinations(range(len(GRANTED) + 1), 2):
        assert COOKIES.read("analytics", [GRANTED[:start] + GRANTED[end:]]) is None


@given(st.data())
def test_any_edits_are_refused(data: st.DataObject) -> None:
    text = list(GRANTED)
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(text)))
        with_what = data.draw(st.text(max_size=4))
        text[place : place + data.draw(st.integers(0, 4))] = with_what
    changed = "".join(text)
    assert (COOKIES.read("analytics", [changed]) is None) == (changed != GRANTED)


def test_a_denial_cannot_be_turned_into_a_grant() -> None:
    assert COOKIES.read("analytics", [DENIED.replace("denied", "granted")]) is None
    parts, others = GRANTED.split("."), DENIED.split(".")
    assert len(parts) == len(others) == 5
    for choice in itertools.product((0, 1), repeat=5):
        mixed = ".".join((parts, others)[which][i] for i, which in enumerate(choice))
        read = COOKIES.read("analytics", [mixed])
        assert (read is not None) == (mixed in (GRANTED, DENIED))


def test_worth_nothing_under_another_category_prefix_or_key() -> None:
    makers = {
        (prefix, key, category): make(key, prefix=prefix)
        for prefix in ("consent_", "consent", "shop_")
        for key in (KEY, NEW)
        for category in ("analytics", "marketing", "functional", "_analytics")
    }
    for (mine, maker), (theirs, reader) in itertools.product(makers.items(), repeat=2):
        value = maker.value(mine[2], "granted", ID, PRINT)
        # The name of the cookie is the prefix and the category, wherever the one ends.
        same = mine[0] + mine[2] == theirs[0] + theirs[2] and mine[1] == theirs[1]
        assert (reader.read(theirs[2], [value]) is not None) == same, (mine, theirs)


def test_rotation() -> None:
    rotated = make(NEW, KEY)
    assert rotated.read("analytics", [GRANTED]) is not None
    fresh = rotated.value("analytics", "granted", ID, PRINT)
    assert COOKIES.read("analytics", [fresh]) is None  # the newest key signs
    assert make(NEW).read("analytics", [fresh]) is not None
    assert make(NEW).read("analytics", [GRANTED]) is None  # an old key that was taken off


@pytest.mark.parametrize(
    ("age", "valid"),
    [
        (0, True),
        (180 * DAY, True),
        (180 * DAY + 1, False),
        (-300, True),
        (-301, False),
        (-(10**9), False),
        (10**12, False),
    ],
)
def test_age(age: int, *, valid: bool) -> None:
    assert (make(now=NOW + age).read("analytics", [GRANTED]) is not None) == valid


def test_age_counts_for_what_was_read_before() -> None:
    now = [float(NOW)]
    cookies = ChoiceCookies((KEY,), ChoiceCookieSettings(), lambda: now[0])
    assert cookies.read("analytics", [GRANTED]) is not None
    now[0] += 181 * DAY
    assert cookies.read("analytics", [GRANTED]) is None


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_of_duplicates_a_denial_wins(order: tuple[int, ...]) -> None:
    later = make(now=NOW + 60).value("analytics", "granted", ID, PRINT)
    values = [GRANTED, DENIED, later]
    choice = make(now=NOW + 60).read("analytics", [values[i] for i in order])
    assert choice is not None
    assert choice.outcome == "denied"


def test_of_grants_the_newest_and_rubbish_counts_for_nothing() -> None:
    later = make(now=NOW + 60).value("analytics", "granted", "other", PRINT)
    for values in ([GRANTED, "denied.x.y", later], [later, "", GRANTED], [later, DENIED + "x"]):
        choice = make(now=NOW + 60).read("analytics", values)
        assert choice is not None
        assert (choice.outcome, choice.consent_id) == ("granted", "other")


@given(st.lists(st.text() | st.sampled_from(["granted.", ".", "a.b.c.d.e", GRANTED[:-1]])))
def test_rubbish_is_no_choice(values: list[str]) -> None:
    assert COOKIES.read("analytics", values) is None


@pytest.mark.parametrize(
    ("settings", "secure", "expected"),
    [
        ({}, False, "Path=/; Max-Age=15552000; SameSite=Lax"),
        ({}, True, "Path=/; Max-Age=15552000; Secure; SameSite=Lax"),
        ({"secure": True}, False, "Path=/; Max-Age=15552000; Secure; SameSite=Lax"),
        ({"secure": False}, True, "Path=/; Max-Age=15552000; SameSite=Lax"),
        (
            {"domain": ".shop.example", "max_age_days": 1, "same_site": "Strict"},
            True,
            "Path=/; Max-Age=86400; Domain=shop.example; Secure; SameSite=Strict",
        ),
    ],
)
def test_attributes(settings: dict[str, str], *, secure: bool, expected: str) -> None:
    cookies = ChoiceCookies((KEY,), ChoiceCookieSettings(**settings))  # type: ignore[arg-type]
    assert cookies.header("analytics", GRANTED, secure=secure) == (
        f"consent_analytics={GRANTED}; {expected}"
    )


@given(
    st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=31),
    st.sampled_from(["granted", "denied"]),
    st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=64),
)
def test_small_enough_for_every_browser(category: str, outcome: Outcome, consent_id: str) -> None:
    prefix = "p" * 32
    cookies = make(prefix=prefix)
    value = cookies.value("c" + category, outcome, consent_id, "f" * 64)
    header = cookies.header("c" + category, value, secure=True)
    assert len(header) <= 512
    assert header.isascii()
    assert header.isprintable()
    assert cookies.read("c" + category, [value]) is not None


def test_threads_share_what_was_read() -> None:
    cookies = make()
    values = [cookies.value("analytics", "granted", f"id-{i}", PRINT) for i in range(200)]
    # Others that push them out of the cache all the time.
    rubbish = [f"{GRANTED[:-43]}{i:042d}A" for i in range(5_000)]
    errors: list[object] = []

    def work(read: Callable[[int], object], count: int, *, valid: bool) -> None:
        errors.extend(i for i in range(count) if (read(i) is not None) != valid)

    threads = [
        threading.Thread(
            target=work,
            args=(lambda i: cookies.read("analytics", [values[i % 200]]), 2_000),
            kwargs={"valid": True},
        )
        for _ in range(4)
    ]
    threads += [
        threading.Thread(
            target=work,
            args=(lambda i: cookies.read("analytics", [rubbish[i]]), 5_000),
            kwargs={"valid": False},
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_deleting_a_cookie() -> None:
    assert expired_cookie("_ga") == "_ga=; Path=/; Max-Age=0"
    assert expired_cookie("_ga", "a.example") == "_ga=; Path=/; Max-Age=0; Domain=a.example"


@given(st.text())
def test_a_name_cannot_break_out_of_the_header(name: str) -> None:
    header = expired_cookie(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count(";") == 2
