"""The test studies."""

from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.plan.paths import Paths
from sparse_circuits.studies.load import load_study
from sparse_circuits.studies.study import Study
from worlds.checkout import ROOT


def paths_of(name: str) -> Paths:
    """The paths of one of config/test."""
    study = load_study(read_yaml(ROOT / f"config/test/{name}.yaml"))
    assert isinstance(study, Study)
    return Paths(study)
