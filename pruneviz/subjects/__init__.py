"""Where models and data come from: samples, torchvision, a Python factory, files and uploads."""

from pruneviz.subjects.augmentation import Augmentation
from pruneviz.subjects.load import load_subject
from pruneviz.subjects.models.catalogue import ModelCard, list_models
from pruneviz.subjects.models.torchvision_models import list_torchvision
from pruneviz.subjects.own import subject_of
from pruneviz.subjects.plain import plainly
from pruneviz.subjects.references import needs_operator, own_paths
from pruneviz.subjects.subject import Data, Subject, freeze, tensors_sha256, weights_sha256
from pruneviz.subjects.uploads import accept, sent_files, table_columns

__all__ = [
    "Augmentation",
    "Data",
    "ModelCard",
    "Subject",
    "accept",
    "freeze",
    "list_models",
    "list_torchvision",
    "load_subject",
    "needs_operator",
    "own_paths",
    "plainly",
    "sent_files",
    "subject_of",
    "table_columns",
    "tensors_sha256",
    "weights_sha256",
]
