"""The Plan: everything that decides a pruning run, and nothing that results from one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pruneviz.plan.checks import (
    Lock,
    Setting,
    checked_lock,
    checked_output,
    checked_settings,
    checked_sparsity,
    shown,
)
from pruneviz.plan.faults import MOST_FAULTS, plan_faults
from pruneviz.plan.parts import Part
from pruneviz.plan.reading import Reading
from pruneviz.plan.text import MAX_PLAN_CHARACTERS, loaded
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import asked

ONE_SHOT = "one_shot"  # the schedule of a pruning done at once

Shape = tuple[Annotated[int, Field(ge=1, le=65536)], ...]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

SINCE_3 = ("granularity_parameters", "scope_parameters")

LATER = (
    "classes",
    "reading",
    "task",
    "metric",
    "metric_parameters",
)  # left out of the digest while they say nothing


class RecoveryStep(BaseModel):
    """One way to win accuracy back, by its name in the registry, with its parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    parameters: Mapping[str, Setting] = {}

    @field_validator("parameters", mode="before")
    @classmethod
    def _check_parameters(cls, value: Any) -> dict[str, Setting]:
        return checked_settings(value, "a recovery step")


class Plan(BaseModel):
    """What to prune and how: model, data, criterion, granularity, how much, what stays, what then.

    `sparsity` and `layers` hold the fraction of units removed, 0 to 1. `layers` maps a layer's name
    to its own sparsity; `locks` maps it to "all" or to the indices of the units that must stay.
    What a criterion, a granularity and a scope take is in their `…_parameters`, by the registry.
    `classes` maps the name of a class in the data to the output of the model that it is;
    `reading` says how inputs are read, where neither file nor model say it rightly.
    `task` says what the model is for, where model and data do not; `metric` by which number it is
    judged first, where not by the task's primary one.
    `schedule` says in how many rounds the units go; `recovery` is carried out after each round.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Annotated[Literal[3], Part.VERSION] = 3
    model: Annotated[str, Part.SUBJECT] = "sample:digits-cnn"
    weights: Annotated[str | None, Part.SUBJECT] = None
    weights_sha256: Annotated[Sha256 | None, Part.SUBJECT] = None
    data: Annotated[str | None, Part.SUBJECT] = None
    data_sha256: Annotated[Sha256 | None, Part.SUBJECT] = None
    classes: Annotated[Mapping[str, int], Part.SUBJECT] = {}
    reading: Annotated[Reading | None, Part.SUBJECT] = None
    input_shape: Annotated[
        tuple[Annotated[int, Field(ge=1, le=65536)], ...] | None, Part.SUBJECT
    ] = None
    task: Annotated[str | None, Part.SUBJECT] = None
    metric: Annotated[str | None, Part.SUBJECT] = None
    metric_parameters: Annotated[Mapping[str, Setting], Part.SUBJECT] = {}
    criterion: Annotated[str, Part.RANKING] = "magnitude_l1"
    criterion_parameters: Annotated[Mapping[str, Setting], Part.RANKING] = {}
    granularity: Annotated[str, Part.RANKING] = "channel"
    granularity_parameters: Annotated[Mapping[str, Setting], Part.RANKING] = {}
    scope: Annotated[str, Part.DIVISION] = "layer"
    scope_parameters: Annotated[Mapping[str, Setting], Part.DIVISION] = {}
    sparsity: Annotated[float, Part.OVERALL] = 0.0
    layers: Annotated[Mapping[str, float], Part.LAYERS] = {}
    locks: Annotated[Mapping[str, Lock], Part.LOCKS] = {}
    schedule: Annotated[str, Part.RECOVERY] = ONE_SHOT
    schedule_parameters: Annotated[Mapping[str, Setting], Part.RECOVERY] = {}
    recovery: Annotated[tuple[RecoveryStep, ...], Part.RECOVERY] = ()
    seed: Annotated[int, Field(ge=0, le=2**32 - 1), Part.RANKING] = 0

    @field_validator("sparsity", mode="before")
    @classmethod
    def _check_sparsity(cls, value: Any) -> float:
        return checked_sparsity(value)

    @model_validator(mode="before")
    @classmethod
    def _read_older(cls, fields: Any) -> Any:
        if isinstance(fields, Mapping) and fields.get("schema_version") in (1, 2):
            return {**fields, "schema_version": 3}  # each version added fields, with defaults
        return fields

    @field_validator(
        "criterion_parameters",
        "granularity_parameters",
        "scope_parameters",
        "schedule_parameters",
        "metric_parameters",
        mode="before",
    )
    @classmethod
    def _check_parameters(cls, value: Any, info: ValidationInfo) -> dict[str, Setting]:
        return checked_settings(value, f"the {str(info.field_name).removesuffix('_parameters')}")

    @field_validator("reading")
    @classmethod
    def _check_reading(cls, value: Reading | None) -> Reading | None:
        return None if value is None or value.says_nothing else value

    @field_validator("classes", mode="before")
    @classmethod
    def _check_classes(cls, value: Any) -> dict[str, int]:
        if not isinstance(value, Mapping):
            raise RefusedError(asked.no_classes(shown(value)))
        return {
            name: checked_output(name, output)
            for name, output in sorted((str(name), output) for name, output in value.items())
        }

    @field_validator("layers", mode="before")
    @classmethod
    def _check_layers(cls, value: Any) -> dict[str, float]:
        if not isinstance(value, Mapping):
            raise RefusedError(asked.no_layers(shown(value)))
        return {
            name: checked_sparsity(s, name)
            for name, s in sorted((str(name), s) for name, s in value.items())
        }

    @field_validator("locks", mode="before")
    @classmethod
    def _check_locks(cls, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise RefusedError(asked.no_locks(shown(value)))
        named = sorted((str(key), key) for key in value)
        return {name: checked_lock(name, value[key]) for name, key in named}

    def changed(self, **fields: Any) -> Self:
        """Return a copy with some fields replaced, validated again."""
        return type(self)(**{**self.model_dump(), **fields})

    @classmethod
    def fields_of(cls, parts: Part) -> tuple[str, ...]:
        """Return the names of the fields that decide these parts."""
        return tuple(
            name
            for name, field in cls.model_fields.items()
            if any(isinstance(part, Part) and part in parts for part in field.metadata)
        )

    def values_of(self, parts: Part) -> dict[str, Any]:
        """Return what the plan says of these parts, as plain JSON values by field."""
        return self.model_dump(mode="json", include=set(self.fields_of(parts)))

    def key(self, parts: Part) -> str:
        """Return the SHA-256 of what the plan says of these parts, as 64 hexadecimal digits."""
        text = json.dumps(self.values_of(parts), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def without(self, parts: Part) -> Self:
        """Return a copy that says nothing of these parts: their fields are at their defaults."""
        fresh = type(self)()
        return self.changed(**{name: getattr(fresh, name) for name in self.fields_of(parts)})

    def canonical_json(self) -> str:
        """Return the plan with every default spelled out, keys sorted, no spaces.

        A plan that asks for nothing that came with version 3 reads as it did in version 2, so its
        digest, and with it the folder of its run, is still the same; so is that of a plan that
        says nothing in a field that came later.
        """
        fields = self.model_dump(mode="json")
        fields = {n: value for n, value in fields.items() if value or n not in LATER}
        if not any(fields[name] for name in SINCE_3):
            fields = {n: value for n, value in fields.items() if n not in SINCE_3}
            fields["schema_version"] = 2
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    def to_yaml(self) -> str:
        """Return the plan as YAML with every default spelled out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a plan from YAML or JSON; ValueError says in one sentence what is wrong with it."""
        if len(text) > MAX_PLAN_CHARACTERS:
            raise RefusedError(asked.too_long(MAX_PLAN_CHARACTERS, len(text)))
        try:
            fields = loaded(text)
        except (yaml.YAMLError, RecursionError) as error:
            where = getattr(error, "problem_mark", None)
            raise RefusedError(asked.no_text(where.line + 1 if where else 0)) from error
        except ValueError as error:  # a date that does not exist, a number of 5,000 digits, …
            reason = str(error).partition(";")[0]
            raise RefusedError(asked.no_value(reason)) from error
        if not isinstance(fields, Mapping):
            raise RefusedError(asked.no_mapping())
        return cls.from_fields(fields)

    @classmethod
    def from_fields(cls, fields: Mapping[Any, Any]) -> Self:
        """Build a plan from a mapping; ValueError puts every fault into one readable sentence."""
        known = list(cls.model_fields)
        unknown = [str(k) for k in fields if k not in known]
        if unknown:
            some = tuple(key[:40] for key in unknown[:MOST_FAULTS])
            more = max(0, len(unknown) - MOST_FAULTS)
            raise RefusedError(asked.unknown_keys(some, more, tuple(known)))
        try:
            return cls(**fields)
        except ValidationError as error:
            raise RefusedError(plan_faults(error)) from error
