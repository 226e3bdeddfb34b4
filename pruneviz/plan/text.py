"""A plan's text, YAML or JSON, as fields."""

from __future__ import annotations

import json
from typing import Any

import yaml

from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import asked

MAX_PLAN_CHARACTERS = 1_000_000


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases, by which a short text can grow beyond all memory."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            raise RefusedError(asked.alias(line))
        return super().compose_node(parent, index)


def loaded(text: str) -> Any:
    """Read JSON as JSON: YAML does not know how JSON escapes characters beyond 16 bits."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return yaml.load(text, Loader=_PlainLoader)  # a SafeLoader, so nothing runs
