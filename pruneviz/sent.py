"""Files that someone sent, as a report tells of them: what for, which name, which digest."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

MOST_NAME = 120  # characters
OF_A_RUN = ("weights.safetensors", "masks.safetensors")  # what a run's own folder holds


def sent_name(text: str) -> str:
    """Return the name of a file that was sent: one line, no folder, nothing hidden; or ""."""
    line = "".join(" " if character.isspace() else character for character in text)
    shown = "".join(character for character in line.replace("\\", "/") if character.isprintable())
    name = PurePosixPath(shown.strip()).name.strip()
    if len(name) > MOST_NAME:
        ending = PurePosixPath(name).suffix[: MOST_NAME // 2]
        name = name[: MOST_NAME - len(ending)] + ending
    return "" if name.strip(".") == "" else name


class SentFile(BaseModel):
    """A file that a plan's `upload:` reference means; `name` is "" where none is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: Literal["weights", "data"]
    name: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        return sent_name(name)

    @property
    def title(self) -> str:
        """Return what a sentence calls the file: by its name, and by its digest."""
        named = f"'{self.name}'" if self.name else "the uploaded file"
        return f"{named} (SHA-256 {self.sha256[:12]}…)"

    @property
    def option(self) -> str:
        """Return the option that gives the file to a command, as a shell reads it."""
        if not self.name:
            return f"--{self.what} FILE"
        folder = "../" if self.name in OF_A_RUN else "./" if self.name.startswith("-") else ""
        return f"--{self.what} {shlex.quote(folder + self.name)}"
