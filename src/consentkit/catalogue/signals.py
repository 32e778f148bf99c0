"""How vendors are told about consent: the data of ``signals.toml``, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Literal

import msgspec
from msgspec import Struct

from consentkit.errors import CatalogueError

__all__ = ["Signal", "Word", "decode_signals", "shipped_signals"]

Word = str | bool


class Signal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to tell one vendor; the fields are explained in ``signals.toml``."""

    id: str
    services: tuple[str, ...]
    queue: str
    how: Literal["arguments", "push", "items", "call", "existing", "method"]
    default: tuple[Word, ...] = ()
    update: tuple[Word, ...] = ()
    types: Mapping[str, str] = {}
    values: Literal["words", "boolean"] = "words"
    category: str = ""
    granted: tuple[Word, ...] = ()
    denied: tuple[Word, ...] = ()
    options: Mapping[str, tuple[Word, ...]] = {}
    regions: bool = False
    advanced: tuple[str, ...] = ()
    required: bool = False


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    signal: tuple[Signal, ...]


def decode_signals(data: bytes, source: str) -> tuple[Signal, ...]:
    """The signals of a data file.

    Raises:
        CatalogueError: naming ``source`` or the signal in it.
    """
    try:
        signals = msgspec.toml.decode(data, type=_File).signal
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CatalogueError(source, str(error)) from error
    for signal in signals:
        if bool(signal.types) == bool(signal.category):
            raise CatalogueError(f"{source}, signal {signal.id!r}", "needs types or a category")
        if not set(signal.advanced) <= set(signal.services):
            raise CatalogueError(f"{source}, signal {signal.id!r}", "advanced is no service of it")
    return signals


@cache
def shipped_signals() -> tuple[Signal, ...]:
    """The signals that come with consentkit."""
    file = resources.files("consentkit.catalogue") / "signals.toml"
    return decode_signals(file.read_bytes(), "signals.toml")
