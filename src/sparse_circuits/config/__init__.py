"""What a study is: its settings, checked before anything runs. No tensors here, so the workflow's graph builds fast."""

from sparse_circuits.config.catalogue import Dataset, Model, load_datasets, load_models
from sparse_circuits.config.load import load_study, read_yaml
from sparse_circuits.config.site import Site
from sparse_circuits.config.study import Study
from sparse_circuits.config.weight_sparse import WeightSparseStudy

__all__ = [
    "Dataset",
    "Model",
    "Site",
    "Study",
    "WeightSparseStudy",
    "load_datasets",
    "load_models",
    "load_study",
    "read_yaml",
]
