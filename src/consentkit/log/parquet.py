"""Records as Parquet, for data frames and query engines. Needs the package ``pyarrow``.

The columns are those of the CSV export with types of their own: numbers, times, booleans, and maps
of text to text. It is written row group by row group, so memory does not grow with the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from consentkit.errors import LogError
from consentkit.log.event import Record
from consentkit.log.export import COLUMNS, as_dict

__all__ = ["to_parquet"]

_ROWS = 10_000


def to_parquet(records: Iterable[Record]) -> Iterator[bytes]:
    """A Parquet file, in pieces; ``LogError`` without pa."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, and slow to import
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise LogError(
            "Parquet needs the package pyarrow: pip install 'consentkit[parquet]'"
        ) from error
    choices = pa.map_(pa.string(), pa.string())
    types = {
        "seq": pa.int64(),
        "time": pa.timestamp("ms", tz="UTC"),
        "outcome": choices,
        "services": choices,
        "fingerprints": choices,
        "gpc": pa.bool_(),
        "redacted": pa.bool_(),
    }
    schema = pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS])
    sink = _Pieces()
    rows = iter(records)
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        while batch := [_row(record) for record in islice(rows, _ROWS)]:
            writer.write_table(pa.Table.from_pylist(batch, schema))
            yield sink.taken()
    yield sink.taken()


def _row(record: Record) -> dict[str, Any]:
    fields = as_dict(record)
    fields["time"] = datetime.fromisoformat(fields["time"])
    for name in ("outcome", "services", "fingerprints"):
        fields[name] = sorted(fields[name].items())
    return fields


class _Pieces:
    """A file that is only written, and given away piece by piece."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._length = 0

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._length += len(piece)
        return len(piece)

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

    def tell(self) -> int:
        return self._length

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True
