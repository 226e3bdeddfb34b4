"""What cannot be asked of language models, one file for each topic."""

from pruneviz.wording.refusals.language import choices, writing

__all__ = ["choices", "writing"]
