"""Templates of the 20 tasks on Python code of Gao et al. 2025 (table 1): what is predicted follows from one fact.

{a}, {b}, {c} are names that differ from each other, each {w} is another word within a string.
"""

from typing import NamedTuple


class Template(NamedTuple):
    """A prompt and what follows, and the same with the fact changed."""

    clean: str
    clean_next: str
    patch: str
    patch_next: str


class Code(NamedTuple):
    """A task's templates, those to find circuits on apart from those to judge them by."""

    train: list[Template]
    test: list[Template]


# Names and words that may be one token; each half serves one split.
TRAIN_NAMES = [
    "value", "name", "data", "items", "result", "key", "path", "node", "index", "line", "text", "args", "obj",
    "field", "model", "point", "expr", "matrix", "symbol", "current", "first", "last", "source", "parent",
    "child", "left", "right", "start", "stop", "total", "limit", "request", "message",
]  # fmt: skip
TEST_NAMES = [
    "size", "file", "row", "column", "group", "label", "order", "state", "length", "default", "option", "entry",
    "target", "other", "instance", "function", "string", "number", "graph", "edge", "weight", "color", "url",
    "query", "user", "form", "code", "module", "version", "context",
]  # fmt: skip
TRAIN_WORDS = [
    "error", "name", "value", "path", "data", "test", "file", "list", "index", "message", "string",
]  # fmt: skip
TEST_WORDS = [
    "type", "key", "number", "result", "text", "object", "model", "field", "default", "line", "code",
]  # fmt: skip

TASKS: dict[str, Code] = {
    "single_double_quote": Code(
        [
            Template("print('{w}", "')", 'print("{w}', '")'),
            Template("{a} = {b}.get('{w}", "')", '{a} = {b}.get("{w}', '")'),
            Template("raise ValueError('{w} {w}", "')", 'raise ValueError("{w} {w}', '")'),
        ],
        [
            Template("{a}.append('{w}", "')", '{a}.append("{w}', '")'),
            Template("return {a}.{b}('{w}", "')", 'return {a}.{b}("{w}', '")'),
        ],
    ),
    "final_kwarg": Code(
        [
            Template("def {a}(self, {b}=None, {c}", "=None", "def {a}(self, {b}.name, {c}", "):"),
            Template("def get(self, {a}=None, {b}=None, {c}", "=None", "def get(self, {a}, x, {b}, x, {c}", "):"),
        ],
        [Template("def set_{a}({b}, {c}=None, x", "=None", "def set_{a}({b}, {c}, y, x", "):")],
    ),
    "set_or_string": Code(
        [
            Template("{a} = set()\nfor {b} in {c}:\n    {a}", ".add(", '{a} = ""\nfor {b} in {c}:\n    {a}', " +="),
            Template("{a} = set()\nif {b}:\n    {a}", ".add(", '{a} = ""\nif {b}:\n    {a}', " +="),
        ],
        [Template("{a} = set()\nwhile {b}:\n    {a}", ".add(", '{a} = ""\nwhile {b}:\n    {a}', " +=")],
    ),
    "set_or_string_fixedvarname": Code(
        [
            Template(
                "current = set()\nfor {b} in {c}:\n    current",
                ".add(",
                'current = ""\nfor {b} in {c}:\n    current',
                " +=",
            ),
        ],
        [
            Template(
                "current = set()\nif {b}.{c}:\n    current", ".add(", 'current = ""\nif {b}.{c}:\n    current', " +="
            )
        ],
    ),
    "class_init": Code(
        [
            Template(
                "def __init__(self, {a}):\n        self.{a} =",
                " {a}",
                "def __init__(self, {b}):\n        self.{b} =",
                " {b}",
            ),
            Template(
                "def __init__(self, {c}, {a}):\n        self.{c} = {c}\n        self.{a} =",
                " {a}",
                "def __init__(self, {c}, {b}):\n        self.{c} = {c}\n        self.{b} =",
                " {b}",
            ),
        ],
        [
            Template(
                "def __init__(self, {a}, {c}):\n        self.{a} =",
                " {a}",
                "def __init__(self, {b}, {c}):\n        self.{b} =",
                " {b}",
            ),
        ],
    ),
    "with_as": Code(
        [
            Template("with open({a})", " as", "f = open({a})", "\n"),
            Template("with open({a}, {b})", " as", "f = open({a}, {b})", "\n"),
        ],
        [Template("with open({a}.{b})", " as", "f = open({a}.{b})", "\n")],
    ),
    "bracket_brace": Code(
        [
            Template('{a} = {{"{w}": 1, "{w}"', ":", '{a} = ["{w}", 1, "{w}"', ","),
            Template("{a} = {{1: {b}, 2", ":", "{a} = [1, {b}, 2", ","),
        ],
        [Template("return {{0: {b}, 1: {c}, 2", ":", "return [0, {b}, 1, {c}, 2", ",")],
    ),
    "with_open": Code(
        [
            Template("with open({b}.input_{a}, '", "r", "with open({b}.output_{a}, '", "w"),
            Template("with open({b}, read_{a}, '", "r", "with open({b}, write_{a}, '", "w"),
        ],
        [Template("with open({b}.{a}_input, '", "r", "with open({b}.{a}_output, '", "w")],
    ),
    "bracket_counting": Code(
        [
            Template("{a} = [1, 2, 3", "]", "{a} = [[1, 2, 3", "]]"),
            Template("{a} = [{b}, {c}", "]", "{a} = [[{b}, {c}", "]]"),
        ],
        [Template("{a} = [0, {b}, 2", "]", "{a} = [[0, {b}, 2", "]]")],
    ),
    "for_while": Code(
        [
            Template("{b} = 0\nfor {a}", " in", "{b} = 0\nwhile {a}", ":"),
            Template("    for {a}", " in", "    while {a}", ":"),
        ],
        [Template("{b} = {c}\nfor {a}", " in", "{b} = {c}\nwhile {a}", ":")],
    ),
    "else_elif": Code(
        [
            Template("if {a}:\n    {b}()\nelse", ":", "if {a}:\n    {b}()\nelif", " {a}"),
            Template("if {a}:\n    return {b}\nelse", ":", "if {a}:\n    return {b}\nelif", " {a}"),
        ],
        [Template("if {a} == {b}:\n    {c} = 1\nelse", ":", "if {a} == {b}:\n    {c} = 1\nelif", " {a}")],
    ),
    "fstring_brace": Code(
        [
            Template('raise ValueError(f"{w} {w}:', " {{", 'raise ValueError("{w} {w}:', " %"),
            Template('print(f"{w} {w}:', " {{", 'print("{w} {w}:', " %"),
        ],
        [Template('return f"{w} {w}:', " {{", 'return "{w} {w}:', " %")],
    ),
    "if_ternary": Code(
        [
            Template("{a} = {b}\nif {c}", ":", "{a} = {b} if {c}", " else"),
            Template("return {b}\nif {c}", ":", "return {b} if {c}", " else"),
        ],
        [Template("self.{a} = {b}\nif {c}", ":", "self.{a} = {b} if {c}", " else")],
    ),
    "var_swap": Code(
        [
            Template("{a}, {c} = {c},", " {a}", "{b}, {c} = {c},", " {b}"),
            Template("if {c} < {a}:\n    {a}, {c} = {c},", " {a}", "if {c} < {b}:\n    {b}, {c} = {c},", " {b}"),
        ],
        [Template("while {c}:\n    {a}, {c} = {c},", " {a}", "while {c}:\n    {b}, {c} = {c},", " {b}")],
    ),
    "indent_for": Code(
        [
            Template("{a} = 0\nfor {b} in {c}:", "\n    {b}", "{a} = 0\n    for {b} in {c}:", "\n        {b}"),
            Template("import {a}\nfor {b} in {c}:", "\n    {b}", "import {a}\n    for {b} in {c}:", "\n        {b}"),
        ],
        [Template("{a}.run()\nfor {b} in {c}:", "\n    {b}", "{a}.run()\n    for {b} in {c}:", "\n        {b}")],
    ),
    "lambda_func": Code(
        [
            Template("{a} = lambda {b}", ":", "def {b}", "("),
            Template("{a}.sort(key=lambda {b}", ":", "def {b}", "("),
        ],
        [Template("return {a}(lambda {b}", ":", "def {b}", "(")],
    ),
    "if_equals": Code(
        [
            Template("if {b}.{a}", " ==", "{b}.{a}", " ="),
            Template("    if self.{a}.{b}", " ==", "    self.{a}.{b}", " ="),
        ],
        [Template("elif {b}.{a}", " ==", "{b}.{a}", " =")],
    ),
    "enumerate_range": Code(
        [
            Template("for i, {a} in", " enumerate", "for {a} in", " range"),
            Template("{b} = 0\nfor j, {a} in", " enumerate", "{b} = 0\nfor {a} in", " range"),
        ],
        [Template("{b}()\nfor k, {a} in", " enumerate", "{b}()\nfor {a} in", " range")],
    ),
    "var_if": Code(
        [
            Template("if {a} == True", ":", "{a} = True", "\n"),
            Template("if {b}.{a} is True", ":", "{b}.{a} = True", "\n"),
        ],
        [Template("if self.{b}.{a} is True", ":", "self.{b}.{a} = True", "\n")],
    ),
    "while_return_true": Code(
        # Up to the token that both share: after `:` and `True` the bigram table alone would tell what follows.
        [
            Template("    {a}()\n    while True", ":", "    {a}()\n    return True", "\n\n    def"),
            Template("    {a} = {b}\n    while True", ":", "    {a} = {b}\n    return True", "\n\n    def"),
        ],
        [Template("    {a}.{b}()\n    while True", ":", "    {a}.{b}()\n    return True", "\n\n    def")],
    ),
}
