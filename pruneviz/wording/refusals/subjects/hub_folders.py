"""Why a folder of Hugging Face's kind is refused."""

from __future__ import annotations

from pruneviz.wording.fact import fact

MOST_NAMED = 3  # files
GIVE = "give a folder with config.json, model.safetensors and tokenizer.json, or with a GGUF file"


@fact(field="model")
def no_folder(name: str) -> str:
    return f"there is no folder '{name}', and OWNER/NAME of the hub reads otherwise; {GIVE}"


@fact(field="model")
def not_from_the_hub(name: str, fault: str) -> str:
    return f"there is no folder '{name}', and from the hub it could not be had ({fault}); {GIVE}"


@fact(field="model")
def no_network(path: str, files: tuple[str, ...]) -> str:
    if files:
        several = f"has no config.json and {len(files)} GGUF files, {', '.join(files)}"
        return f"'{path}' {several}: leave one of them in a folder of its own"
    return f"'{path}' has neither config.json nor a GGUF file; {GIVE}"


@fact(field="model")
def no_gguf(file: str) -> str:
    return f"'{file}' is no GGUF file; copy or download it again"


@fact(field="model")
def no_json(file: str, reason: str) -> str:
    return f"'{file}' cannot be read ({reason}); copy or download it again"


@fact(field="model")
def json_too_large(file: str, most: int) -> str:
    return f"'{file}' has more than {most:,} bytes, which no such file needs; give another"


@fact(field="model")
def quantised() -> str:
    return (
        "the weights of this folder are quantised, and such numbers cannot be cut: open the "
        "network that it was made of, and quantise the pruned one"
    )


@fact(field="model")
def other_architecture(architecture: str, model_type: str) -> str:
    return (
        f"config.json names the class {architecture} of the type {model_type}, and transformers "
        "has none such among its classifiers of images or texts and its causal language models; "
        "code that comes with a network is not run: choose another, or give your own as "
        "python:FILE.py:FACTORY"
    )


@fact(field="weights")
def no_weights(path: str) -> str:
    return f"'{path}' has no model.safetensors; put it there, or give weights"


@fact(field="model")
def not_opened(file: str, reason: str) -> str:
    return f"transformers cannot open '{file}': {reason}; copy the folder again, or choose another"


@fact(field="model")
def no_vocabulary(files: tuple[str, ...]) -> str:
    return f"there is no {' or '.join(files)} in it"


@fact(field="weights")
def parts_missing(index: str, missing: tuple[str, ...], of: int) -> str:
    named = ", ".join(missing[:MOST_NAMED]) + (", …" if len(missing) > MOST_NAMED else "")
    return (
        f"{len(missing)} of the {of} files that '{index}' names are not beside it: {named}; "
        "copy or download these, too"
    )


@fact(field="model")
def other_gguf(file: str, kind: str) -> str:
    return (
        f"'{file}' holds a network of the kind '{kind}', which transformers cannot read from GGUF: "
        "give the folder that it was made of, with config.json and model.safetensors"
    )
