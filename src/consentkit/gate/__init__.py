"""The gate: HTML bytes and a decision in, HTML bytes with sleeping trackers out."""

from consentkit.gate.judge import Judge, Verdict
from consentkit.gate.placement import Insertions, nothing
from consentkit.gate.rewriter import Gate
from consentkit.gate.standalone import gate_html
from consentkit.gate.tags import Embed

__all__ = ["Embed", "Gate", "Insertions", "Judge", "Verdict", "gate_html", "nothing"]
