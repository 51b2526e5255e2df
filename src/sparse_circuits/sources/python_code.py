"""Python source without its prose: comments and docstrings left out, all else as it stands."""

import ast
import io
import tokenize
import warnings

MOST_BLANK = 2  # blank lines in a row


def code_only(source: str) -> str:
    """Return a module's source without comments and docstrings.

    A body that was a docstring alone becomes `pass`; of blank lines at most two in a row stay, none at the top. Quotes,
    indentation and line breaks of the code are as they were. Raises SyntaxError for what is no Python 3.
    """
    lines = source.split("\n")
    bodies, docstrings = _docstrings(source, lines)
    tokens = _tokens(source)
    comments = {token.start[0]: token.start[1] for token in tokens if token.type == tokenize.COMMENT}
    strings = {
        line for token in tokens if token.type == tokenize.STRING for line in range(token.start[0], token.end[0])
    }
    kept: list[str] = []
    blank = 0
    for number, line in enumerate(lines, 1):
        if number in bodies:
            line = " " * bodies[number] + "pass"
        elif number in docstrings:
            continue
        elif number in comments:
            line = line[: comments[number]].rstrip()
            if not line:
                continue
        blank = 0 if line.strip() else blank + 1
        if number in strings or not blank or (kept and blank <= MOST_BLANK):
            kept.append(line if number in strings or not blank else "")
    return "\n".join(kept)


def _docstrings(source: str, lines: list[str]) -> tuple[dict[int, int], set[int]]:
    """The first lines of docstrings that are a whole body, with their indentation; and the lines of all docstrings.

    Those that share a line with code are left out.
    """
    bodies: dict[int, int] = {}
    found: set[int] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # escapes that Python will no longer take some day
        tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first, *rest = node.body
            if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
                continue
            last = first.end_lineno or first.lineno
            alone = not lines[first.lineno - 1][: first.col_offset].strip() and all(one.lineno > last for one in rest)
            if isinstance(first.value.value, str) and alone:
                found.update(range(first.lineno, last + 1))
                if not rest and not isinstance(node, ast.Module):
                    bodies[first.lineno] = first.col_offset
    return bodies, found


def _tokens(source: str) -> list[tokenize.TokenInfo]:
    try:
        return list(tokenize.generate_tokens(io.StringIO(source).readline))
    except tokenize.TokenError as error:
        raise SyntaxError(str(error)) from None
