"""The study's page and its main numbers."""

from sparse_circuits.report.page import write_page
from sparse_circuits.report.summary import format_summary, summarise

__all__ = ["format_summary", "summarise", "write_page"]
