"""Verification: is the log exactly what was appended, and if not, where does it first differ?

Everything is recomputed from the stored bytes: leaf hashes, the tree, the commitments to personal
fields, the hashes of notices; and the database's own columns are compared with the leaves. Rows are
read in pages, so memory does not grow with the log, and a log may be appended to meanwhile.

What no log can show by itself: that its tail was cut off together with its head, or that it was
rewritten as a whole. For that, give checkpoints that were kept somewhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import msgspec
from msgspec import Struct

from consentkit.log.checkpoint import Checkpoint
from consentkit.log.leaf import commit
from consentkit.log.marks import Marks
from consentkit.log.merkle import Frontier, perfect_root
from consentkit.log.pages import StoredLeaf, decode_leaf, faultless
from consentkit.log.store import SUBTREE_LEVELS, LogDamaged, Reader, Row

__all__ = ["Fault", "Verification", "verify"]

# As many as a stored subtree has leaves. Larger pages are slower: they do not fit into a cache.
_PAGE = 256
_TILE_LEVEL = SUBTREE_LEVELS[0]
_TILE = 1 << _TILE_LEVEL
# A broken log has one first fault that matters and often as many as it has records.
_MOST_FAULTS = 100


class Fault(NamedTuple):
    """Something that is not as it was appended. ``seq`` is None when no record can be named."""

    seq: int | None
    why: str


class Verification(Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        size: how many records there are.
        root: the Merkle root over them.
        redacted: how many of them have had their personal fields erased.
        pruned: how many have nothing left but their hash. It is in the tree, so that the rest can
            be verified; what these records said cannot.
        agreed: the largest size at which a checkpoint had the root that the log has; None without.
        faults: the first hundred; those with a sequence number first, in its order.
    """

    size: int
    root: bytes
    redacted: int
    pruned: int
    agreed: int | None
    faults: tuple[Fault, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.faults

    @property
    def first(self) -> int | None:
        """The first bad sequence number, if a fault has one."""
        return self.faults[0].seq if self.faults else None


def verify(
    log: Reader,
    checkpoints: Sequence[Checkpoint] = (),
    progress: Callable[[int], object] | None = None,
) -> Verification:
    """Verify the whole log; ``LogUnreadable`` or ``LogUnavailable`` when there is none to read.

    Args:
        log: the log.
        checkpoints: of this log, whose signatures were checked when they were read.
        progress: called now and then with the number of records seen since the last call.
    """
    return _Run(log, checkpoints, progress).verification()


_sha256 = hashlib.sha256


class _Run:
    """One pass over a log."""

    def __init__(
        self,
        log: Reader,
        checkpoints: Sequence[Checkpoint],
        progress: Callable[[int], object] | None,
    ) -> None:
        self._log = log
        self._marks = Marks(checkpoints)
        self._progress = progress
        self._tree = Frontier()
        self._next = 0
        self._prev = ""
        self._prev_good = True
        # Whether the tree holds what the rows say, so that it can be compared with the head.
        self._tree_good = True
        self._redacted = 0
        self._pruned = 0
        self._faults: dict[Fault, None] = {}
        self._notices: dict[tuple[str, str], str] = {}

    def verification(self) -> Verification:
        # The database's own check is as long as ours, and needs nothing of it.
        with ThreadPoolExecutor(1, "consentkit-verify") as aside:
            damage = aside.submit(self._damage)
            try:
                self._marks.reached(self._tree)
                self._walk(None)
                self._notices_left_over()
            except LogDamaged as error:
                self._fault(self._next, str(error))
            found = damage.result()
        for fault in (*found, *(Fault(seq, why) for seq, why in self._marks.faults(self._next))):
            self._fault(*fault)
        # Stable: of two faults of one record, the first found stays first.
        faults = sorted(self._faults, key=lambda fault: (fault.seq is None, fault.seq or 0))
        return Verification(
            size=self._next,
            root=self._tree.root(),
            redacted=self._redacted,
            pruned=self._pruned,
            agreed=self._marks.agreed(),
            faults=tuple(faults[:_MOST_FAULTS]),
        )

    def _damage(self) -> list[Fault]:
        try:
            return [Fault(seq, why) for seq, why in self._log.damage()]
        except LogDamaged as error:
            return [Fault(None, str(error))]

    def _fault(self, seq: int | None, why: str) -> None:
        if len(self._faults) < 10 * _MOST_FAULTS:
            self._faults[Fault(seq, why)] = None

    def _walk(self, start: int | None) -> None:
        """Check every row from ``start`` on, then the head; go on while others append."""
        end = -1
        while True:
            rows = self._log.rows(start, _PAGE)
            if rows:
                self._page(rows)
                start = rows[-1][0] + 1
                if self._progress is not None:
                    self._progress(len(rows))
                continue
            try:
                head = self._log.head()
                tree = head.tree()
            except LogDamaged as error:
                self._fault(None, str(error))
                return
            if head.last < self._next:
                self._end(head.size, tree)
                return
            if head.last == end:
                self._fault(self._next, "the database has more records than it gives")
                return
            end = head.last

    def _end(self, size: int, tree: Frontier) -> None:
        if size > self._next:
            self._fault(self._next, f"missing: the head counts {size} records")
        elif size < self._next:
            self._fault(size, f"one too many: the head counts {size} records")
        elif self._tree_good and tree.packed() != self._tree.packed():
            self._fault(*_differing(tree, self._tree))

    def _page(self, rows: Sequence[Row]) -> None:
        page = faultless(rows, self._next, self._prev) if self._prev_good else None
        if page is None:
            for row in rows:
                self._row(row)
            return
        for key, seq in page.notices.items():
            self._notice(seq, key)
        self._redacted += page.redacted
        self._pruned += page.pruned
        done = 0
        while done < len(rows):
            ready = len(rows) - done >= _TILE and self._tree.size % _TILE == 0
            if ready and not self._marks.between(self._tree.size, self._tree.size + _TILE):
                self._grow(perfect_root(page.hashes[done : done + _TILE]), _TILE_LEVEL)
                done += _TILE
            else:
                self._grow(page.hashes[done])
                done += 1
        self._prev, self._next = page.hashes[-1].hex(), self._next + len(rows)

    def _row(self, row: Row) -> None:
        seq, record_id, stored_hash, body, time, action, salt, personal = row
        if seq != self._next:
            self._out_of_place(seq)
        if body is None:
            if any(part is not None for part in (*row[3:], record_id)):
                self._fault(seq, "its leaf is gone, but not all that belongs to it")
            self._pruned += 1
            self._push(seq, stored_hash, good=True)
            return
        computed = _sha256(b"\x00" + body).digest()
        good = computed == stored_hash
        if not good:
            self._fault(seq, "the leaf does not have the hash stored with it")
        try:
            leaf = decode_leaf(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            if good:
                self._fault(seq, f"it holds no leaf: {error}")
            leaf, good = None, False
        if leaf is not None and good:
            good = self._place(seq, leaf)
            if leaf.id.encode() != record_id:
                self._fault(seq, "the id column differs from the leaf")
            if leaf.time.encode() != time or leaf.action.encode() != action:
                self._fault(seq, "the time or action column differs from the leaf")
            self._notice(seq, (leaf.notice, leaf.notice_language))
            if salt is None or personal is None:
                self._redacted += 1
            elif commit(salt, personal) != leaf.personal:
                self._fault(seq, "its personal fields are not those it was made with")
        self._push(seq, computed, good=good)

    def _push(self, seq: int, computed: bytes, *, good: bool) -> None:
        self._tree_good &= good
        self._grow(computed)
        self._prev, self._prev_good = computed.hex(), good
        self._next = seq + 1

    def _grow(self, node: bytes, level: int = 0) -> None:
        """Add a leaf, or the root of ``2**level``, and compare stored roots and checkpoints."""
        for height, position, root in self._tree.completed(node, SUBTREE_LEVELS, level=level):
            try:
                stored = self._log.subtrees(height, position, 1)
            except LogDamaged:
                stored = []
            if self._tree_good and stored != [root]:
                seq = (position + 1 << height) - 1
                self._fault(seq, f"the root stored for the 2**{height} leaves up to it is another")
        self._tree.push(node, level=level)
        self._marks.reached(self._tree)

    def _out_of_place(self, seq: int) -> None:
        if seq > self._next:
            missing = seq - self._next
            names = f"{self._next}" if missing == 1 else f"{self._next} to {seq - 1}"
            self._fault(self._next, f"missing: there is no record {names}")
        else:
            self._fault(seq, f"stands where record {self._next} belongs")
        self._tree_good = self._prev_good = False

    def _place(self, seq: int, leaf: StoredLeaf) -> bool:
        """Whether the leaf belongs at this place; also judges the record before it."""
        if leaf.seq != seq:
            self._fault(seq, f"it holds the leaf of record {leaf.seq}")
            return False
        if leaf.prev != self._prev and self._prev_good:
            # Both rows agree with themselves. Whoever replaced one need not have touched the other.
            if seq == 0:
                self._fault(0, "it names a record before the first")
            else:
                self._fault(seq - 1, f"replaced: record {seq} followed another one")
            self._tree_good = False
        return True

    def _notice(self, seq: int, key: tuple[str, str]) -> None:
        if key not in self._notices:
            self._notices[key] = why = self._judge_notice(key)
            if why:
                self._fault(seq, why)

    def _judge_notice(self, key: tuple[str, str]) -> str:
        html = self._log.notice_html(key)
        if html is None:
            return f"its notice {key[0]} ({key[1] or 'no language'}) is missing"
        if _sha256(html).hexdigest() != key[0]:
            return f"its notice {key[0]} was changed"
        return ""

    def _notices_left_over(self) -> None:
        """Notices that no record names, once the records appended meanwhile were seen too."""
        keys = self._log.notice_keys()
        if keys - self._notices.keys():
            self._walk(self._next)
        for key in sorted(keys - self._notices.keys()):
            # Of pruned records it is not known any more what notices they name.
            if not self._pruned:
                self._fault(None, f"notice {key[0]!r} belongs to no record")
            elif self._judge_notice(key):
                self._fault(None, f"notice {key[0]!r} was changed")


def _differing(stored: Frontier, computed: Frontier) -> tuple[int | None, str]:
    """The first of the perfect subtrees of equal sizes in which two trees differ."""
    start = 0
    for position, (left, right) in enumerate(zip(stored.hashes, computed.hashes, strict=True)):
        count = _subtree_size(computed.size, position)
        if left != right:
            last = start + count - 1
            if count == 1:
                return start, "replaced: the head of the log has another hash for it"
            return last, (
                f"the head of the log has another hash for records {start} to {last}, "
                "which agree with each other"
            )
        start += count
    return None, "the head of the log does not fit its records"


def _subtree_size(size: int, position: int) -> int:
    """How many leaves the subtree at ``position`` of the frontier has."""
    bits = [bit for bit in range(size.bit_length() - 1, -1, -1) if size >> bit & 1]
    return 1 << bits[position]
