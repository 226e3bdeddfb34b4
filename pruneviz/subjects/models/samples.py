"""The sample networks: three small architectures, and where their trained weights lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from pruneviz.subjects.samples import scenes, standard_library
from pruneviz.subjects.samples.diabetes import DiabetesMlp
from pruneviz.subjects.samples.folders import folder_of
from pruneviz.subjects.samples.small_llama import SmallLlama
from pruneviz.subjects.texts.tokenizer import Tokenizer
from pruneviz.tasks import TASKS, Task
from pruneviz.tasks.language_modelling import LanguageModelling
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import opening


class DigitsCnn(nn.Module):
    """Three convolutions with BatchNorm and two linear layers: (B, 1, 8, 8) to (B, 10) logits."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.conv3 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(64)
        self.relu3 = nn.ReLU()
        self.pool3 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.hidden = nn.Linear(64 * 2 * 2, 128)
        self.relu4 = nn.ReLU()
        self.classifier = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, 10) of images (B, 1, 8, 8)."""
        x = self.relu1(self.bn1(self.conv1(x)))  # (B, 32, 8, 8)
        x = self.pool2(self.relu2(self.bn2(self.conv2(x))))  # (B, 64, 4, 4)
        x = self.pool3(self.relu3(self.bn3(self.conv3(x))))  # (B, 64, 2, 2)
        x = self.relu4(self.hidden(self.flatten(x)))  # (B, 128)
        logits: Tensor = self.classifier(x)
        return logits


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: (B, inputs, H, W) to (B, outputs, H/s, W/s)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU()
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output for feature maps (B, inputs, H, W)."""
        y = self.relu1(self.bn1(self.conv1(x)))
        total: Tensor = self.relu2(self.bn2(self.conv2(y)) + self.shortcut(x))
        return total


class DigitsResNet(nn.Module):
    """A residual network of three stages, three blocks each: (B, 1, 8, 8) to (B, 10) logits."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu1 = nn.ReLU()
        self.stage1 = self._stage(16, 16, stride=1)
        self.stage2 = self._stage(16, 32, stride=2)
        self.stage3 = self._stage(32, 64, stride=2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(64, 10)

    @staticmethod
    def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
        return nn.Sequential(
            ResidualBlock(inputs, outputs, stride),
            ResidualBlock(outputs, outputs, 1),
            ResidualBlock(outputs, outputs, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, 10) of images (B, 1, 8, 8)."""
        x = self.relu1(self.bn1(self.conv1(x)))  # (B, 16, 8, 8)
        x = self.stage3(self.stage2(self.stage1(x)))  # (B, 64, 2, 2)
        logits: Tensor = self.classifier(self.flatten(self.pool(x)))
        return logits


class TumourMlp(nn.Module):
    """Three linear layers: (B, 30) measurements of a tumour to (B, 2) logits."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(30, 64)
        self.relu1 = nn.ReLU()
        self.fc2 = nn.Linear(64, 32)
        self.relu2 = nn.ReLU()
        self.classifier = nn.Linear(32, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, 2) of standardised features (B, 30)."""
        logits: Tensor = self.classifier(self.relu2(self.fc2(self.relu1(self.fc1(x)))))
        return logits


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A sample model: its name, what it decides in one sentence, its architecture and its data.

    `task` is the name of what it is for, `made` makes that where the name says too little.
    """

    name: str
    title: str
    sentence: str
    build: Callable[[], nn.Module]
    data: str
    input_shape: tuple[int, ...]
    task: str = "classification"
    tokenizer: Callable[[], Tokenizer] | None = None
    made: Callable[[], Task] | None = None

    def made_for(self) -> tuple[Task | None, Tokenizer | None]:
        """Return the task, None for classification, and the tokenizer of a language model."""
        if self.tokenizer is not None:
            cuts = self.tokenizer()
            return LanguageModelling(cuts.token_bytes), cuts
        return None if self.task == "classification" else self.new_task(), None

    def new_task(self) -> Task:
        """Return what the sample is for, other than a language model."""
        return self.made() if self.made else TASKS.get(self.task).implementation()


SAMPLES = {
    sample.name: sample
    for sample in (
        Sample(
            name="digits-cnn",
            title="Digits, convolutional",
            sentence="Reads one handwritten digit from an image of 8 by 8 pixels.",
            build=DigitsCnn,
            data="digits",
            input_shape=(1, 8, 8),
        ),
        Sample(
            name="digits-resnet",
            title="Digits, residual",
            sentence="Reads the same digits with 22 layers and shortcuts between them.",
            build=DigitsResNet,
            data="digits",
            input_shape=(1, 8, 8),
        ),
        Sample(
            name="tumour-mlp",
            title="Tumours, tabular",
            sentence="Tells malignant from benign breast tumours by 30 measurements of cells.",
            build=TumourMlp,
            data="tumour",
            input_shape=(30,),
        ),
        Sample(
            name="diabetes-mlp",
            title="Diabetes, regression",
            sentence="Foretells how far diabetes goes within a year from ten measurements.",
            build=DiabetesMlp,
            data="diabetes",
            input_shape=(10,),
            task="regression",
        ),
        Sample(
            name=standard_library.MODEL,
            title="Python, next token",
            sentence="Says what comes next in the text of a Python module.",
            build=SmallLlama,
            data=standard_library.NAME,
            input_shape=(standard_library.PLACES,),
            task="language_modelling",
            tokenizer=standard_library.tokenizer,
        ),
        Sample(
            name="digits-detector",
            title="Digits, detection",
            sentence="Finds up to five handwritten digits in an image of 64 by 64 pixels.",
            build=scenes.DigitsDetector,
            data=scenes.NAME,
            input_shape=(1, scenes.SIDE, scenes.SIDE),
            task="detection",
            made=scenes.task,
        ),
    )
}


def get_sample(name: str) -> Sample:
    """Return the sample called `name`; ValueError lists the names that exist."""
    if name not in SAMPLES:
        raise RefusedError(opening.no_such_sample(name, tuple(SAMPLES)))
    return SAMPLES[name]


def sample_directory(name: str) -> Path:
    """Return the folder with a sample's weights.safetensors, card.json and README.md."""
    return folder_of(get_sample(name).name)
