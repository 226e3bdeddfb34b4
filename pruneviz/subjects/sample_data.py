"""The data of the samples: scikit-learn's real digits and tumours, with one fixed split each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pruneviz.subjects.augmentation import Augmentation
from pruneviz.subjects.samples import diabetes, scenes, standard_library
from pruneviz.subjects.split import Training, channel_statistics, make_data, spread, stratified
from pruneviz.subjects.subject import Data
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import finding

NAMES = ("digits", "tumour")
LOADERS: dict[str, Callable[[], Data]] = {  # of other tasks than classification
    diabetes.NAME: diabetes.load,
    scenes.NAME: scenes.load,
    standard_library.NAME: standard_library.load,
}
TEST_FRACTION = 1 / 3
SPLIT_SEED = 0
# as sample_models/train.py trained them
AUGMENTATION = {
    "digits": Augmentation(shift_pixels=1, known=True),
    "tumour": Augmentation(known=True),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Split:
    """Raw inputs: `train_*` is what the samples were trained on, `test_*` is held out."""

    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor
    classes: tuple[str, ...]
    features: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def load_split(name: str) -> Split:
    """Return the fixed train and test parts of a sample's data; ValueError on another name."""
    if name == diabetes.NAME:
        (train_x, train_y), (test_x, test_y), features = diabetes.parts()
        return Split(
            train_x=train_x,
            train_y=train_y,
            test_x=test_x,
            test_y=test_y,
            classes=(),
            features=features,
            mean=channel_statistics(train_x)[0],
            std=channel_statistics(train_x)[1],
        )
    if name == scenes.NAME:
        (train_x, train_y), (test_x, test_y) = scenes.parts()
        return Split(
            train_x=train_x,
            train_y=train_y,
            test_x=test_x,
            test_y=test_y,
            classes=scenes.DIGITS,
            features=(),
            mean=channel_statistics(train_x)[0],
            std=channel_statistics(train_x)[1],
        )
    if name == "digits":
        x, y, classes, features = _digits()
    elif name == "tumour":
        x, y, classes, features = _tumour()
    else:
        raise RefusedError(finding.no_such_sample(name, (*NAMES, *LOADERS)))
    test, train = stratified(y.numpy(), TEST_FRACTION, SPLIT_SEED)
    mean, std = channel_statistics(x[train])
    return Split(
        train_x=x[train],
        train_y=y[train],
        test_x=x[test],
        test_y=y[test],
        classes=classes,
        features=features,
        mean=mean,
        std=std,
    )


def load_sample_data(name: str) -> Data:
    """Return a sample's Data: the test part to evaluate, training inputs to calibrate."""
    if name in LOADERS:
        return LOADERS[name]()
    split = load_split(name)
    # Spread over the training part, whose order is that in which the inputs were collected.
    chosen = spread(len(split.train_y))
    count = len(chosen)
    part = f"{count:,} of the " if count < len(split.train_y) else "the "
    note = (
        f"Evaluated on {len(split.test_y):,} test inputs that no training saw; "
        f"calibrated on {part}{len(split.train_y):,} training inputs."
    )
    return make_data(
        f"sample:{name}",
        (split.test_x, split.test_y),
        (split.train_x[chosen], split.train_y[chosen]),
        classes=split.classes,
        features=split.features,
        mean=split.mean,
        std=split.std,
        note=note,
        names=tuple(f"test row {i}" for i in range(len(split.test_y))),
        train=Training(
            x=split.train_x,
            y=split.train_y,
            augmentation=AUGMENTATION[name],
            fingerprinted=False,
        ),
    )


def _digits() -> tuple[Tensor, Tensor, tuple[str, ...], tuple[str, ...]]:
    """Return 1,797 handwritten digits (N, 1, 8, 8) in [0, 1], their labels and class names."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x = torch.from_numpy(bunch.images).float().unsqueeze(1) / 16.0
    return x, torch.from_numpy(bunch.target).long(), tuple(map(str, range(10))), ()


def _tumour() -> tuple[Tensor, Tensor, tuple[str, ...], tuple[str, ...]]:
    """Return 569 tumours (N, 30) in the units measured, their labels, class and feature names."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    classes = tuple(map(str, bunch.target_names))
    features = tuple(map(str, bunch.feature_names))
    x, y = torch.from_numpy(bunch.data).float(), torch.from_numpy(bunch.target).long()
    return x, y, classes, features
