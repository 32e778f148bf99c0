"""The interface for auditors keeps what its OpenAPI description promises, whatever is sent."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode

from consentkit import ConsentKit
from consentkit.asgi import ConsentMiddleware
from consentkit.engine.audit import token_hash
from consentkit.engine.limits import RateLimit
from consentkit.log.sqlite import SqliteLog
from tests.log.making import fill

TOKEN = "t" * 43
FOLDER = tempfile.TemporaryDirectory(prefix="consentkit-schema-")
LOG = SqliteLog(Path(FOLDER.name, "consent.db"))
IDS = fill(LOG, 20)
KIT = ConsentKit(
    {
        "secret_keys": ["k" * 32],
        "audit": {
            "tokens": [{"name": "machine", "hash": token_hash(TOKEN), "role": "erase"}],
            "access_log": False,
        },
    },
    log=LOG,
)


async def site(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("these are requests for consentkit alone")


# It tries wrong tokens as well, more of them than a client may; that this ends is tested elsewhere.
assert KIT.auditing is not None
KIT.auditing._access._wrong = RateLimit(10**6, time.monotonic)
schema = schemathesis.openapi.from_asgi(
    "/consent/audit/api/openapi.json", ConsentMiddleware(site, KIT)
)
# What the description does not allow, too.
schema.config.generation.update(modes=list(GenerationMode))


@schema.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(case: Any) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"})
