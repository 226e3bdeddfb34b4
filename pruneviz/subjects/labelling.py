"""Which output of the model each class of the data is: by name, by number, or as the plan says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pruneviz.subjects.class_names import count_up, index, natural_key, plain, whole_numbers
from pruneviz.subjects.models.weights import some
from pruneviz.wording import Fact, RefusedError, opened
from pruneviz.wording.refusals.subjects import labelled

Basis = Literal["plan", "names", "numbers", "synsets", "beginnings", "order"]
Rule = Callable[[list[str]], dict[str, int] | None]
PROPOSED: tuple[Basis, ...] = ("beginnings", "order")  # what may be wrong, so it is said
SYNSET = re.compile(r"n\d{8}", re.ASCII)
IMAGENET = 1000  # classes, numbered in the order of their synset ids
MOST_SHOWN = 4


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """Which output each class of the data is: `outputs` by its name there, `counts` its inputs.

    `basis` says how that is known; `notes` are what the user must know of it.
    """

    outputs: Mapping[str, int]
    counts: Mapping[str, int]
    basis: Basis
    notes: tuple[Fact, ...] = ()


class UnknownClassesError(RefusedError):
    """The classes of the data are not known to be certain outputs; the plan has to say it.

    `counts`: the inputs of each class, by its name in the data; `choices`: a name for each output.
    """

    def __init__(self, fact: Fact, counts: Mapping[str, int], choices: Sequence[str]) -> None:
        super().__init__(fact)
        self.counts, self.choices = dict(counts), tuple(choices)
        self.args = fact, self.counts, self.choices  # or another process could not make it again


@dataclass(frozen=True, kw_only=True)
class Classes:
    """The classes that occur in the data: `counts` of inputs by name, in the data's own order.

    `numbered` says that they are numbers that the data calls outputs; `aliases` are names that it
    has for these numbers. `known` are the model's own names of its outputs, or (). `columns` is how
    many columns one-hot labels have: where the model has more or fewer outputs, they are no numbers
    of outputs.
    """

    counts: Mapping[str, int]
    outputs: int
    known: tuple[str, ...] = ()
    numbered: bool = False
    columns: int = 0
    aliases: Mapping[str, str]

    def matched(self, given: Mapping[str, int]) -> Labelling:
        """Return which output each class is; UnknownClassesError where nothing says it.

        What the plan gives comes first, then the model's names, numbers, and a proposal by order.
        """
        self._check(given)
        chosen = {name: self._given(name, given) for name in self.counts}
        said = {name: output for name, output in chosen.items() if output is not None}
        rest = [name for name in self.counts if name not in said]
        if not rest:
            return self._labelling(said, "plan", given)
        for basis, rule in self._rules(bool(said)).items():
            found = rule(rest)
            if found is not None:
                # where the plan says a part, the rest is as sure as its own rule
                return self._labelling({**found, **said}, basis, given)
        raise self._not_known(self._why(rest))

    def choices(self) -> tuple[str, ...]:
        """Return a text for each output, to choose from."""
        if not self.known:
            return tuple(map(str, range(self.outputs)))
        return tuple(f"{i} ({name})" for i, name in enumerate(self.known))

    def named(self, outputs: Mapping[str, int], padding: Iterable[str] = ()) -> tuple[str, ...]:
        """Return a name for every output: the model's, else the data's, else its number."""
        if self.known:
            return self.known
        names: dict[int, str] = {}
        for name, output in outputs.items():
            shown = self.aliases.get(name, name)
            names[output] = f"{names[output]} / {shown}" if output in names else shown
        names = {**dict(enumerate(padding)), **names} if self.numbered else names
        used = set(names.values())
        numbers = [f"output {i}" if str(i) in used else str(i) for i in range(self.outputs)]
        return tuple(names.get(i, numbers[i]) for i in range(self.outputs))

    def _check(self, given: Mapping[str, int]) -> None:
        wrong = {name: output for name, output in given.items() if output >= self.outputs}
        if wrong:
            name, output = next(iter(wrong.items()))
            raise self._not_known(labelled.beyond_the_outputs(name, output, self.outputs))

    def _not_known(self, why: Fact) -> UnknownClassesError:
        return UnknownClassesError(labelled.outputs_not_known(why), self.counts, self.choices())

    def _given(self, name: str, given: Mapping[str, int]) -> int | None:
        return given.get(name, given.get(self.aliases.get(name, name)))

    def _rules(self, in_part: bool) -> dict[Basis, Rule]:
        """Return the rules to try, by what each rests on, the surest first."""
        rules: dict[Basis, Rule] = {"names": self._by_names, "numbers": self._by_numbers}
        if not self.numbered:
            rules |= {"synsets": self._by_synsets, "beginnings": self._by_beginnings}
        if not in_part:  # where some are said, an order of the others means nothing
            rules["order"] = self._by_order
        return rules

    def _by_names(self, names: list[str]) -> dict[str, int] | None:
        """Match with the model's own names: as they are, else without case, spaces and dashes."""
        if self.numbered and not all(name in self.aliases for name in names):
            return None
        exact, alike = index(self.known), index([plain(own) for own in self.known])
        shown = {name: self.aliases.get(name, name) for name in names}
        found = {name: exact.get(text, alike.get(plain(text))) for name, text in shown.items()}
        whole = {name: output for name, output in found.items() if output is not None}
        return whole if len(whole) == len(names) else None

    def _by_numbers(self, names: list[str]) -> dict[str, int] | None:
        numbers = whole_numbers(names)
        if numbers is None or len(set(numbers)) < len(numbers) or self._columns_differ():
            return None
        within = all(0 <= number < self.outputs for number in numbers)
        return dict(zip(names, numbers, strict=True)) if within else None

    def _by_synsets(self, names: list[str]) -> dict[str, int] | None:
        """Number ImageNet's classes in the order of their synset ids, as ImageNet does."""
        whole = len(names) == self.outputs == IMAGENET
        if not whole or not all(SYNSET.fullmatch(name) for name in names):
            return None
        return {name: output for output, name in enumerate(sorted(names))}

    def _by_beginnings(self, names: list[str]) -> dict[str, int] | None:
        """Match names with the only names of the model that begin like them: M is malignant."""
        found: dict[str, int] = {}
        for name in names:
            start = plain(name)
            fits = [i for i, own in enumerate(self.known) if plain(own).startswith(start)]
            if not start or len(fits) != 1:
                return None
            found[name] = fits[0]
        return found if len(set(found.values())) == len(names) else None

    def _by_order(self, names: list[str]) -> dict[str, int] | None:
        """Propose the order of the text, in which image folders and tables are numbered as a rule.

        Where numbers, or names that count from 1, would be ordered otherwise by their values,
        neither order is sure; nor is one of numbers of which some are outputs and some are not.
        """
        named = self.known and not self.numbered
        if len(names) != self.outputs or named or self._columns_differ():
            return None
        numbers = whole_numbers(names)
        by_value = sorted(names, key=natural_key)
        if numbers is None:
            sure = by_value == sorted(names) or not count_up(names)
            return {name: output for output, name in enumerate(sorted(names))} if sure else None
        if sorted(numbers) == list(range(1, self.outputs + 1)):
            sure = self.numbered or by_value == sorted(names)
        else:
            mixed = any(0 < number < self.outputs for number in numbers)
            twice = len(set(numbers)) < len(numbers)
            sure = not mixed and not twice and (not self.numbered or by_value == sorted(names))
        order = by_value if self.numbered else sorted(names)
        return {name: output for output, name in enumerate(order)} if sure else None

    def _columns_differ(self) -> bool:
        return self.columns not in (0, self.outputs)

    def _labelling(
        self, outputs: Mapping[str, int], basis: Basis, given: Mapping[str, int]
    ) -> Labelling:
        ordered = {name: outputs[name] for name in self.counts}
        notes = []
        if basis == "order":
            text = not self.numbered and sorted(ordered, key=natural_key) != sorted(ordered)
            notes.append(opened.classes_in_order(self._shown(ordered), text, labelled.REMEDY))
        if basis == "beginnings":
            notes.append(opened.classes_by_beginnings(self._shown(ordered), labelled.REMEDY))
        numbers = whole_numbers(list(ordered)) if basis == "numbers" else None
        if numbers and min(numbers) == 1 and not self.columns:
            notes.append(opened.no_class_0(labelled.REMEDY))
        unused = [n for n in given if n not in self.counts and n not in self.aliases.values()]
        if unused:
            notes.append(opened.no_input_of(some(unused)))
        return Labelling(outputs=ordered, counts=self.counts, basis=basis, notes=tuple(notes))

    def _shown(self, outputs: Mapping[str, int]) -> str:
        """Return `M is malignant, B is benign`, or output numbers, a few of them."""
        ordered = sorted(outputs.items(), key=lambda item: item[1])
        texts = [
            f"{name} is {self.known[output]}" if self.known else f"{name} is output {output}"
            for name, output in ordered[:MOST_SHOWN]
        ]
        more = len(ordered) - MOST_SHOWN
        return ", ".join(texts) + (f" and so on, {len(ordered)} in all" if more > 0 else "")

    def _why(self, names: list[str]) -> Fact:
        """Return why the outputs of some classes are not known."""
        if self._columns_differ():
            return labelled.other_columns(self.columns, self.outputs)
        numbers = whole_numbers(names)
        if numbers is not None:
            beyond = [n for n, i in zip(names, numbers, strict=True) if not 0 <= i < self.outputs]
            training = not any(self.counts[name] for name in beyond or names)
            orders = self._two_orders(names)
            shown = some(beyond or names)
            return labelled.no_outputs(shown, self.outputs, training, not beyond, *orders)
        classes = len(self.counts)
        if self.known:
            which, own = self._unknown(names), self.known[:2]
            return labelled.names_not_known(classes, self.outputs, which, own)
        shown, orders = some(list(self.counts)), self._two_orders(names)
        return labelled.order_not_known(classes, shown, self.outputs, *orders)

    def _unknown(self, names: list[str]) -> Fact:
        """Return which names the model does not know, or has twice."""
        times = Counter(map(plain, self.known))
        shown = [self.aliases.get(name, name) for name in names]
        unknown = [name for name in shown if not times[plain(name)]]
        if unknown:
            return labelled.no_such_names(some(unknown))
        return labelled.names_of_two(some([name for name in shown if times[plain(name)] > 1]))

    def _two_orders(self, names: list[str]) -> tuple[str, str]:
        """Return the two usual orders where they differ and there is one name an output, or ""."""
        text, natural = sorted(names), sorted(names, key=natural_key)
        if len(names) != self.outputs or text == natural:
            return "", ""
        return some(text), some(natural)


def counts_of(
    names: Sequence[str], *labels: NDArray[np.int64]
) -> tuple[dict[str, int], dict[str, int]]:
    """Return the inputs of each class that occurs in `labels`, and the label of each, by name.

    `labels` are indices into `names`; without names a class is called by its number. The first
    part alone is counted: the others are for training.
    """
    values, found = np.unique(labels[0], return_counts=True)
    counted = dict(zip(values.tolist(), found.tolist(), strict=True))
    present = sorted(set(np.concatenate(labels).tolist()))
    text = {value: names[value] if names else str(value) for value in present}
    counts = {text[value]: counted.get(value, 0) for value in present}
    return counts, {text[value]: value for value in present}
