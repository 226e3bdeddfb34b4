"""The settings of training, shared by every recovery that trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from pruneviz.recovery.training.augment import AUGMENTATION
from pruneviz.recovery.training.class_weights import CLASS_WEIGHTS
from pruneviz.recovery.training.device import PRECISIONS
from pruneviz.registry import Parameter, Value


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to train; each field is explained by the parameter of its name in `TRAINING`."""

    epochs: int
    learning_rate: float
    optimiser: str
    momentum: float
    weight_decay: float
    learning_rate_schedule: str
    batch_size: int
    augmentation: str
    patience: int
    good_enough: float
    stop_after: int
    precision: str
    class_weights: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Value]) -> Settings:
        """Return the settings among a method's parameters, which may have further ones."""
        names = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in given.items() if name in names})  # type: ignore[arg-type]

    @property
    def epochs_run(self) -> int:
        """Return how many epochs are carried out at most; the learning rate plans `epochs`."""
        return min(self.epochs, self.stop_after) if self.stop_after else self.epochs

    @property
    def validates(self) -> bool:
        """Return whether a part of the training data is set aside to decide when to stop."""
        return bool(self.patience or self.good_enough)


TRAINING = (
    Parameter(
        name="epochs",
        default=5,
        help="How often training sees all its inputs, over all rounds together.",
        minimum=1,
        maximum=100_000,
        unit="epochs",
    ),
    Parameter(
        name="learning_rate",
        default=0.03,
        help="The highest step size. Halve it when training diverges; AdamW wants about a tenth.",
        minimum=1e-8,
        maximum=1e6,
    ),
    Parameter(
        name="optimiser",
        default="sgd",
        choices=("sgd", "adamw"),
        help="sgd suits convolutional networks, adamw transformers and tables.",
    ),
    Parameter(
        name="momentum",
        default=0.9,
        help="How much of the last step goes into the next: sgd's momentum, adamw's first beta.",
        minimum=0.0,
        maximum=0.999,
    ),
    Parameter(
        name="weight_decay",
        default=5e-4,
        help="How strongly weights are pulled towards zero.",
        minimum=0.0,
        maximum=10.0,
    ),
    Parameter(
        name="learning_rate_schedule",
        default="one_cycle",
        choices=("one_cycle", "cosine", "constant"),
        help="one_cycle rises and then falls to zero, cosine only falls, constant stays.",
    ),
    Parameter(
        name="batch_size",
        default=128,
        help="How many inputs go into one step.",
        minimum=2,
        maximum=1_000_000,
        unit="inputs",
    ),
    AUGMENTATION,
    Parameter(
        name="patience",
        default=0,
        help="Stop after so many epochs that were no better on a tenth of the training inputs, "
        "set aside for that; 0 never stops early.",
        minimum=0,
        maximum=100_000,
        unit="epochs",
    ),
    Parameter(
        name="good_enough",
        default=0.0,
        help="Stop when the metric that networks are judged by, of an accuracy the fraction right, "
        "is as good as this on the training inputs set aside; 0 never stops early.",
        minimum=0.0,
        maximum=1e9,
    ),
    Parameter(
        name="stop_after",
        default=0,
        help="Carry out so many of the epochs only, with the learning rates of them all: what a "
        "training stopped by hand has done; 0 for all.",
        minimum=0,
        maximum=100_000,
        unit="epochs",
    ),
    Parameter(
        name="precision",
        default="32-true",
        choices=PRECISIONS,
        help="32-true computes in single precision; bf16-mixed takes half the memory and is "
        "quicker on recent GPUs.",
    ),
    CLASS_WEIGHTS,
)
