"""The steps of the workflow, a function a rule: each reads files, calls the library, and writes files."""
