"""A plan as a link: the fields that differ from the defaults, compressed, as URL characters."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any

from pruneviz.plan import MAX_PLAN_CHARACTERS, Plan
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import browsing

MAX_LINK_CHARACTERS = 100_000
SNAPSHOT_NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_SNAPSHOTS = 8


# What a session begins with where neither a link nor who started the server says otherwise:
# something that can be seen on every page.
OPENING = Plan(criterion="taylor", scope="global", sparsity=0.3)


def encode(plan: Plan) -> str:
    """Return the fields of `plan` that differ from a plan's defaults, never ""."""
    return _pack(_differing(plan))


def decode(text: str) -> Plan:
    """Return the plan of a link, OPENING for ""; ValueError says what is wrong with it."""
    return Plan.from_fields(_unpack(text)) if text else OPENING


def encode_snapshots(snapshots: Mapping[str, Plan]) -> str:
    """Return several named plans as one text; "" when there is none."""
    return _pack({name: _differing(plan) for name, plan in snapshots.items()}) if snapshots else ""


def decode_snapshots(text: str) -> dict[str, Plan]:
    """Return the named plans of a link; ValueError says what is wrong with it."""
    if not text:
        return {}
    fields = _unpack(text)
    names = SNAPSHOT_NAMES[:MAX_SNAPSHOTS]
    if not all(name in names and isinstance(value, Mapping) for name, value in fields.items()):
        raise RefusedError(browsing.snapshots_damaged())
    return {name: Plan.from_fields(value) for name, value in fields.items()}


def _differing(plan: Plan) -> dict[str, Any]:
    defaults = Plan().model_dump(mode="json")
    fields = plan.model_dump(mode="json")
    return {name: value for name, value in fields.items() if value != defaults[name]}


def _pack(fields: Mapping[str, Any]) -> str:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def _unpack(text: str) -> dict[str, Any]:
    """Return the mapping in a link; reads at most MAX_PLAN_CHARACTERS, whatever the link holds."""
    if len(text) > MAX_LINK_CHARACTERS:
        raise RefusedError(browsing.link_too_long(len(text), MAX_LINK_CHARACTERS))
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        reader = zlib.decompressobj()
        plain = reader.decompress(packed, MAX_PLAN_CHARACTERS)
        fields = json.loads(plain.decode()) if reader.eof else None
    except (binascii.Error, zlib.error, UnicodeError, ValueError, RecursionError) as error:
        raise RefusedError(browsing.link_damaged()) from error
    if not isinstance(fields, dict):
        raise RefusedError(browsing.link_no_plan())
    return fields
