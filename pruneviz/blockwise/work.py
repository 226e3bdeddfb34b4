"""A language model pruned block by block: the memory of one block and its activations is enough.

Each block is loaded from its file, calibrated on what the blocks before it answer, pruned, and
written; its own answers go on to the next (Frantar and Alistarh 2023, SparseGPT, arXiv 2301.00774).
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pruneviz.allocate import Ranking, allocate
from pruneviz.blockwise.choices import Choices, check_layers, check_plan
from pruneviz.blockwise.judged import Judged, judged
from pruneviz.blockwise.opened import Opened
from pruneviz.blockwise.streams import Stream
from pruneviz.blockwise.written import OUTSIDE, block_file, write_index, write_tensors
from pruneviz.criteria import CRITERIA, score_asked
from pruneviz.granularity import GRANULARITIES
from pruneviz.network.masks import kept
from pruneviz.plan import Plan
from pruneviz.stages.prune import removed
from pruneviz.statistics import Samples, StatisticRequest
from pruneviz.stepwise import State
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import working

PROGRESS, WORK, REPORT = "progress.json", "work", "pruning.json"
PRUNED, ORIGINAL, CALIBRATED = "judged-pruned", "judged-original", "calibrated"
CLASSES = 0  # a block answers states, no classes: the targets of its samples are never read


@dataclass
class Progress:
    """What is done: blocks pruned, weights that were there and that stay, both perplexities.

    `windows` is how many windows of the text it is calibrated on.
    """

    digest: str
    done: int = 0
    weights: int = 0
    stay: int = 0
    windows: int = 0
    judged: Judged | None = None


class BlockByBlock:
    """The pruning of one network: entering, a step for each block, and judging at the end.

    What is done lies in `out`, so that the same work begun again there goes on. RefusedError where
    the plan, the folder or the text does not fit, or where `out` holds other work.
    """

    def __init__(self, plan: Plan, choices: Choices, out: Path) -> None:
        check_plan(plan)
        self._plan, self._choices, self._out = plan, choices, out
        self._opened = Opened(plan, choices)
        self._skeleton = self._opened.skeleton
        blocks = range(self._skeleton.count)
        inside = [name for number in blocks for name in self._skeleton.names(number)]
        check_layers(plan, inside, self._skeleton.names_outside())
        digest = sha256(f"{plan.digest} {asdict(choices)}".encode())
        for tokens in (self._opened.calibration, self._opened.judged_x):
            digest.update(tokens.numpy().tobytes())
        self._progress = self._begun(digest.hexdigest())
        self._progress.windows = len(self._opened.calibration)
        self._tidy()

    @property
    def total(self) -> int:
        """Return how many steps there are: entering, each block, and judging."""
        return self._skeleton.count + 2

    @property
    def done(self) -> int:
        """Return how many steps are done."""
        return self._progress.done

    @property
    def finished(self) -> bool:
        """Return whether nothing is left to do."""
        return self.done >= self.total

    @property
    def sentence(self) -> str:
        """Return what it does now; "" before anything is done."""
        if not self.done:
            return ""
        if self.done > self._skeleton.count:
            return "judging"
        return f"pruning block {self.done} of {self._skeleton.count}"

    @property
    def progress(self) -> Progress:
        """Return what is done so far."""
        return self._progress

    def state(self) -> State:
        """Return which work this is and how far it is; the rest lies in its folder."""
        return asdict(self._progress)

    def restore(self, state: State) -> None:
        """Go on from a state; ValueError where it is of other work."""
        if state["digest"] != self._progress.digest:
            raise RefusedError(working.other_work(str(self._out)))
        self._progress = _progress(state)

    def step(self) -> None:
        """Do the next step, and write down that it is done."""
        number = self.done - 1
        if not self.done:
            self._enter()
        elif number < self._skeleton.count:
            self._note_calls()
            self._prune(number)
        else:
            self._finish()
        self._progress.done += 1
        _write_json(self._out / WORK / PROGRESS, asdict(self._progress))
        self._tidy()

    def _tidy(self) -> None:
        """Remove the states of a finished work, also where it was killed before it could."""
        if self.finished:
            shutil.rmtree(self._out / WORK)

    def _begun(self, digest: str) -> Progress:
        path = self._out / WORK / PROGRESS
        if not path.is_file():
            return self._new(Progress(digest))
        found = _progress(json.loads(path.read_text("utf-8")))
        if found.digest != digest:
            raise RefusedError(working.other_work(str(self._out)))
        return found

    def _new(self, begun: Progress) -> Progress:
        """Begin in a folder that is empty or not there: all that comes to lie in it is its own."""
        try:
            self._out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = error.strerror or str(error)
            raise RefusedError(working.no_directory(str(self._out), why)) from error
        others = [path.name for path in self._out.iterdir()]
        if others:
            raise RefusedError(working.folder_in_use(str(self._out), others[0]))
        (self._out / WORK).mkdir()
        _write_json(self._out / WORK / PROGRESS, asdict(begun))
        return begun

    def _streams(self) -> dict[str, Stream]:
        """Return the texts on their way, by what they are for."""
        texts = {CALIBRATED: self._opened.calibration}
        if self._choices.judged:
            texts |= {PRUNED: self._opened.judged_x, ORIGINAL: self._opened.judged_x}
        width, together = self._opened.width, self._skeleton.together
        return {
            name: Stream(self._out / WORK, name, (len(x), x.shape[1], width), together)
            for name, x in texts.items()
        }

    def _enter(self) -> None:
        """Run every text through what stands before the blocks, and write what is outside them."""
        names = self._skeleton.names_outside()
        write_tensors(self._out / OUTSIDE, {}, self._opened.stored, names)
        with self._skeleton.loaded() as whole:
            for name, stream in self._streams().items():
                tokens = self._opened.calibration if name == CALIBRATED else self._opened.judged_x
                states = stream.states(0)
                for at in range(len(tokens)):
                    states[at] = self._skeleton.enter(whole, tokens[at : at + 1])[0]

    def _note_calls(self) -> None:
        if self._skeleton.calls:
            return
        texts = self._opened.calibration
        with self._skeleton.loaded() as whole:
            self._skeleton.note_calls(whole, [texts[:1], texts[-1:]])

    def _prune(self, number: int) -> None:
        """Prune a block, write it, and pass all texts on."""
        block, streams = self._skeleton.block(number), self._streams()
        smaller, weights, stay = self._pruned(block, streams[CALIBRATED], number)
        names = self._skeleton.names(number)
        tensors = {name: p.detach() for name, p in smaller.named_parameters()}
        path = self._out / block_file(number)
        written = write_tensors(path, tensors, self._opened.stored, names)
        for name, tensor in tensors.items():
            tensor.copy_(written[name])  # what follows is calibrated and judged on what was written
        followed = block if self._choices.inputs == "original" else smaller
        networks = {CALIBRATED: followed, ORIGINAL: block, PRUNED: smaller}
        for name, stream in streams.items():
            stream.pass_on(networks[name], number)
        self._progress.weights += weights
        self._progress.stay += stay

    def _pruned(self, block: nn.Module, stream: Stream, number: int) -> tuple[nn.Module, int, int]:
        """Return a block pruned as planned, how many weights it had for it, and how many stay."""
        states = stream.states(number)
        plan = self._own(number)
        granularity = GRANULARITIES.get(plan.granularity)
        settings = granularity.settings(plan.granularity_parameters)
        units, _ = granularity.implementation(block, states[:1].clone(), **settings)
        asked = StatisticRequest(
            criterion=plan.criterion,
            model=block,
            example=states[:1].clone(),
            units=units,
            seed=plan.seed,
            settings=CRITERIA.get(plan.criterion).settings(plan.criterion_parameters),
            given=Samples(x=states, y=torch.full((len(stream),), CLASSES), at_once=stream.at_once),
        )
        found = score_asked(asked)
        keep = allocate(units, Ranking.of(units, found.scores), plan).keep
        applied = removed(block, units, keep, plan, found.evidence, ())
        masks = applied.masks
        return applied.model, sum(m.numel() for m in masks.values()), sum(kept(masks).values())

    def _own(self, number: int) -> Plan:
        """Return the plan with what it says of a block's own layers alone."""
        start = f"{self._skeleton.path(number)}."
        return self._plan.changed(
            layers={n: s for n, s in self._plan.layers.items() if n.startswith(start)},
            locks={n: lock for n, lock in self._plan.locks.items() if n.startswith(start)},
        )

    def _finish(self) -> None:
        """Judge both networks, and write the index that makes the folder one that opens."""
        if self._choices.judged:
            self._note_calls()
            streams = self._streams()
            found = judged(self._opened, streams[ORIGINAL], streams[PRUNED])
            self._progress.judged = found
        count = self._skeleton.count
        by_file = {OUTSIDE: self._skeleton.names_outside()}
        by_file |= {block_file(n): self._skeleton.names(n) for n in range(count)}
        stored = self._opened.stored
        files = {stored.name_in_file(n): file for file, names in by_file.items() for n in names}
        total = sum((self._out / file).stat().st_size for file in by_file)
        write_index(self._opened.folder.path, self._out, files, total)
        report = {"plan": self._plan.model_dump(mode="json"), **asdict(self._progress)}
        _write_json(self._out / REPORT, report)


def _progress(state: State) -> Progress:
    found = state["judged"]
    return Progress(**{**state, "judged": found and Judged(**found)})


def _write_json(path: Path, value: Any) -> None:
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(value, indent=1, default=str), encoding="utf-8")
    beside.replace(path)
