"""What people write about a run: its name, its tags, a note."""

from __future__ import annotations

import unicodedata
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from pruneviz.history.folder import LABEL_FILE, RunFolder, explain_broken, read_record, write_json
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import keeping

MOST_NAME, MOST_TAG, MOST_NOTE = 80, 30, 2_000  # characters
MOST_TAGS = 20
IMPORTED = "imported"  # a tag that says where a run comes from, so no person sets or removes it
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str, most: int | None = None, *, lines: bool = False) -> str:
    """Return text without control characters or what turns its direction, in one line or `lines`.

    Cut to `most` characters where that is given.
    """
    kept = "".join(
        " " if character in "\t\r\v\f\x85\u2028\u2029" else character
        for character in unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
        if character.isspace() or not _is_hidden(character)
    )
    rows = [" ".join(row.split()) for row in kept.split("\n")]
    whole = ("\n" if lines else " ").join(rows).strip()
    if most is None or len(whole) <= most:
        return whole
    return whole[: most - 1] + "…"


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs") or character in TURNING


class Label(BaseModel):
    """A run's name, tags and note; `imported` is when it came from elsewhere, None for one's own.

    Characters that cannot be seen are left out; ValueError where a text is too long.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    imported: str | None = None

    @field_validator("name", "note", mode="after")
    @classmethod
    def _check_text(cls, text: str, info: Any) -> str:
        most = MOST_NAME if info.field_name == "name" else MOST_NOTE
        return _short(plain(text, lines=info.field_name == "note"), f"a {info.field_name}", most)

    @field_validator("tags", mode="after")
    @classmethod
    def _check_tags(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        found: dict[str, str] = {}
        for tag in tags:
            text = _short(plain(tag), "a tag", MOST_TAG)
            if text and text.casefold() != IMPORTED:
                found.setdefault(text.casefold(), text)
        if len(found) > MOST_TAGS:
            raise RefusedError(keeping.too_many_tags(MOST_TAGS, len(found)))
        return tuple(sorted(found.values()))

    @field_validator("imported", mode="after")
    @classmethod
    def _check_imported(cls, text: str | None) -> str | None:
        return None if text is None else plain(text, MOST_NAME)

    @property
    def shown_tags(self) -> tuple[str, ...]:
        """Return the tags with the one that marks an imported run."""
        return (*self.tags, IMPORTED) if self.imported else self.tags


def _short(text: str, what: str, most: int) -> str:
    if len(text) > most:
        raise RefusedError(keeping.too_long(what, most, len(text), text[:20]))
    return text


def read_label(folder: RunFolder) -> tuple[Label, str]:
    """Return a run's label, an empty one where it has none, and why it cannot be read, or ""."""
    path = folder.file(LABEL_FILE)
    if not path.exists():
        return Label(), ""
    label, reason = read_record(path, Label)
    return label or Label(), reason


def write_label(folder: RunFolder, label: Label) -> None:
    """Write a run's label; one that cannot be read is kept beside it as label.json.damaged."""
    path = folder.file(LABEL_FILE)
    if path.exists() and explain_broken(path, Label):
        path.replace(path.with_name(f"{LABEL_FILE}.damaged"))
    write_json(path, label.model_dump(mode="json"))
