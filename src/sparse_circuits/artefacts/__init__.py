"""The files of results/: one class a file, with its keys, how it is read and written, and the rule that makes it."""
