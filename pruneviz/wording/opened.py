"""What a user must know of a model and data as they were opened."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact

LEFT = "this model is opened without data, with its size, arithmetic and speed, and no accuracy"
NOT_JUDGED = {
    "detection": f"Boxes are judged on images with boxes (coco:FOLDER); else {LEFT}.",
    "segmentation": f"Maps of pixels are judged on images with masks (masks:FOLDER); else {LEFT}.",
    "optical_flow": f"Motion is not judged on data yet: {LEFT}.",
    "video": f"Films are not read as data yet: {LEFT}.",
}
ENDINGS = {
    "softmax": "The network answers with probabilities that add up to 1 (it ends in {by}). Losses, "
    "divergences, criteria, training and attributions take the scores before it, or the "
    "logarithms of the probabilities where these cannot be seen; the network stays as it is.",
    "sigmoid": "The network answers with a probability for each class by itself (it ends in a "
    "Sigmoid). Here one class is right, so the class scores are what the Sigmoid reads, the "
    "log odds: Softmax of these is the probability of a class, given that exactly one is right.",
}


@fact()
def together(facts: tuple[Fact, ...]) -> str:
    return " ".join(map(str, facts))


@fact(field="data")
def spelled_in_bytes(tokens: float) -> str:
    return (
        f"The tokenizer takes {tokens:.1f} tokens for a character of this text: it spells it in "
        "bytes, and a model that was trained with it has hardly seen such texts. What is "
        "calibrated and judged on it says little of others"
    )


@fact(field="criterion")
def in_place_of(criterion: str) -> str:
    return f"in place of {criterion}, which needs data"


@fact(field="weights")
def made_weights(factory: str) -> str:
    return f"No weights file was given: the weights are those that {factory}() made."


@fact(field="weights")
def random_weights() -> str:
    return "Random weights: the pretrained ones were not asked for."


@fact(field="weights")
def no_pretrained_weights(fault: str) -> str:
    return f"Random weights: the pretrained ones could not be had ({fault})."


@fact(field="weights")
def colours_not_rescaled() -> str:
    return (
        "torchvision's pretrained weights of this model rescale the colours of their input first; "
        "your weights are used without that."
    )


@fact(field="weights")
def tensors_not_used(count: int, names: str) -> str:
    return (
        f"{count:,} tensors of the weights have no place in this model and are not used: {names}."
    )


@fact(field="model")
def no_tokenizer(reason: str) -> str:
    return f"The folder's tokenizer cannot be read ({reason}), so texts are not: put its own there."


@fact(field="model")
def foreign_tokenizer(known: int, tokens: int) -> str:
    return (
        f"The folder's tokenizer knows {known:,} tokens and the network {tokens:,}: it may be "
        "another network's, and texts with a token beyond are refused."
    )


@fact(field="data")
def masks_of_two(white: int) -> str:
    return f"The masks hold 0 and {white:,} alone, which were taken for the classes 0 and 1."


@fact(field="data")
def pixels_not_judged(white: int, masks: int, of: int) -> str:
    return (
        f"Pixels that are {white:,} in a mask are not judged ({masks:,} of {of:,} masks have some)."
    )


@fact(field="data")
def texts_cut(count: int, of: int, length: int) -> str:
    return (
        f"Of {count:,} of {of:,} texts only the first {length:,} tokens are read: the others have "
        "more."
    )


@fact(field="data")
def words_not_judged(count: int) -> str:
    return (
        f"{count:,} words with a class are not judged: they lie behind what is read of their text, "
        "or the tokenizer makes nothing of them."
    )


@fact(field="data")
def not_judged(task: str) -> str:
    return NOT_JUDGED[task]


@fact(field="input_shape")
def shape_assumed(shape: str) -> str:
    return f"No input shape was given: {shape} was assumed, which the first layer suggests."


@fact(field="data")
def no_numbers(bad: int, inputs: int, part: str, where: str, named: str, normalised: bool) -> str:
    hold = "holds" if bad == 1 else "hold"
    lie = f", in {where}" if where else ""
    names = f" ({named})" if named else ""
    if normalised:
        return (
            f"{bad:,} of the {inputs:,} {part}inputs {hold} infinite values once normalised by "
            f"mean and std{lie}{names}: correct mean and std, or scale the values"
        )
    remedy = "fill them with numbers" if bad == inputs else "remove or fill these"
    return (
        f"{bad:,} of the {inputs:,} {part}inputs {hold} NaN or infinite values (beyond 3e38)"
        f"{lie}{names}: {remedy}"
    )


@fact(field="data")
def empty_cells(name: str, rows: int, of: int, columns: str) -> str:
    return (
        f"'{name}' has empty cells in {rows:,} of its {of:,} rows, in {columns}: remove these rows "
        "or fill them"
    )


@fact(field="data")
def fewer_bits(bits: int, largest: float, white: float) -> str:
    return (
        f"{bits}-bit images in 16-bit files: no value is above {largest:,.0f}, so they were "
        f"divided by {white:,.0f}. If white is 65,535 there, save them as values from 0 to 1."
    )


@fact(field="data")
def narrowed_colours(images: int, brightest: int) -> str:
    return (
        f"{images:,} images have 16 bits a colour, which are read with 8, and none is brighter "
        f"than {brightest} of 255: if white is darker there (1,023, 4,095 or 16,383), save them "
        "with 8 bits a colour."
    )


@fact()
def answers_depend_on_others() -> str:
    return (
        "The answer to an input depends on the others that are answered with it, as by statistics "
        "of a batch or a Softmax along it: accuracy, losses and scores hold for the batches taken "
        "here."
    )


@fact()
def probabilities(ending: str, seen: bool) -> str:
    by = "a Softmax" if seen else "no Softmax that could be followed"
    return ENDINGS[ending].format(by=by)


@fact()
def probabilities_of_labels() -> str:
    return (
        "The network answers with a probability for each label. What its last Sigmoid or Softmax "
        "reads is taken as the logits, and the Sigmoid of these as the probabilities."
    )


@fact()
def perhaps_probabilities() -> str:
    return (
        "Every answer lies between 0 and 1, and a row does not add up to 1. They are taken as "
        "logits; if they are probabilities, cross-entropy and KL divergence look milder than they "
        "are: end the network in its class scores, or in nn.Softmax or nn.Sigmoid."
    )


@fact(field="data")
def known_from_training(seen: int, inputs: int) -> str:
    return (
        f"{seen:,} of the {inputs:,} evaluated inputs are among those that this model was trained "
        "on: the accuracy there says little about new inputs."
    )


@fact(field="data")
def some_compared(compared: int, inputs: int, others: int) -> str:
    return (
        f"Of the {inputs:,} evaluated images {compared:,}, spread evenly, were compared with "
        f"{others:,} that train or calibrate: whether more of them are alike is not known."
    )


@fact(field="data")
def in_both_parts(twice: int, inputs: int, rounded: int, held_out: bool) -> str:
    part = "its training part" if held_out else "what calibrates"
    but = f" ({rounded:,} but for rounding or compression)" if rounded else ""
    return (
        f"{twice:,} of the {inputs:,} evaluated inputs are in {part}, too{but}: they are not new "
        "to what was calibrated or trained there."
    )


@fact(field="data")
def in_other_units(copies: int, inputs: int, held_out: bool) -> str:
    part = "its training part" if held_out else "what calibrates"
    return (
        f"{copies:,} of the {inputs:,} evaluated inputs are in {part}, too, in other units (each "
        "value times one number, and another added): they are not new, and what is trained there "
        "sees other values. Save both parts in the same units, and take copies out."
    )


@fact(field="data")
def few_to_train_on(inputs: int) -> str:
    return (
        f"There are only {inputs:,} inputs to train on, those of the calibration part: for more, "
        "give an npz file with train_x and train_y beside x and y."
    )


@fact(field="data")
def columns_in_order(differing: str) -> str:
    return (
        "The columns are not called as the model's features are, so they were taken in the order "
        f"of the file: {differing}. If that is wrong, call them as the model does."
    )


@fact(field="classes")
def classes_in_order(classes: str, by_text: bool, remedy: str) -> str:
    how = "the order of their text, as image folders are read" if by_text else "order"
    return (
        "Nothing says which output each class of the data is, so they were taken in "
        f"{how}: {classes}. If that is wrong, {remedy}."
    )


@fact(field="classes")
def classes_by_beginnings(classes: str, remedy: str) -> str:
    return (
        "The classes of the data were taken for those of the model that begin alike: "
        f"{classes}. If that is wrong, {remedy}."
    )


@fact(field="classes")
def no_class_0(remedy: str) -> str:
    return (
        "No input is of class 0. The labels were taken for the numbers of outputs, which "
        f"begin at 0; if yours begin at 1, {remedy}."
    )


@fact(field="classes")
def no_input_of(classes: str) -> str:
    return f"No input is of the class {classes}, which the plan names."


@fact(field="classes")
def labels_as_numbers(named: int, outputs: int) -> str:
    return (
        f"The file names {named:,} classes and the model has {outputs:,} outputs: its labels were "
        "taken as the numbers of outputs."
    )


@fact(field="classes")
def perhaps_permuted(
    accuracy: float, inputs: int, chance: float, better: float, classes: str, remedy: str
) -> str:
    more = f"; say so with {remedy}, or on Home under Your data" if remedy else ""
    return (
        f"The classes may be permuted: the original is right in {100 * accuracy:.1f}\u00a0% of "
        f"{inputs:,} inputs, where a guess gets {100 * chance:.1f}\u00a0%, and would be in "
        f"{100 * better:.1f}\u00a0% if {classes}{more}."
    )
