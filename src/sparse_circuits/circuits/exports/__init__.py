"""Circuits and graphs in other programs' formats. A new one is one file and one line here."""
