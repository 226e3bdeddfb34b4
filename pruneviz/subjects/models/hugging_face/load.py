"""A network of transformers from its folder: of images, texts and tokens, language models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from pruneviz.subjects.models.expectation import Expectation, Source
from pruneviz.subjects.models.hugging_face.folder import (
    Folder,
    find_folder,
    read_json,
    refuse_unknown_kind,
    tensors_of,
    told,
)
from pruneviz.subjects.models.hugging_face.scores import scores_of
from pruneviz.subjects.models.hugging_face.tokenizer import FileTokenizer, tokenizer_of
from pruneviz.subjects.models.own_names import own_names
from pruneviz.subjects.models.published import first_line, library
from pruneviz.subjects.models.weights import misfits_of, read_weights, some
from pruneviz.tasks import TASKS, Task
from pruneviz.tasks.language_modelling import LanguageModelling
from pruneviz.tasks.token_classification import TokenClassification
from pruneviz.wording import Fact, RefusedError, opened
from pruneviz.wording.refusals.subjects import hub_folders, weight_files

PLACES = 64  # of an example of text, where a network takes as many
SEED = 0
BEYOND_MEASURE = 10**9  # tokens of a text
# What a network is for, by the name of transformers' own table of its classes.
TABLES = {
    "language": "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
    "text": "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES",
    "tokens": "MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES",
    "image": "MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES",
}
DOES = {
    "language": "says how likely each token comes next",
    "text": "judges texts",
    "tokens": "labels each token of a text",
    "image": "judges images",
}
PROBLEMS = {"regression": "regression", "multi_label_classification": "multi_label"}
RESAMPLING = {0: "nearest", 2: "bilinear", 3: "bicubic"}  # as Pillow numbers them


def load_hugging_face(name: str, weights: Path | None, pretrained: bool) -> Source:
    """Return the network of a folder, or of the hub's OWNER/NAME, with its or the given weights.

    Its class is the one that config.json names, of those that transformers itself has: no code of
    the folder runs. Without `pretrained` nothing is downloaded.
    """
    library("transformers", "language")
    folder = find_folder(name, pretrained)
    with told(folder):
        config, kind, architecture = configuration(folder)
        network, notes = _network(folder, config, architecture, weights)
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    tokens = None if kind == "image" else int(config.get_text_config().vocab_size)
    tokenizer, missing = (None, None) if tokens is None else _tokenizer(folder, tokens)
    model = network if kind == "language" else scores_of(network, kind)
    return Source(
        model=model,
        title=f"{Path(name).name} (Hugging Face)",
        sentence=f"A network of transformers ({architecture}) that {DOES[kind]}, "
        f"{millions:.1f} M parameters.",
        weights_label="your weights" if weights else "pretrained",
        expects=_expectation(folder, config, kind, model),
        notes=tuple(note for note in (*notes, missing) if note),
        tokenizer=tokenizer,
        task=_task(config, kind, tokenizer),
    )


def configuration(folder: Folder) -> tuple[Any, str, str]:
    """Return a folder's configuration, what its network is for, and the network's class."""
    import transformers

    given = {} if folder.gguf else read_json(folder.path / "config.json")
    if given.get("quantization_config"):
        raise RefusedError(hub_folders.quantised())
    named = (given.get("architectures") or [None])[0]
    if not folder.gguf:
        _kind(given.get("model_type"), named)  # before anything is built of the file
    try:
        config = transformers.AutoConfig.from_pretrained(folder.path, **folder.options)
    # What a library can raise over files that anybody wrote is without end.
    except Exception:
        if folder.gguf:
            refuse_unknown_kind(folder)
        raise
    config.use_cache = False  # what was computed for earlier tokens would be answered, too
    kind, architecture = _kind(config.model_type, named)
    sdpa = getattr(transformers, architecture)._supports_sdpa
    # a file may name another, which would be downloaded
    config._attn_implementation = "sdpa" if sdpa else "eager"
    return config, kind, architecture


def _kind(model_type: Any, named: Any) -> tuple[str, str]:
    """Return what a network is for and its class; RefusedError for those that are not opened.

    A GGUF file names no class: it holds a language model.
    """
    from transformers.models.auto import modeling_auto

    for kind, table in TABLES.items():
        classes = getattr(modeling_auto, table).get(model_type, ())
        classes = (classes,) if isinstance(classes, str) else classes
        if named in classes or (named is None and classes and kind == "language"):
            return kind, named or classes[0]
    raise RefusedError(hub_folders.other_architecture(str(named), str(model_type)))


def _network(
    folder: Folder, config: Any, architecture: str, weights: Path | None
) -> tuple[nn.Module, list[Fact | None]]:
    """Return the network with its weights in single precision, and what of them is left out."""
    import transformers

    kind = getattr(transformers, architecture)
    with torch.device("meta"):
        empty = kind._from_config(config)
    tensors = tensors_of(folder, empty) if weights is None else read_weights(weights, single=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        network, found = kind.from_pretrained(
            None, config=config, state_dict=tensors, dtype=torch.float32,
            output_loading_info=True, ignore_mismatched_sizes=True,
        )  # fmt: skip
    misfits = [weight_files.of_another_shape(*each) for each in sorted(found["mismatched_keys"])]
    faults = misfits_of(misfits, sorted(found["missing_keys"]), [])
    if faults:
        file = weights.name if weights else folder.gguf or folder.path.name
        raise RefusedError(weight_files.not_fitting(file, faults))
    unused = sorted(found["unexpected_keys"])
    return network, [opened.tensors_not_used(len(unused), some(unused)) if unused else None]


def _tokenizer(folder: Folder, tokens: int) -> tuple[FileTokenizer | None, Fact | None]:
    """Return the folder's tokenizer, None where it cannot be read, and a note on what is amiss."""
    try:
        with told(folder):
            found = tokenizer_of(folder, tokens)
            foreign = found.known > tokens
            return found, opened.foreign_tokenizer(found.known, tokens) if foreign else None
    except RefusedError as error:
        return None, opened.no_tokenizer(first_line(error.__cause__ or error))


def _task(config: Any, kind: str, tokenizer: FileTokenizer | None) -> Task | None:
    if kind == "language":
        return LanguageModelling(tokenizer.token_bytes if tokenizer else None)
    if kind == "tokens":
        return TokenClassification()
    task = PROBLEMS.get(config.problem_type or ("regression" if config.num_labels == 1 else ""))
    return TASKS.get(task).implementation() if task else None


def _expectation(folder: Folder, config: Any, kind: str, model: nn.Module) -> Expectation:
    """Return the form of one input: that of the images of the training, or a number of tokens."""
    if kind != "image":
        text = config.get_text_config()
        most = getattr(text, "max_position_embeddings", None) or PLACES
        places = max(1, min(PLACES, most // 2))  # some count places from beyond 0
        return Expectation(
            shape=(places,),
            tokens=int(text.vocab_size),
            classes=own_names(model),
            places=_most_places(folder, most, model),
            padding=config.pad_token_id,
        )
    file = folder.path / "preprocessor_config.json"
    made = read_json(file) if file.is_file() else {}
    shape = _image_shape(config, made)
    size = made.get("size")
    shorter = size.get("shortest_edge") if isinstance(size, dict) else size
    normal = made.get("do_normalize", bool(made)) and "image_mean" in made
    return Expectation(
        shape=shape,
        mean=tuple(map(float, made["image_mean"])) if normal else None,
        std=tuple(map(float, made["image_std"])) if normal else None,
        classes=own_names(model),
        resize=int(shorter) if made.get("do_center_crop") and shorter else None,
        interpolation=RESAMPLING.get(made.get("resample", 2), "bilinear"),
    )


def _most_places(folder: Folder, most: int | None, model: nn.Module) -> int | None:
    """Return how many tokens a text may have, as the network or its tokenizer says, else None.

    A table of places that has one for padding is counted from behind it, as RoBERTa's.
    """
    for name, part in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(part, nn.Embedding):
            most = part.num_embeddings - (0 if part.padding_idx is None else part.padding_idx + 1)
    file = folder.path / "tokenizer_config.json"
    said = read_json(file).get("model_max_length") if file.is_file() else None
    # a tokenizer without a limit says one beyond all measure
    known = [n for n in (most, said) if isinstance(n, int) and 0 < n < BEYOND_MEASURE]
    return min(known) if known else None


def _image_shape(config: Any, made: dict[str, Any]) -> tuple[int, int, int]:
    """Return (C, H, W) from how images were prepared, else from the network's configuration."""
    size = (made.get("crop_size") if made.get("do_center_crop") else None) or made.get("size")
    size = size or getattr(config, "image_size", None) or 224
    if isinstance(size, dict):
        edge = size.get("shortest_edge", getattr(config, "image_size", 224))
        size = (size.get("height", edge), size.get("width", edge))
    height, width = size if isinstance(size, list | tuple) else (size, size)
    return int(getattr(config, "num_channels", 3)), int(height), int(width)
