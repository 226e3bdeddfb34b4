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
    "diabetes-mlp": {
        "data": """\
The 442 patients of scikit-learn's `load_diabetes`, in the units measured: age, sex, body mass
index, blood pressure and six values of blood serum, and as the target a number for how far the
disease had gone a year later, from 25 to 346. They are those of B. Efron, T. Hastie, I. Johnstone
and R. Tibshirani, *Least Angle Regression*, 2004, https://doi.org/10.1214/009053604000000067.""",
        "limits": """\
- Ten measurements say little of the course of a disease: compare the error with the target's own
  spread (R² on the Compare page).
- 442 patients of one study: nothing is known of others.
- The test part is small, so intervals are wide, by sex and age still wider.""",
        "use": """\
To learn what pruning does to a network that gives a number. **Not for medical use.**""",
    },
    "digits-detector": {
        "data": f"""\
Scenes of 64 by 64 pixels, light over dark, each composed by a seed of one to five real digits, 14
to 30 pixels large, whose boxes cover a tenth of one another at most. Those to train on are of the
digits that the other samples train on, those to test on of the digits that these hold out.

{DIGITS_DATA}""",
        "limits": """\
- Scenes are composed: digits hardly cover one another, nothing else is in the picture, and the
  ground is black.
- It finds one digit at most in each of 8 by 8 cells.
- Things in photographs are harder by far to find: the number above says nothing of them.""",
        "use": """\
To learn what pruning does to a network that finds things and says where they are.""",
    },
}
METRICS = {  # what judges a sample that is no classifier: its name, how it is written
    "mae": ("Mean absolute error", ".1f"),
    "map_50": ("mAP at IoU 0.5", ".1%"),
    "perplexity": ("Perplexity", ".1f"),
}
ANSWERS = {
    "diabetes-mlp": "one number",
    "digits-detector": "a box, its class of ten digits and a score in each of 8 by 8 cells",
}
STRATA = {
    "diabetes-mlp": "tenths of the target",
    "digits-detector": "class before scenes were composed",
}
TEXT_CARD = """\
# {title} (`sample:{name}`)
{sentence}

| | |
|---|---|
| Perplexity on the modules held out | {judged} |
| Bits per byte | {bits_per_byte:.3f} (95 % interval {bits_low:.3f} to {bits_high:.3f}) |
| Judged tokens | {test_tokens:,}, of Python {python} |
| Parameters | {parameters:,} |
| Weights file | {kilobytes:,.0f} kB, safetensors in half precision; computed in single precision |
| Input | {places} tokens of a vocabulary of 2,048 (pairs of bytes, `tokenizer.json`) |
| SHA-256 of the weights | `{sha256}` |

## Architecture
Llama's parts in plain torch: norms by the root of the mean square, rotary positions, 3 blocks of 8
heads of queries in 4 groups and a gated feed-forward part, at a width of 128.

## Data
The text of Python's own standard library, docstrings and code, as it lies on the machine: it is not
shipped. 19 modules, named in `pruneviz/subjects/samples/standard_library.py`, are held out of any
training, the tokenizer's too; {test_samples} windows of {places} tokens are spread over them, one
after the other, and judged. Other Pythons have other text: the numbers above are those of Python
{python}, and the app says which it has and what is missing. The text is under Python's own licence
(PSF-2.0).

## Training
`python sample_models/train.py {name}`: {optimiser}; {train_tokens:,} tokens of all other modules \
(tests and `idlelib` left out), {epochs} time{times}, in windows of {places}, learning rate \
{learning_rate}, weight decay {weight_decay}, gradients of norm {most_gradient} at most, batches \
of {batch_size}, seed {seed}. {seconds:.0f} seconds of one processor core with torch {torch}.

## Intended use
To learn what pruning does to a language model that answers at once: heads by group, the width of
feed-forward parts, that of the stream. Not to write code.

## Limits
- It has read one kind of text, a few million tokens of it, and knows {places} tokens of context.
- A recovery in the app trains on a part of what the sample was trained on.
"""

CARD = """\
# {title} (`sample:{name}`)
{sentence}

| | |
|---|---|
| {judge} on the test part | {judged} |
| Parameters | {parameters:,} |
| Weights file | {kilobytes:,.0f} kB, safetensors |
| Input | {shape}, float32, normalised by the training part's mean and standard deviation |
| {answers} |
| SHA-256 of the weights | `{sha256}` |

## Data
{data}

Split once, stratified by {strata}, with seed {split_seed}: {train_samples:,} inputs to train, \
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
    if card["kind"] == "text":
        return text_card(card)
    labelled = "metric" not in card
    text = CARD.format(
        **card["training"],
        **TEXTS[card["name"]],
        **{key: card[key] for key in ("name", "title", "sentence")},
        **{key: card[key] for key in ("parameters", "sha256", "split_seed", "train_samples")},
        judge="Accuracy" if labelled else METRICS[card["metric"]][0],
        judged=judged(card),
        samples=card["test_samples"],
        kilobytes=card["bytes"] / 1000,
        shape=" by ".join(map(str, card["input_shape"])),
        answers=f"Answer | {ANSWERS[card['name']]}"
        if card["name"] in ANSWERS
        else f"Classes | {', '.join(card['classes'])}",
        strata=STRATA.get(card["name"], "class"),
    )
    # Percentages are written as in the app, with a space: 98.2 %.
    return text.replace("%", " %").replace("  %", " %")


def text_card(card: dict[str, Any]) -> str:
    """Return the README.md of a language model from the facts of its card.json."""
    low, high = card["bits_per_byte_interval"]
    return TEXT_CARD.format(
        **card,
        **card["training"],
        judged=judged(card),
        bits_low=low,
        bits_high=high,
        kilobytes=card["bytes"] / 1000,
        times="" if card["training"]["epochs"] == 1 else "s",
    )


def judged(card: dict[str, Any]) -> str:
    """Return how good a sample is, with its interval and the number of inputs."""
    samples = card["test_samples"]
    if "metric" not in card:
        low, high = card["accuracy_interval"]
        inputs = f"{card['correct']} of {samples}; 95 % interval {low:.1%} to {high:.1%}"
        return f"{card['accuracy']:.1%} ({inputs})"
    name = card["metric"]
    value, low, high = (
        format(each, METRICS[name][1]) for each in (card[name], *card[f"{name}_interval"])
    )
    return f"{value} ({samples} inputs; 95 % interval {low} to {high})"
