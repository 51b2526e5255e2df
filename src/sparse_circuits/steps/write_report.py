from dataclasses import dataclass

from sparse_circuits.base.files import Folder
from sparse_circuits.config.write_report import WriteReport
from sparse_circuits.report.page import Found, write_pages


@dataclass(frozen=True, kw_only=True)
class Files(Found):
    folder: Folder  # folder to write


def step(files: Files, settings: WriteReport) -> None:
    """Write a study's pages and its main numbers."""
    write_pages(files, settings.study, settings.headline_task, files.folder)
