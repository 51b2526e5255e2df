from dataclasses import dataclass

from sparse_circuits.base.files import Folder
from sparse_circuits.config.write_report import WriteWeightReport
from sparse_circuits.report.weights import FoundWeights, write_weight_pages


@dataclass(frozen=True, kw_only=True)
class Files(FoundWeights):
    folder: Folder  # folder to write


def step(files: Files, settings: WriteWeightReport) -> None:
    """Write the pages of a study of weight-sparse transformers."""
    write_weight_pages(files, settings.study, files.folder)
