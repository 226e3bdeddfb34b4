"""The text of the model cards: prose for each sample, filled with the numbers of its card.json."""

from __future__ import annotations

from typing import Any

DIGITS_DATA = """\
The 1,797 images of scikit-learn's `load_digits`: real handwritten digits, 8 by 8 pixels, 17 grey
levels. They are the test part of *Optical Recognition of Handwritten Digits* (E. Alpaydin and
C. Kaynak, 1998, UCI Machine Learning Repository, CC BY 4.0)."""

DIGITS_LIMITS = """\
- The split does not keep the 13 writers apart: on a new writer, expect less than the number above.
- The digits are centred, light on dark, scaled to 8 by 8. Photographs and other sizes will fail.
- It always names a digit, also for an image that shows none."""

DIGITS_USE = """\
To learn what pruning does on a network that answers at once. Not to read digits in earnest."""

TEXTS = {
    "digits-cnn": {"data": DIGITS_DATA, "limits": DIGITS_LIMITS, "use": DIGITS_USE},
    "digits-resnet": {"data": DIGITS_DATA, "limits": DIGITS_LIMITS, "use": DIGITS_USE},
    "tumour-mlp": {
        "data": """\
The 569 cases of scikit-learn's `load_breast_cancer`: 30 real measurements of cell nuclei in an
image of a fine needle aspirate, 212 malignant and 357 benign. They are *Breast Cancer Wisconsin
(Diagnostic)* (W. Wolberg, O. Mangasarian, N. Street and W. Street, 1993, UCI Machine Learning
Repository, CC BY 4.0).""",
        "limits": """\
- One hospital, 569 cases, collected around 1990: nothing is known of other clinics, devices or
  populations.
- The test part is small, so the interval is wide; a missed malignant tumour weighs no more in
  training than a false alarm.
- The measurements depend on nuclei outlined by hand.""",
        "use": """\
To learn what pruning does to a network on a table, and whom it fails. **Not for diagnosis.**""",
    },
}

CARD = """\
# {title} (`sample:{name}`)
{sentence}

| | |
|---|---|
| Accuracy on the test part | {accuracy:.1%} ({correct} of {samples}; \
95 % interval {low:.1%} to {high:.1%}) |
| Parameters | {parameters:,} |
| Weights file | {kilobytes:,.0f} kB, safetensors |
| Input | {shape}, float32, normalised by the training part's mean and standard deviation |
| Classes | {classes} |
| SHA-256 of the weights | `{sha256}` |

## Data
{data}

Split once, stratified by class, with seed {split_seed}: {train_samples:,} inputs to train, \
{samples} to test. The test part is read after the last epoch alone; the number of epochs is \
fixed, not chosen by it. Calibration uses training inputs.

## Training
`python sample_models/train.py {name}`: {optimiser}; {epochs} epochs, \
learning rate {learning_rate}, weight decay {weight_decay}, batches of {batch_size}, \
seed {seed}; augmentation: {augmentation}. {seconds:.1f} seconds on one \
processor core with torch {torch}.

## Intended use
{use}

## Limits
{limits}
"""


def model_card(card: dict[str, Any]) -> str:
    """Return a sample's README.md from the facts of its card.json."""
    low, high = card["accuracy_interval"]
    text = CARD.format(
        **card["training"],
        **TEXTS[card["name"]],
        **{key: card[key] for key in ("name", "title", "sentence", "accuracy", "correct")},
        **{key: card[key] for key in ("parameters", "sha256", "split_seed", "train_samples")},
        low=low,
        high=high,
        samples=card["test_samples"],
        kilobytes=card["bytes"] / 1000,
        shape=" by ".join(map(str, card["input_shape"])),
        classes=", ".join(card["classes"]),
    )
    # Percentages are written as in the app, with a space: 98.2 %.
    return text.replace("%", " %").replace("  %", " %")
