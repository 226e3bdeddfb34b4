"""From a plan to its Subject: find the model and the data, and prove that they fit each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import nn

from pruneviz import evaluate
from pruneviz.coupling.accept import check_folded
from pruneviz.home import default_home
from pruneviz.network.answers import mark_probabilities
from pruneviz.network.attempts import explained
from pruneviz.network.folding import fold_notes, folded
from pruneviz.network.generated import generated_note
from pruneviz.network.inputs import Batch, Given, some, tensors
from pruneviz.network.lent import lent
from pruneviz.network.steady import keep_steady
from pruneviz.plan import Plan
from pruneviz.subjects.files.tables import order_note
from pruneviz.subjects.models.expectation import (
    Expectation,
    Source,
)
from pruneviz.subjects.models.first_pass import company_note, forward, input_dtype
from pruneviz.subjects.models.fitted import fitted
from pruneviz.subjects.models.found_task import (
    check_task,
    chosen_metric,
    chosen_task,
    found_task,
)
from pruneviz.subjects.models.hugging_face import load_hugging_face
from pruneviz.subjects.models.outputs import class_count
from pruneviz.subjects.models.python_factory import load_python
from pruneviz.subjects.models.samples import get_sample, sample_directory
from pruneviz.subjects.models.timm_models import load_timm
from pruneviz.subjects.models.torchvision_models import load_torchvision
from pruneviz.subjects.models.tried import (
    example_of,
    expectation_of,
    forward_of,
    guessed_example,
    random_example,
)
from pruneviz.subjects.models.weights import fit_weights, read_weights
from pruneviz.subjects.overlap import overlap_notes
from pruneviz.subjects.references import Reference, parse_data, parse_model
from pruneviz.subjects.sample_data import load_sample_data
from pruneviz.subjects.split import at_once, spread
from pruneviz.subjects.subject import (
    Data,
    Subject,
    freeze,
    frozen_names,
    shape_of,
    weights_sha256,
)
from pruneviz.subjects.texts.choices import KIND, is_sent, load_choices, task_for
from pruneviz.subjects.texts.data import load_text
from pruneviz.subjects.uploads import upload_path
from pruneviz.tasks import Task
from pruneviz.tasks.language_modelling import LanguageModelling
from pruneviz.tasks.multi_label import MultiLabel
from pruneviz.tasks.multiple_choice import MultipleChoice
from pruneviz.wording import Fact, RefusedError, opened, passes
from pruneviz.wording.refusals.subjects import finding, given_subjects, text_files

WATCHED = 64  # inputs on which a network is watched when it is opened, fewer of large ones
LEAST = 8
FEWEST = 2  # that are compared with one alone
HELD = 4  # times the answers to them


def load_subject(plan: Plan, *, home: Path | None = None, pretrained: bool = True) -> Subject:
    """Return the Subject that a plan names: its model, weights, data and input shape.

    `home` is the folder that holds `uploads`. Without `pretrained`, torchvision's and timm's models
    get random weights and nothing is downloaded. Whatever is wrong raises ValueError, one sentence
    with the remedy, also when the weights or data are not those that the plan was made for.
    """
    home = default_home() if home is None else home
    try:
        return _load(plan, home, pretrained)
    except OSError as error:
        file, reason = error.filename or "", error.strerror or str(error)
        raise RefusedError(finding.file_unreadable(str(file), reason)) from error


def _load(plan: Plan, home: Path, pretrained: bool) -> Subject:
    source = _load_model(plan, home, pretrained)
    source = replace(source, task=task_for(plan.data, source.task))
    given = source.model.eval()
    sha256 = weights_sha256(given)
    if plan.weights_sha256 and plan.weights_sha256 != sha256:
        raise RefusedError(finding.other_weights(plan.weights_sha256, sha256))
    model = folded(given)
    frozen = frozen_names(model)
    freeze(model)
    # a copy is tried: what a pass writes to the network is none of what the user gave
    tried = lent(model)
    data, example, notes = _load_data(plan, replace(source, model=tried), home)
    data = data.to(input_dtype(model)) if data else None
    task = chosen_task(plan, source.task) or found_task(data.y if data else None)
    read = data.sha256 if data else ""
    if plan.data_sha256 and plan.data_sha256 != read:
        raise RefusedError(finding.other_data(plan.data_sha256, read))
    check_folded(given, model, example)
    watched = _watched(tried, data.x, task) if data else example
    with explained(model, watched):
        random = keep_steady(model, watched)
        company = None if random else company_note(model, watched)
        answers = None
        if task.labelled or isinstance(task, MultiLabel):
            answers = mark_probabilities(model, data.x if data else example, real=data is not None)
            if not task.labelled and answers is not None and answers in opened.probabilities:
                answers = opened.probabilities_of_labels()
        generated = generated_note(model, example)
    said = (
        *fold_notes(given),
        generated,
        *notes,
        passes.not_fixed() if random else None,
        company,
        answers,
    )
    return Subject(
        reference=plan.model,
        title=source.title,
        sentence=source.sentence,
        model=model,
        example=example,
        data=data,
        weights_label=source.weights_label,
        sha256=sha256,
        notes=(*_of_the_model(source, data), *(note for note in said if note)),
        random=random,
        frozen=frozen,
        task=task,
        metric=chosen_metric(plan, task),
        tokenizer=source.tokenizer,
    )


def _watched(model: nn.Module, x: Batch, task: Task) -> Batch:
    """Return some of the inputs, spread evenly; of texts so few that several answers fit."""
    most = min(WATCHED, *(max(LEAST, at_once(each)) for each in tensors(x)))
    most = max(FEWEST, evaluate.at_once(model, x, task, HELD * most) // HELD)
    return some(x, spread(len(x), most))


def _of_the_model(source: Source, data: Data | None) -> tuple[Fact, ...]:
    """Return a model's own notes; where data judge it, none says that it is not judged."""
    return tuple(n for n in source.notes if data is None or n not in opened.not_judged)


def _load_model(plan: Plan, home: Path, pretrained: bool) -> Source:
    reference = parse_model(plan.model)
    weights = _weights_path(plan.weights, home)
    if reference.kind == "sample":
        return _load_sample(reference.name, weights)
    if reference.kind == "torchvision":
        return load_torchvision(reference.name, weights, pretrained)
    if reference.kind == "timm":
        return load_timm(reference.name, weights, pretrained)
    if reference.kind == "hf":
        return load_hugging_face(reference.name, weights, pretrained)
    return load_python(reference.name, weights)


def _load_sample(name: str, weights: Path | None) -> Source:
    sample = get_sample(name)
    model = sample.build()
    path = weights or sample_directory(name) / "weights.safetensors"
    fit_weights(model, read_weights(path), path.name)
    task, tokenizer = sample.made_for()
    return Source(
        model=model,
        title=sample.title,
        sentence=sample.sentence,
        weights_label="your weights" if weights else "trained",
        expects=Expectation(shape=sample.input_shape),
        own_data=f"sample:{sample.data}",
        task=task,
        tokenizer=tokenizer,
    )


def _weights_path(weights: str | None, home: Path) -> Path | None:
    if weights is None:
        return None
    if weights.startswith("upload:"):
        return upload_path(weights, home)
    return Path(weights)


def _load_data(
    plan: Plan, source: Source, home: Path
) -> tuple[Data | None, Given, tuple[Fact, ...]]:
    """Return the data, if any, an example input (2, …) that the model accepts, and notes."""
    reference = plan.data or source.own_data
    parsed = parse_data(reference) if reference else None
    if reference is None and source.example is not None:
        return _given(plan, source, source.data)
    parsed = _as_whole_text(plan, source, parsed, home)
    if reference and parsed and parsed.kind in ("sample", "text", KIND):
        data = _of_its_own_form(plan, reference, parsed, source)
        _check_data(plan, source, data)
        return data, example_of(source.model, data.x), ()
    if parsed and parsed.kind == "python":
        return _given(plan, source, _made_data(plan, source, parsed.name))
    expects = expectation_of(plan, source)
    if reference is None or parsed is None:
        if expects.shape is None:
            return None, *guessed_example(source.model)
        return None, random_example(source.model, expects), ()
    raw, data = fitted(plan, source, reference, expects, home)
    trained = None
    if source.own_data and plan.weights is None:
        trained = load_sample_data(parse_data(source.own_data).name)
    labels = data.labelling.notes if data.labelling else ()
    said = (
        opened.together(labels) if labels else None,
        order_note(raw.features, expects.features),
        *raw.notes,
    )
    notes = (*(note for note in said if note), *overlap_notes(data, trained))
    return data, example_of(source.model, data.x), notes


def _as_whole_text(
    plan: Plan, source: Source, parsed: Reference | None, home: Path
) -> Reference | None:
    """Return an upload as the text or the questions of a language model, any other as it is."""
    if parsed is None or parsed.kind != "upload":
        return parsed
    task, kind = chosen_task(plan, source.task), ""
    if parsed.name.endswith(".txt") and isinstance(task, LanguageModelling):
        kind = "text"
    elif is_sent(plan.data or "") and isinstance(task, MultipleChoice):
        kind = KIND
    return replace(parsed, kind=kind, name=str(upload_path(parsed.name, home))) if kind else parsed


def _of_its_own_form(plan: Plan, reference: str, parsed: Reference, source: Source) -> Data:
    """Return the Data of a sample or a text, which no reading changes."""
    if plan.reading is not None:
        sample = parsed.kind == "sample"
        raise RefusedError(finding.sample_read_otherwise() if sample else text_files.no_reading())
    if parsed.kind == "text":
        return load_text(reference, parsed, source, chosen_task(plan, source.task))
    if parsed.kind == KIND:
        return load_choices(reference, parsed, source, chosen_task(plan, source.task))
    return load_sample_data(parsed.name)


def _given(
    plan: Plan, source: Source, data: Data | None
) -> tuple[Data | None, Given, tuple[Fact, ...]]:
    """Return data and example that a factory gave; ValueError where the model does not take them.

    Data of another factory bring an example of their own.
    """
    if data is not None and (data is not source.data or source.example is None):
        _check_data(plan, source, data)
        return data, example_of(source.model, data.x), ()
    assert source.example is not None
    shape = shape_of(source.example)
    if plan.input_shape is not None and shape != plan.input_shape:
        raise RefusedError(finding.inputs_of_another_shape(shape, plan.input_shape))
    forward(source.model, source.example)
    if data is not None:
        _check_data(plan, source, data)
    return data, source.example, ()


def _made_data(plan: Plan, source: Source, name: str) -> Data:
    """Return the data of the factory `FILE.py:FACTORY`; RefusedError where it makes none."""
    made = source if plan.model == f"python:{name}" else load_python(name, None)
    if made.data is None:
        raise RefusedError(given_subjects.no_data_of_factory(f"python:{name}"))
    return made.data


def _check_data(plan: Plan, source: Source, data: Data) -> None:
    """Raise ValueError where such data are not of the task, or of other classes."""
    task = chosen_task(plan, source.task) or found_task(data.y)
    if not task.labelled:
        check_task(task, forward_of(source.model, data.x, plan), data.y)
        return
    outputs = class_count(forward_of(source.model, data.x, plan), 2)
    if len(data.classes) > outputs:
        raise RefusedError(finding.more_classes(len(data.classes), outputs))
