"""The Plan: everything that decides a pruning run, and nothing that results from one."""

from __future__ import annotations

import hashlib
import json
import math
import reprlib
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
from pydantic_core import ErrorDetails

from pruneviz.reading import Reading

ONE_SHOT = "one_shot"  # the schedule of a pruning done at once
MAX_PLAN_CHARACTERS = 1_000_000
MAX_LOCK_SPAN = 1_000_000
MAX_UNIT = 2**53  # beyond it JSON's readers disagree on whole numbers
MOST_FAULTS = 5

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Lock = Literal["all"] | tuple[int, ...]
Setting = bool | int | float | str


def _sparsity(value: Any, where: str) -> float:
    """Return `value` as a sparsity; ValueError names the place, the value and the range."""
    number = _number(value)
    if not 0.0 <= number <= 1.0:
        raise ValueError(
            f"{where} must be a number in [0, 1] (the fraction removed), got {shown(value)}"
        )
    return number + 0.0  # -0.0 is 0.0, or equal plans would have two digests


def _number(value: Any) -> float:
    """Return a number, or the number that a text spells; NaN for everything else."""
    if isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def shown(value: Any) -> str:
    """Return a value as a message shows it: in one line, and short however large it is."""
    try:
        return reprlib.repr(value)
    except ValueError:  # Python spells no whole number of more than 4,300 digits
        return "a number of thousands of digits"


def checked_settings(value: Any, where: str) -> dict[str, Setting]:
    """Return a method's parameters; ValueError names the place and the value."""
    if not isinstance(value, Mapping):
        raise ValueError(
            f"the parameters of {where} must map a name to a value, got {shown(value)}"
        )
    for name, given in value.items():
        if not isinstance(given, bool | str) and not math.isfinite(_number(given)):
            raise ValueError(
                f"the parameter {shown(name)} of {where} must be a number, a word, true or false, "
                f"got {shown(given)}"
            )
    return {str(name): _setting(given) for name, given in value.items()}


def _setting(given: Setting) -> Setting:
    """Return a parameter's value; a text that spells a number, such as YAML's 1e-3, becomes it."""
    if not isinstance(given, str) or not math.isfinite(_number(given)):
        return given
    return int(given) if given.strip().lstrip("+-").isdecimal() else float(given)


SINCE_3 = ("granularity_parameters", "scope_parameters")
LATER = ("classes", "reading")  # left out of the digest while they say nothing
MOST_OUTPUTS = 1_000_000


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
    `schedule` says in how many rounds the units go; `recovery` is carried out after each round.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[3] = 3
    model: str = "sample:digits-cnn"
    weights: str | None = None
    weights_sha256: Sha256 | None = None
    data: str | None = None
    data_sha256: Sha256 | None = None
    classes: Mapping[str, int] = {}
    reading: Reading | None = None
    input_shape: tuple[Annotated[int, Field(ge=1, le=65536)], ...] | None = None
    criterion: str = "magnitude_l1"
    criterion_parameters: Mapping[str, Setting] = {}
    granularity: str = "channel"
    granularity_parameters: Mapping[str, Setting] = {}
    scope: str = "layer"
    scope_parameters: Mapping[str, Setting] = {}
    sparsity: float = 0.0
    layers: Mapping[str, float] = {}
    locks: Mapping[str, Lock] = {}
    schedule: str = ONE_SHOT
    schedule_parameters: Mapping[str, Setting] = {}
    recovery: tuple[RecoveryStep, ...] = ()
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0

    @field_validator("sparsity", mode="before")
    @classmethod
    def _check_sparsity(cls, value: Any) -> float:
        return _sparsity(value, "sparsity")

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
            raise ValueError(f"classes must map a class's name to an output, got {shown(value)}")
        return {
            name: _output(name, output)
            for name, output in sorted((str(name), output) for name, output in value.items())
        }

    @field_validator("layers", mode="before")
    @classmethod
    def _check_layers(cls, value: Any) -> dict[str, float]:
        if not isinstance(value, Mapping):
            raise ValueError(f"layers must map a layer's name to its sparsity, got {shown(value)}")
        return {
            name: _sparsity(s, f"the sparsity of layer {shown(name)}")
            for name, s in sorted((str(name), s) for name, s in value.items())
        }

    @field_validator("locks", mode="before")
    @classmethod
    def _check_locks(cls, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValueError(
                f"locks must map a layer's name to 'all' or unit indices, got {shown(value)}"
            )
        return {name: _lock(name, value[key]) for name, key in sorted((str(k), k) for k in value)}

    def changed(self, **fields: Any) -> Self:
        """Return a copy with some fields replaced, validated again."""
        return type(self)(**{**self.model_dump(), **fields})

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
            raise ValueError(
                f"a plan has at most {MAX_PLAN_CHARACTERS:,} characters, this one has {len(text):,}"
            )
        try:
            fields = _loaded(text)
        except (yaml.YAMLError, RecursionError) as error:
            where = getattr(error, "problem_mark", None)
            line = f" (line {where.line + 1})" if where else ""
            raise ValueError(f"the plan is neither YAML nor JSON{line}") from error
        except ValueError as error:  # a date that does not exist, a number of 5,000 digits, …
            reason = str(error).partition(";")[0]
            raise ValueError(f"the plan holds a value that cannot be read: {reason}") from error
        if not isinstance(fields, Mapping):
            raise ValueError("a plan is a mapping of fields such as 'model' and 'sparsity'")
        return cls.from_fields(fields)

    @classmethod
    def from_fields(cls, fields: Mapping[Any, Any]) -> Self:
        """Build a plan from a mapping; ValueError puts every fault into one readable sentence."""
        known = list(cls.model_fields)
        unknown = [str(k) for k in fields if k not in known]
        if unknown:
            some = ", ".join(key[:40] for key in unknown[:MOST_FAULTS])
            more = f" and {len(unknown) - MOST_FAULTS} more" if len(unknown) > MOST_FAULTS else ""
            raise ValueError(
                f"the plan has unknown keys: {some}{more}; known keys: {', '.join(known)}"
            )
        try:
            return cls(**fields)
        except ValidationError as error:
            raise ValueError(plan_faults(error)) from error


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases, by which a short text can grow beyond all memory."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            raise ValueError(f"the alias in line {line}: write out what it stands for")
        return super().compose_node(parent, index)


def _loaded(text: str) -> Any:
    """Read JSON as JSON: YAML does not know how JSON escapes characters beyond 16 bits."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return yaml.load(text, Loader=_PlainLoader)  # a SafeLoader, so nothing runs


def plan_faults(error: ValidationError) -> str:
    """Return a pydantic error as one plain sentence for each fault, five at most."""
    faults = error.errors(include_url=False)
    sentences = [_sentence(fault) for fault in faults[:MOST_FAULTS]]
    if len(faults) > MOST_FAULTS:
        sentences.append(f"and {len(faults) - MOST_FAULTS} more faults")
    return "; ".join(sentences)


PLAIN = {
    "bool": "true or false",
    "dict": "a mapping",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "mapping": "a mapping",
    "model": "a mapping",
    "string": "text",
    "tuple": "a list",
}


def _sentence(fault: ErrorDetails) -> str:
    """Return what a pydantic fault says in this program's own words."""
    kind, given = fault["type"], fault.get("ctx", {})
    where = ".".join(str(part) for part in fault["loc"]) or "the file"
    if kind == "value_error":
        return str(given["error"])
    if kind == "missing":
        return f"{where} is missing"
    if kind == "extra_forbidden":
        return f"{where} is unknown here"
    if kind == "json_invalid":
        return f"{where} is not JSON: {given['error']}"
    wanted = PLAIN.get(kind.partition("_")[0], "")
    if kind == "literal_error":
        expected = str(given["expected"]).replace("'", "").replace(" or ", ", ")
        wanted = f"one of {expected}" if "," in expected else expected
    elif kind == "greater_than_equal":
        wanted = f"{given['ge']} or more"
    elif kind == "less_than_equal":
        wanted = f"{given['le']} or less"
    elif kind == "string_pattern_mismatch":
        wanted = "64 digits of 0-9 and a-f"
    return f"{where} must be {wanted or 'something else'}; got {shown(fault['input'])}"


def _lock(name: str, lock: Any) -> Any:
    if lock == "all":
        return "all"
    if (
        not isinstance(lock, list | tuple)
        or not lock
        or not all(type(i) is int and 0 <= i < MAX_UNIT for i in lock)
    ):
        raise ValueError(
            f"the lock of layer {shown(name)} must be 'all' or a list of unit indices, "
            f"got {shown(lock)}"
        )
    return tuple(sorted(set(lock)))


def _output(name: str, output: Any) -> int:
    number = _number(output)
    if not (number.is_integer() and 0 <= number < MOST_OUTPUTS):
        raise ValueError(
            f"class {shown(name)} must be the number of an output, 0 or more, got {shown(output)}"
        )
    return int(number)


def parse_lock(text: str) -> tuple[str, Lock]:
    """Read `NAME` (the whole layer) or `NAME:0,3,8-11` (single units) as a name and its lock."""
    name, colon, units = text.rpartition(":")
    if not colon:
        return text, "all"
    indices: set[int] = set()
    for part in units.split(","):
        first, dash, last = part.partition("-")
        try:
            span = range(int(first), int(last if dash else first) + 1)
        except ValueError as error:
            raise ValueError(f"a lock reads NAME or NAME:0,3,8-11, got {shown(text)}") from error
        if not 0 < span.stop - span.start <= MAX_LOCK_SPAN:
            raise ValueError(
                f"a lock's span runs upwards over at most {MAX_LOCK_SPAN:,} units, "
                f"got {shown(part)}; lock the whole layer by its name alone"
            )
        indices.update(span)
    return name, tuple(sorted(indices))
