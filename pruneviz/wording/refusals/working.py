"""Why a job cannot be begun, asked to stop, gone on with, or its settings taken."""

from __future__ import annotations

from pruneviz.wording.fact import fact


@fact()
def no_directory(path: str, why: str) -> str:
    return f"'{path}' cannot be made: {why}"


@fact()
def checkpoint_unreadable(why: str) -> str:
    return f"it cannot be read: {why}"


@fact()
def checkpoint_changed() -> str:
    return "it is damaged: its content is not the one it was written with"


@fact()
def checkpoint_damaged() -> str:
    return "it is damaged, or it holds more than tensors and values"


@fact()
def no_checkpoint() -> str:
    return "it holds no state"


@fact()
def other_settings() -> str:
    return "it is one of other settings, or of an older version"


@fact()
def not_started(folder: str, why: str) -> str:
    return f"the job cannot be started in '{folder}': {why}"


@fact()
def checkpoints_not_copied(folder: str, why: str) -> str:
    return f"the checkpoints of '{folder}' cannot be copied: {why}"


@fact()
def no_place(folder: str, why: str) -> str:
    return f"no run can be kept in '{folder}': {why}"


@fact()
def not_asked_to_stop(why: str) -> str:
    return f"the job cannot be asked to stop: {why}"


@fact()
def result_not_kept(folder: str, why: str) -> str:
    return f"the result cannot be kept in '{folder}': {why}"


@fact()
def takes_no_settings(given: str) -> str:
    return f"this kind of work takes no settings, got {given}"


@fact()
def unknown_kind(name: str, known: str) -> str:
    return f"unknown kind of job '{name}'; choose from {known}"


@fact()
def no_whole_number(setting: str, given: str) -> str:
    return f"'{setting}' must be a whole number from 1, got {given}"


@fact()
def unknown_settings(unknown: str, known: str) -> str:
    return f"this scan has no setting {unknown}; it takes {known}"


@fact()
def no_switch(setting: str, given: str) -> str:
    return f"'{setting}' must be true or false, got {given}"


@fact()
def no_fraction(setting: str, given: str) -> str:
    return f"'{setting}' must be a fraction above 0 and at most 1, got {given}"


@fact()
def no_amount(setting: str, given: str) -> str:
    return f"'{setting}' must be a number above 0, in the metric's unit, got {given}"


@fact()
def no_memory(given: str) -> str:
    return f"the memory for kept activations must be 0 MB or more, got {given}"


@fact()
def no_limit(variable: str, given: str) -> str:
    return f"{variable} must be a whole number above 0, got '{given}'"


@fact()
def no_seconds(variable: str, given: str) -> str:
    return f"{variable} must be a whole number of seconds, got '{given}'"


@fact()
def no_niceness(variable: str, most: int, given: str) -> str:
    return f"{variable} must be 0 to {most}, got '{given}'"


@fact(field="model")
def no_folder_of_blocks(model: str) -> str:
    return (
        f"'{model}' is no language model in a folder of Hugging Face's: give hf:FOLDER with "
        "config.json, safetensors and tokenizer.json, or prune it whole with pruneviz run"
    )


@fact(field="model")
def no_blocks_of_gguf(file: str) -> str:
    return (
        f"'{file}' is packed, and no part of it can be read alone: give a folder with safetensors, "
        "or prune it whole with pruneviz run"
    )


@fact(field="model")
def no_tokenizer_of_blocks(folder: str) -> str:
    return (
        f"'{folder}' has no tokenizer that can be read, and a text is cut by one: put the model's "
        "tokenizer.json into it"
    )


@fact(field="data")
def no_text_for_blocks() -> str:
    return (
        "blocks are calibrated on a text: name one with --data text:FILE, such as "
        "text:words.txt?length=512"
    )


@fact(field="model")
def missing_files(folder: str, files: str) -> str:
    return f"'{folder}' lacks files that its index names: {files}; copy or download them again"


@fact(field="model")
def tensors_not_found(names: str) -> str:
    return (
        f"the files do not hold these tensors under the names that the network has: {names}; "
        "prune it whole with pruneviz run"
    )


@fact(field="model")
def no_blocks(network: str) -> str:
    return f"{network} is no stack of blocks, one after another: prune it whole with pruneviz run"


@fact(field="model")
def blocks_answer_otherwise(kind: str) -> str:
    return (
        f"its blocks answer with {kind} and not with the states that the next one reads: prune it "
        "whole with pruneviz run"
    )


@fact(field="model")
def calls_differ() -> str:
    return (
        "it calls its blocks otherwise from text to text, so that none can be looked at alone: "
        "prune it whole with pruneviz run"
    )


@fact(field="granularity")
def widths_of_blocks(title: str) -> str:
    return (
        f"{title} go together across all blocks, which are not there at once: choose one that sets "
        "weights to zero, such as weight or n_m"
    )


@fact(field="criterion")
def needs_whole_network(criterion: str) -> str:
    return (
        f"criterion '{criterion}' needs the whole network's loss or normalisation: choose one of a "
        "layer's own weights and inputs, such as wanda, sparsegpt or magnitude_l1"
    )


@fact(field="scope")
def scope_of_blocks(scope: str) -> str:
    return (
        f"scope '{scope}' compares layers of all blocks, which are not there at once: choose layer"
    )


@fact(field="recovery")
def recovery_of_blocks() -> str:
    return "no block is trained on its own: leave recovery out, and recover what was written"


@fact()
def other_work(folder: str) -> str:
    return (
        f"'{folder}' holds a pruning of another plan, of another text or with other choices: give "
        "them as they were, or another folder"
    )


@fact(field="weights")
def weights_of_blocks() -> str:
    return (
        "blocks are read from the model's own folder: leave --weights out, and give a folder that "
        "has these weights"
    )


@fact(field="layers")
def layer_outside(name: str) -> str:
    return (
        f"'{name}' is in no block, and what stands before and behind the blocks stays as it is: "
        "leave its sparsity out, or prune it whole with pruneviz run"
    )


@fact()
def folder_in_use(folder: str, file: str) -> str:
    return f"'{folder}' holds '{file}' already: give a folder that is empty or not there"


@fact()
def no_such_inputs(inputs: str, known: tuple[str, ...]) -> str:
    return f"there are no inputs '{inputs}': choose {' or '.join(known)}"


@fact(field="data")
def no_text_of_tokens() -> str:
    return "tokens stay that a text uses: name one with --data text:FILE"


@fact(field="model")
def no_tokenizer_file(folder: str) -> str:
    return (
        f"'{folder}' has no tokenizer.json, so no tokens can be taken out of its tokenizer: save "
        "it once with the library tokenizers"
    )


@fact(field="model")
def other_tokenizer(kind: str) -> str:
    return (
        f"its tokenizer is of the kind '{kind}', of which no tokens can be taken out: "
        "choose a network with BPE, Unigram, WordPiece or WordLevel"
    )


@fact()
def more_rows_of_tokens(name: str, tokens: int) -> str:
    return (
        f"'{name}' has a size of {tokens:,}, as many as there are tokens, and it is not known "
        "whether it stands for these: no token can go"
    )


@fact()
def cuts_otherwise() -> str:
    return (
        "without the other tokens the text is cut otherwise than before, so the tokenizer does "
        "more than its file says: keep the vocabulary whole"
    )


@fact()
def other_logits(error: float) -> str:
    return (
        f"the network written answers otherwise than the one it was cut from ({error:.1e} of the "
        "largest logit): what was written is not to be used"
    )
