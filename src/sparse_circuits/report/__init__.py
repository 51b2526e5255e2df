"""The study's pages and its main numbers."""

from sparse_circuits.report.contents import Contents, appearance, report_files, weight_report_files
from sparse_circuits.report.summary import format_summary, summarise

__all__ = ["Contents", "appearance", "format_summary", "report_files", "summarise", "weight_report_files"]
