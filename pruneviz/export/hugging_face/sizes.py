"""Which configuration gives a network the sizes that it was cut to, found by trying.

No table says which entry sizes which tensor: each whole number of a configuration is changed, the
class builds a network without weights from it, and the tensors that came out otherwise are its.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import torch

from pruneviz.export.hugging_face.blocks import Stage
from pruneviz.wording import Fact, RefusedError
from pruneviz.wording.refusals import exporting

Shapes = Mapping[str, tuple[int, ...]]
Settings = dict[str, Any]
Entry = tuple[tuple[str, int], ...]  # names, each with a place in a list of numbers, or -1: mostly
# one, else several of one value that a class wants to be alike
Axis = tuple[str, int]  # a tensor, and one of its dimensions
MOST_TRIALS, MOST_FITS, MOST_VALUES = 400, 4, 3
HEAD = "head_dim"  # which some families read and do not write down


class Trial:
    """Builds networks of one class without weights, to see how large their tensors are."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._seen: dict[str, Shapes | None] = {}

    def shapes(self, settings: Settings) -> Shapes | None:
        """Return the shape of each tensor by name; None where the class refuses the settings."""
        key = repr(sorted(settings.items(), key=lambda each: each[0]))
        if key not in self._seen:
            self._seen[key] = self._shapes(settings)
        return self._seen[key]

    def _shapes(self, settings: Settings) -> Shapes | None:
        try:
            with torch.device("meta"):
                made = self._kind._from_config(self.config(settings))
        # What a class raises over numbers that do not go together is without end.
        except Exception:
            return None
        return {name: tuple(tensor.shape) for name, tensor in made.state_dict().items()}

    def config(self, settings: Settings) -> Any:
        """Return a configuration of the class's own kind."""
        return self._kind.config_class.from_dict(json.loads(json.dumps(settings)))

    def unsaid(self, settings: Settings) -> list[str]:
        """Return the whole numbers that a configuration may say and that this one leaves open."""
        kinds = getattr(self._kind.config_class, "__annotations__", {})
        names = [name for name, kind in kinds.items() if "int" in str(kind)]
        open_ones = [name for name in names if settings.get(name) is None and "token" not in name]
        return open_ones if settings.get(HEAD) or HEAD in open_ones else [*open_ones, HEAD]


def with_entry(settings: Settings, entry: Entry, value: int) -> Settings:
    """Return settings in which one entry has another value."""
    made = dict(settings)
    for name, place in entry:
        rest = made[name]
        made[name] = value if place < 0 else [*rest[:place], value, *rest[place + 1 :]]
    return made


def entries(settings: Settings) -> dict[Entry, int]:
    """Return the whole numbers of settings that may be sizes, alone or in lists of them."""
    found: dict[Entry, int] = {}
    for name, value in settings.items():
        if "token" in name:
            continue
        if type(value) is int and value > 0:
            found[((name, -1),)] = value
        elif isinstance(value, list) and all(type(x) is int and x > 0 for x in value):
            found.update({((name, place),): x for place, x in enumerate(value)})
    return found


def without_blocks(
    trial: Trial, settings: Settings, stages: Sequence[Stage], names: set[str]
) -> Settings:
    """Return settings of fewer blocks, whose tensors are called `names`.

    What lists each layer lists those that stay. RefusedError where no entry counts the blocks.
    """
    tried: list[Settings] = [settings]
    for stage in stages:
        shorter = []
        for each in tried:
            listed = {
                name: [value[number] for number in stage.stays]
                for name, value in each.items()
                if isinstance(value, list) and len(value) == stage.before and "layer" in name
            }
            counts = [entry for entry, value in entries(each).items() if value == stage.before]
            shorter += [with_entry({**each, **listed}, entry, len(stage.stays)) for entry in counts]
        tried = shorter
    for each in tried:
        shapes = trial.shapes(each)
        if shapes is not None and set(shapes) == names:
            return each
    raise RefusedError(exporting.blocks_not_counted(stages[0].path if stages else ""))


def fits(trial: Trial, settings: Settings, wanted: Shapes) -> Iterator[Settings]:
    """Yield settings under which each tensor has the shape that is wanted, at most a few.

    RefusedError names the entry for which the layers want several values, where there are none.
    """
    found = trial.shapes(settings)
    if found is None or set(found) != set(wanted):
        raise RefusedError(exporting.other_tensors_of_a_class())
    if found == wanted:
        yield settings
        return
    search = _Search(trial, settings, found, wanted)
    counted = 0
    for each in itertools.islice(search.proposals(), MOST_TRIALS):
        if trial.shapes(each) == wanted:
            yield each
            counted += 1
            if counted == MOST_FITS:
                return
    if not counted:
        raise RefusedError(search.why())


class _Search:
    """What each entry does to each axis, and the values that the wanted axes speak for."""

    def __init__(self, trial: Trial, settings: Settings, found: Shapes, wanted: Shapes) -> None:
        self._trial, self._found, self._wanted = trial, found, wanted
        self._wrong = [
            (name, axis)
            for name, shape in wanted.items()
            for axis, size in enumerate(shape)
            if len(found[name]) != len(shape) or found[name][axis] != size
        ]
        self._settings = self._spoken(settings)
        self._values = entries(self._settings)
        self._slopes = {entry: self._slopes_of(entry) for entry in self._values}
        silent = [entry for entry, slopes in self._slopes.items() if not slopes]
        for one, other in itertools.combinations(silent, 2):
            if self._values[one] == self._values[other]:
                self._values[one + other] = self._values[one]
                self._slopes[one + other] = self._slopes_of(one + other)

    def _spoken(self, settings: Settings) -> Settings:
        """Return the same settings with open numbers written down where they size what is wrong."""
        sizes = sorted({size for shape in self._found.values() for size in shape})
        parts = sorted({size // count for size in sizes for count in entries(settings).values()
                        if count > 1 and size % count == 0 and size // count > 1})  # fmt: skip
        for name in self._trial.unsaid(settings) if self._wrong else ():
            for value in (*sizes, *(parts if name == HEAD else ())):
                same = self._trial.shapes({**settings, name: value}) == self._found
                if same and self._trial.shapes({**settings, name: 2 * value}) != self._found:
                    settings = {**settings, name: value}
                    break
        return settings

    def _slopes_of(self, entry: Entry) -> dict[Axis, Fraction]:
        """Return by how much each axis grows with an entry; {} where it sizes nothing."""
        value = self._values[entry]
        for other in (2 * value, value + 1, value // 2, 3 * value):
            shapes = self._trial.shapes(with_entry(self._settings, entry, other)) if other else None
            if shapes is None or set(shapes) != set(self._found):
                continue
            slopes = {
                (name, axis): Fraction(size - self._found[name][axis], other - value)
                for name, shape in shapes.items()
                for axis, size in enumerate(shape)
                if len(shape) == len(self._found[name]) and size != self._found[name][axis]
            }
            if slopes:
                return slopes
        return {}

    def _spoken_for(self, entry: Entry, axis: Axis) -> Fraction:
        """Return the value of an entry at which an axis would be as wanted."""
        name, place = axis
        missing = self._wanted[name][place] - self._found[name][place]
        return self._values[entry] + missing / self._slopes[entry][axis]

    def proposals(self) -> Iterator[Settings]:
        """Yield settings, those first that most axes speak for."""
        choices: list[list[tuple[Entry, int]]] = []
        for entry, slopes in self._slopes.items():
            votes = Counter(
                int(value)
                for axis in self._wrong
                if axis in slopes
                for value in [self._spoken_for(entry, axis)]
                if value.denominator == 1 and value > 0
            )
            best = [value for value, _ in votes.most_common(MOST_VALUES)]
            told = [*best, self._values[entry]] if votes else []
            if slopes and _is_of_heads(entry):  # several may size one axis, as of a fused layer
                told += self._shared_out(entry)
            if told:
                choices.append([(entry, value) for value in dict.fromkeys(told)])
        choices += [
            [(entry, value) for value in self._shared_out(entry)] for entry in self._heads()
        ]
        for chosen in itertools.product(*choices):
            made = self._settings
            for entry, value in chosen:
                made = with_entry(made, entry, value)
            yield made

    def _heads(self) -> list[Entry]:
        """Return the numbers of heads that no tensor's size tells: widths are divided by them."""
        return [entry for entry, slopes in self._slopes.items()
                if _is_of_heads(entry) and not slopes]  # fmt: skip

    def _shared_out(self, entry: Entry) -> list[int]:
        """Return a number of heads, and those that it is if heads went as widths did."""
        value = self._values[entry]
        shares = Counter(
            Fraction(self._wanted[name][axis], self._found[name][axis])
            for name, axis in self._wrong
        )
        fewer = [share * value for share, _ in shares.most_common(MOST_VALUES)]
        return [value, *(int(n) for n in fewer if n.denominator == 1 and n > 0)]

    def why(self) -> Fact:
        """Return which entry would need several values, or which axis none sizes."""
        sized = Counter(axis for slopes in self._slopes.values() for axis in slopes)
        for alone in (True, False):
            for entry, slopes in self._slopes.items():
                axes = [axis for axis in slopes if not alone or sized[axis] == 1]
                values = {axis: self._spoken_for(entry, axis) for axis in axes}
                if len(set(values.values())) > 1:
                    one = axes[0]
                    other = next(axis for axis in axes if values[axis] != values[one])
                    name = entry[0][0]
                    return exporting.not_uniform(name, *self._told(one), *self._told(other))
        unsized = next((axis for axis in self._wrong if not sized[axis]), self._wrong[0])
        return exporting.no_entry(*self._told(unsized))

    def _told(self, axis: Axis) -> tuple[str, int, int]:
        name, place = axis
        return name, self._wanted[name][place], self._found[name][place]


def _is_of_heads(entry: Entry) -> bool:
    """Say whether an entry is a number of heads, or their width, by its name."""
    return len(entry) == 1 and "head" in entry[0][0]


__all__ = ["Settings", "Shapes", "Trial", "fits", "without_blocks"]
