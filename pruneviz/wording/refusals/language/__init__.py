"""What cannot be asked of language models, one file for each topic."""

from pruneviz.wording.refusals.language import writing

__all__ = ["writing"]
