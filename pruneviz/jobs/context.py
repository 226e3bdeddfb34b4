"""What a job may use beside its plan: its folder, its checkpoints, its log."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pruneviz import run
from pruneviz.history.folder import CHECKPOINTS, LOG_FILE, RunFolder, Spec
from pruneviz.jobs import checkpoints
from pruneviz.jobs.kind import Progress
from pruneviz.plan import Plan
from pruneviz.stepwise import State, Stepwise
from pruneviz.subjects import load_subject
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import working

CHECKPOINT_SECONDS = 20.0


@dataclass
class Context:
    """The folder of one job, with what it saves there on its way."""

    folder: RunFolder
    loading: Callable[[str, float], None] = lambda sentence, share: None
    _saved: float = field(default_factory=time.monotonic)
    _offered: Callable[[], None] | None = None

    def prepare(self, plan: Plan) -> run.Prepared:
        """Open a plan's network and data and score its units, and say so meanwhile."""
        self.loading("loading the network and its data", 0.6)
        subject = load_subject(plan)
        self.loading("scoring the units", 0.8)
        prepared = run.prepare(subject, plan)
        self.loading("measuring", 1.0)
        return prepared

    def restore(self, accept: Callable[[State], None]) -> bool:
        """Hand the newest whole checkpoint to `accept`; where that is another's, the one before.

        Returns whether one was accepted; without any, the job begins anew.
        """
        for file in checkpoints.newest_first(self.folder.file(CHECKPOINTS)):
            try:
                accept(checkpoints.read(file))
            # One of an older version may lack anything, or hold more.
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                self.log(f"the checkpoint {file.name} is not used: {error}")
                continue
            self.log(f"going on from the checkpoint {file.name}")
            return True
        return False

    def steps(
        self, work: Stepwise, spec: Spec, write: Callable[[], bool | None] = lambda: None
    ) -> Iterator[Progress]:
        """Do a job's work from its last checkpoint on, and yield its progress after each step.

        `write` puts what is found into the folder, and returns True at a milestone.
        """
        settings = dict(spec.settings)

        def accept(state: State) -> None:
            if state.get("settings", settings) != settings:
                raise RefusedError(working.other_settings())
            work.restore(state)

        if self.restore(accept):
            write()
        while not work.finished:
            work.step()
            milestone = bool(write())
            self.offer(
                work.done, lambda: {"settings": settings, **work.state()}, milestone=milestone
            )
            yield Progress(work.done, work.total, work.sentence)

    def offer(self, done: int, state: Callable[[], State], *, milestone: bool = False) -> None:
        """Offer the job's state after `done` steps as a checkpoint, at each yield.

        It is kept when a while has passed since the last one, when it is a `milestone` (those
        outlive the ones between them), and when the job is asked to stop here.
        """
        self._offered = lambda: self.save(done, state(), milestone=milestone)
        if milestone or time.monotonic() - self._saved >= CHECKPOINT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Keep the state that was offered last, unless it is kept already."""
        offered, self._offered = self._offered, None
        if offered is not None:
            offered()

    def save(self, done: int, state: State, *, milestone: bool = False) -> None:
        """Keep a checkpoint."""
        checkpoints.write(self.folder.file(CHECKPOINTS), done, state, milestone=milestone)
        self._saved = time.monotonic()

    def log(self, sentence: str) -> None:
        """Add a line to the job's log, unless the disk is full."""
        with (
            contextlib.suppress(OSError),
            self.folder.file(LOG_FILE).open("a", encoding="utf-8") as out,
        ):
            out.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {sentence}\n")
