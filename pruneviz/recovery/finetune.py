"""Fine-tuning: the weights that are left learn to do without the others."""

from typing import Any

from torch import Tensor

from pruneviz.network.inputs import Batch
from pruneviz.recovery.method import RECOVERIES
from pruneviz.recovery.training.class_weights import loss_of_targets
from pruneviz.recovery.training.loop import Training
from pruneviz.recovery.training.settings import TRAINING


@RECOVERIES.register(
    name="finetune",
    title="Fine-tuning",
    family="training",
    sentence="Trains the weights that are left on the training inputs, the removed ones held at "
    "zero. "
    "For whatever recalibration cannot win back; it costs a few epochs of training.",
    formula="min over w of the task's mean loss of (model(x), y), removed w = 0",
    source="Han et al. 2015, arXiv 1506.02626",
    parameters=TRAINING,
)
class FineTune(Training):
    """Training on targets alone."""

    name = "finetune"
    doing = "fine-tuning"

    def loss(self, output: Any, x: Batch, y: Tensor) -> Tensor:
        """Return the task's mean loss of an output with targets y, (B, …), classes weighted."""
        del x
        return loss_of_targets(self._asked.task, output, y, self._weights)
