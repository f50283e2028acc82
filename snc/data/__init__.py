"""Data: a pipeline is read, prepared once, kept in a cache, and given out in batches."""

from snc.data.cache import pipeline_text
from snc.data.pipeline import Description, describe, prepare
from snc.data.prepared import Prepared
from snc.model.words import WORDS, Argument, Word

__all__ = [
    "WORDS",
    "Argument",
    "Description",
    "Prepared",
    "Word",
    "describe",
    "pipeline_text",
    "prepare",
]
