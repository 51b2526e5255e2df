"""The tasks on code by name."""

from typing import Literal, get_args

# The 20 tasks of Gao et al. 2025, table 1.
CodeTask = Literal[
    "single_double_quote", "final_kwarg", "set_or_string", "set_or_string_fixedvarname", "class_init", "with_as",
    "bracket_brace", "with_open", "bracket_counting", "for_while", "else_elif", "fstring_brace", "if_ternary",
    "var_swap", "indent_for", "lambda_func", "if_equals", "enumerate_range", "var_if", "while_return_true",
]  # fmt: skip
TASKS: tuple[CodeTask, ...] = get_args(CodeTask)
