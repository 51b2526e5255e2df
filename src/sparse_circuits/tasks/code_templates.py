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
    """A task's templates: to learn masks on, to decide on a circuit's size by, and to judge it by."""

    train: list[Template]
    held_out: list[Template]
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
            Template("self.{a}.{b}('{w}", "')", 'self.{a}.{b}("{w}', '")'),
        ],
        [
            Template("if {a}.startswith('{w}", "')", 'if {a}.startswith("{w}', '")'),
            Template("{a} = {b}('{w} {w}", "')", '{a} = {b}("{w} {w}', '")'),
        ],
        [
            Template("{a}.append('{w}", "')", '{a}.append("{w}', '")'),
            Template("return {a}.{b}('{w}", "')", 'return {a}.{b}("{w}', '")'),
        ],
    ),
    "final_kwarg": Code(
        [
            Template("    def {a}(self, {b}=None, {c}", "=None", "    def {a}(self, {b}, x, {c}", "):"),
            Template(
                "    def get(self, {a}=None, {b}=None, {c}", "=None", "    def get(self, {a}, x, {b}, x, {c}", "):"
            ),
            Template("def {a}({b}=None, {c}", "=None", "def {a}({b}, x, {c}", "):"),
            Template("    def {a}(self, {b}, x=None, {c}", "=None", "    def {a}(self, {b}, x, y, {c}", "):"),
        ],
        [
            Template("    def {a}(cls, {b}=None, {c}", "=None", "    def {a}(cls, {b}, x, {c}", "):"),
            Template("    def __init__(self, x, {a}=None, {b}", "=None", "    def __init__(self, x, {a}, y, {b}", "):"),
        ],
        [
            Template("def set_{a}({b}, {c}=None, x", "=None", "def set_{a}({b}, {c}, y, x", "):"),
            Template("    def __call__(self, {a}=None, {b}", "=None", "    def __call__(self, {a}, x, {b}", "):"),
        ],
    ),
    "set_or_string": Code(
        [
            Template(
                "    {a} = set()\n    for {b} in {c}:\n        {a}",
                ".add(",
                '    {a} = ""\n    for {b} in {c}:\n        {a}',
                " +=",
            ),
            Template(
                "    {a} = set()\n    if {b}:\n        {a}", ".add(", '    {a} = ""\n    if {b}:\n        {a}', " +="
            ),
            Template(
                "    {a} = set()\n    for x in {c}:\n        {a}",
                ".add(",
                '    {a} = ""\n    for x in {c}:\n        {a}',
                " +=",
            ),
            Template(
                "    {a} = set()\n    for {b} in self.{c}:\n        {a}",
                ".add(",
                '    {a} = ""\n    for {b} in self.{c}:\n        {a}',
                " +=",
            ),
        ],
        [
            Template(
                "    {a} = set()\n    for {b} in {c}.{b}:\n        {a}",
                ".add(",
                '    {a} = ""\n    for {b} in {c}.{b}:\n        {a}',
                " +=",
            ),
            Template(
                "    {a} = set()\n    for x, {b} in {c}:\n        {a}",
                ".add(",
                '    {a} = ""\n    for x, {b} in {c}:\n        {a}',
                " +=",
            ),
        ],
        [
            Template(
                "    {a} = set()\n    while {b}:\n        {a}",
                ".add(",
                '    {a} = ""\n    while {b}:\n        {a}',
                " +=",
            ),
            Template(
                "    {a} = set()\n    if {b}.{c}:\n        {a}",
                ".add(",
                '    {a} = ""\n    if {b}.{c}:\n        {a}',
                " +=",
            ),
        ],
    ),
    "set_or_string_fixedvarname": Code(
        [
            Template(
                "    current = set()\n    for {b} in {c}:\n        current",
                ".add(",
                '    current = ""\n    for {b} in {c}:\n        current',
                " +=",
            ),
            Template(
                "    current = set()\n    for x in {c}.{b}:\n        current",
                ".add(",
                '    current = ""\n    for x in {c}.{b}:\n        current',
                " +=",
            ),
            Template(
                "    current = set()\n    for {b} in self.{c}:\n        current",
                ".add(",
                '    current = ""\n    for {b} in self.{c}:\n        current',
                " +=",
            ),
            Template(
                "    current = set()\n    for x, {b} in {c}:\n        current",
                ".add(",
                '    current = ""\n    for x, {b} in {c}:\n        current',
                " +=",
            ),
        ],
        [
            Template(
                "    current = set()\n    while {b}:\n        current",
                ".add(",
                '    current = ""\n    while {b}:\n        current',
                " +=",
            ),
            Template(
                "    current = set()\n    for {a}, {b} in {c}():\n        current",
                ".add(",
                '    current = ""\n    for {a}, {b} in {c}():\n        current',
                " +=",
            ),
        ],
        [
            Template(
                "    current = set()\n    if {b}.{c}:\n        current",
                ".add(",
                '    current = ""\n    if {b}.{c}:\n        current',
                " +=",
            ),
            Template(
                "    current = set()\n    if {b} == {c}:\n        current",
                ".add(",
                '    current = ""\n    if {b} == {c}:\n        current',
                " +=",
            ),
        ],
    ),
    "class_init": Code(
        [
            Template(
                "    def __init__(self, {a}):\n        self.{a} =",
                " {a}",
                "    def __init__(self, {b}):\n        self.{b} =",
                " {b}",
            ),
            Template(
                "    def __init__(self, {c}, {a}):\n        self.{c} = {c}\n        self.{a} =",
                " {a}",
                "    def __init__(self, {c}, {b}):\n        self.{c} = {c}\n        self.{b} =",
                " {b}",
            ),
            Template(
                "    def __init__(self, {a}=None):\n        self.{a} =",
                " {a}",
                "    def __init__(self, {b}=None):\n        self.{b} =",
                " {b}",
            ),
            Template(
                "    def set(self, {a}):\n        self.{a} =",
                " {a}",
                "    def set(self, {b}):\n        self.{b} =",
                " {b}",
            ),
        ],
        [
            Template(
                "    def __init__(self, {a}, *args):\n        self.{a} =",
                " {a}",
                "    def __init__(self, {b}, *args):\n        self.{b} =",
                " {b}",
            ),
            Template(
                "    def __init__(self, {a}, x=None):\n        self.x = x\n        self.{a} =",
                " {a}",
                "    def __init__(self, {b}, x=None):\n        self.x = x\n        self.{b} =",
                " {b}",
            ),
        ],
        [
            Template(
                "    def __init__(self, {a}, {c}):\n        self.{a} =",
                " {a}",
                "    def __init__(self, {b}, {c}):\n        self.{b} =",
                " {b}",
            ),
            Template(
                "    def __init__(self, x, {a}):\n        self.x = x\n        self.{a} =",
                " {a}",
                "    def __init__(self, x, {b}):\n        self.x = x\n        self.{b} =",
                " {b}",
            ),
        ],
    ),
    "with_as": Code(
        [
            Template("    with open({a})", " as", "    f = open({a})", "\n"),
            Template("    with open({a}, {b})", " as", "    f = open({a}, {b})", "\n"),
            Template("    {a} = {b}\n    with open({a})", " as", "    {a} = {b}\n    f = open({a})", "\n"),
            Template("    {c}()\n    with open({a}, {b})", " as", "    {c}()\n    f = open({a}, {b})", "\n"),
        ],
        [
            Template("    with {a}.open({b})", " as", "    f = {a}.open({b})", "\n"),
            Template("def {a}({b}):\n    with open({b})", " as", "def {a}({b}):\n    f = open({b})", "\n"),
        ],
        [
            Template("    with open({a}.{b})", " as", "    f = open({a}.{b})", "\n"),
            Template("    if {a}:\n        with {b}({a})", " as", "    if {a}:\n        f = {b}({a})", "\n"),
        ],
    ),
    "bracket_brace": Code(
        [
            Template('{a} = {{"{w}": 1, "{w}"', ":", '{a} = ["{w}", 1, "{w}"', ","),
            Template("{a} = {{1: {b}, 2", ":", "{a} = [1, {b}, 2", ","),
            Template('{a} = {{"{w}"', ":", '{a} = ["{w}"', ","),
            Template('self.{a} = {{1: "{w}", 2', ":", 'self.{a} = [1, "{w}", 2', ","),
        ],
        [
            Template('{a} = {b}({{"{w}"', ":", '{a} = {b}(["{w}"', ","),
            Template("for {a} in {{1: {b}, 2: {c}, 3", ":", "for {a} in [1, {b}, 2, {c}, 3", ","),
        ],
        [
            Template("return {{0: {b}, 1: {c}, 2", ":", "return [0, {b}, 1, {c}, 2", ","),
            Template('{a}.{b} = {{"{w}"', ":", '{a}.{b} = ["{w}"', ","),
        ],
    ),
    "with_open": Code(
        [
            Template("    with open({b}.input_{a}, '", "r", "    with open({b}.output_{a}, '", "w"),
            Template("    with open({b}, read_{a}, '", "r", "    with open({b}, write_{a}, '", "w"),
            Template("    with open(input_{a}, '", "r", "    with open(output_{a}, '", "w"),
            Template("    f = open(self.input_{a}, '", "r", "    f = open(self.output_{a}, '", "w"),
        ],
        [
            Template("    with open({a}.input, '", "r", "    with open({a}.output, '", "w"),
            Template("    f = open(input_{a}, '", "r", "    f = open(output_{a}, '", "w"),
        ],
        [
            Template("    with open({b}.{a}_input, '", "r", "    with open({b}.{a}_output, '", "w"),
            Template("    with open(self.input.{a}, '", "r", "    with open(self.output.{a}, '", "w"),
        ],
    ),
    "bracket_counting": Code(
        [
            Template("{a} = [1, 2, 3", "]", "{a} = [[1, 2, 3", "]]"),
            Template("{a} = [1, 2", "]", "{a} = [[1, 2", "]]"),
            Template("{a}.{b} = [1, 2, 3", "]", "{a}.{b} = [[1, 2, 3", "]]"),
            Template("self.{a} = [0, 1, 2", "]", "self.{a} = [[0, 1, 2", "]]"),
        ],
        [
            Template("return [1, 0", "]", "return [[1, 0", "]]"),
            Template("{a} == [0, 1", "]", "{a} == [[0, 1", "]]"),
        ],
        [
            Template("{a} = [0, {b}, 2", "]", "{a} = [[0, {b}, 2", "]]"),
            Template("for {a} in [0, 1", "]", "for {a} in [[0, 1", "]]"),
        ],
    ),
    "for_while": Code(
        [
            Template("    {b} = 0\n    for {a}", " in", "    {b} = 0\n    while {a}", ":"),
            Template("    for {a}", " in", "    while {a}", ":"),
            Template("    {b}()\n    for {a}", " in", "    {b}()\n    while {a}", ":"),
            Template("if {b}:\n    for {a}", " in", "if {b}:\n    while {a}", ":"),
        ],
        [
            Template("        for {a}", " in", "        while {a}", ":"),
            Template("    {b}.{c}()\n    for {a}", " in", "    {b}.{c}()\n    while {a}", ":"),
        ],
        [
            Template("    {b} = {c}\n    for {a}", " in", "    {b} = {c}\n    while {a}", ":"),
            Template("else:\n    for {a}", " in", "else:\n    while {a}", ":"),
        ],
    ),
    "else_elif": Code(
        [
            Template("    if {a}:\n        {b}()\n    else", ":", "    if {a}:\n        {b}()\n    elif", " {a}"),
            Template(
                "    if {a}:\n        return {b}\n    else", ":", "    if {a}:\n        return {b}\n    elif", " {a}"
            ),
            Template("    if {a}:\n        {b} = 1\n    else", ":", "    if {a}:\n        {b} = 1\n    elif", " {a}"),
            Template(
                "    if not {a}:\n        {b} = {c}\n    else",
                ":",
                "    if not {a}:\n        {b} = {c}\n    elif",
                " {a}",
            ),
        ],
        [
            Template(
                "    if {a} > 0:\n        {b}()\n    else", ":", "    if {a} > 0:\n        {b}()\n    elif", " {a}"
            ),
            Template(
                "    if {a}.{b}:\n        return {c}\n    else",
                ":",
                "    if {a}.{b}:\n        return {c}\n    elif",
                " {a}",
            ),
        ],
        [
            Template(
                "    if {a} == {b}:\n        {c} = 1\n    else",
                ":",
                "    if {a} == {b}:\n        {c} = 1\n    elif",
                " {a}",
            ),
            Template(
                "        if {a} in {b}:\n            {c}()\n        else",
                ":",
                "        if {a} in {b}:\n            {c}()\n        elif",
                " {a}",
            ),
        ],
    ),
    "fstring_brace": Code(
        [
            Template('raise ValueError(f"{w} {w}:', " {{", 'raise ValueError("{w} {w}:', " %"),
            Template('print(f"{w} {w}:', " {{", 'print("{w} {w}:', " %"),
            Template('raise {a}(f"{w} {w}:', " {{", 'raise {a}("{w} {w}:', " %"),
            Template('{a}.{b}(f"{w} {w}:', " {{", '{a}.{b}("{w} {w}:', " %"),
        ],
        [
            Template('raise TypeError(f"{w} {w}:', " {{", 'raise TypeError("{w} {w}:', " %"),
            Template('self.{a}(f"{w} {w}:', " {{", 'self.{a}("{w} {w}:', " %"),
        ],
        [
            Template('return f"{w} {w}:', " {{", 'return "{w} {w}:', " %"),
            Template('{a}.append(f"{w} {w}:', " {{", '{a}.append("{w} {w}:', " %"),
        ],
    ),
    "if_ternary": Code(
        [
            Template("    {a} = {b}\n    if {c}", ":", "    {a} = {b} if {c}", " else"),
            Template("    return {b}\n    if {c}", ":", "    return {b} if {c}", " else"),
            Template("    {a} = 0\n    if {c}", ":", "    {a} = 0 if {c}", " else"),
            Template("    {a} = {b}()\n    if {c}", ":", "    {a} = {b}() if {c}", " else"),
        ],
        [
            Template("    {a}.{b} = 1\n    if {c}", ":", "    {a}.{b} = 1 if {c}", " else"),
            Template("    {a} = {b}.{a}\n    if {c}", ":", "    {a} = {b}.{a} if {c}", " else"),
        ],
        [
            Template("    self.{a} = {b}\n    if {c}", ":", "    self.{a} = {b} if {c}", " else"),
            Template("    {a} = None\n    if {c}", ":", "    {a} = None if {c}", " else"),
        ],
    ),
    "var_swap": Code(
        [
            Template("    {a}, {c} = {c},", " {a}", "    {b}, {c} = {c},", " {b}"),
            Template(
                "    if {c} < {a}:\n        {a}, {c} = {c},",
                " {a}",
                "    if {c} < {b}:\n        {b}, {c} = {c},",
                " {b}",
            ),
            Template("    x = 0\n    {a}, {c} = {c},", " {a}", "    x = 0\n    {b}, {c} = {c},", " {b}"),
            Template(
                "    for x in {c}:\n        {a}, x = x,", " {a}", "    for x in {c}:\n        {b}, x = x,", " {b}"
            ),
        ],
        [
            Template("    {a}, y = y,", " {a}", "    {b}, y = y,", " {b}"),
            Template("    if {a}:\n        {a}, {c} = {c},", " {a}", "    if {b}:\n        {b}, {c} = {c},", " {b}"),
        ],
        [
            Template(
                "    while {c}:\n        {a}, {c} = {c},", " {a}", "    while {c}:\n        {b}, {c} = {c},", " {b}"
            ),
            Template("    return\n    {a}, x = x,", " {a}", "    return\n    {b}, x = x,", " {b}"),
        ],
    ),
    "indent_for": Code(
        [
            Template("{a} = 0\nfor {b} in {c}:", "\n    {b}", "{a} = 0\n    for {b} in {c}:", "\n        {b}"),
            Template("import {a}\nfor {b} in {c}:", "\n    {b}", "import {a}\n    for {b} in {c}:", "\n        {b}"),
            Template("{a} = {c}\nfor {b} in {a}:", "\n    {b}", "{a} = {c}\n    for {b} in {a}:", "\n        {b}"),
            Template("{a}()\nfor {b} in self.{c}:", "\n    {b}", "{a}()\n    for {b} in self.{c}:", "\n        {b}"),
        ],
        [
            Template("{a}.{c} = 1\nfor {b} in {c}:", "\n    {b}", "{a}.{c} = 1\n    for {b} in {c}:", "\n        {b}"),
            Template(
                "{a} = {c}()\nfor x, {b} in {a}:", "\n    {b}", "{a} = {c}()\n    for x, {b} in {a}:", "\n        {b}"
            ),
        ],
        [
            Template("{a}.run()\nfor {b} in {c}:", "\n    {b}", "{a}.run()\n    for {b} in {c}:", "\n        {b}"),
            Template(
                "{a} = []\nfor {b} in {c}.{a}:", "\n    {b}", "{a} = []\n    for {b} in {c}.{a}:", "\n        {b}"
            ),
        ],
    ),
    "lambda_func": Code(
        [
            Template("    {a} = lambda {b}", ":", "    def {b}", "("),
            Template("    {a}.sort(key=lambda {b}", ":", "    def {b}", "("),
            Template("    return lambda {b}", ":", "    def {b}", "("),
            Template("    {a} = {c}(lambda {b}", ":", "    {a} = {c}\n    def {b}", "("),
        ],
        [
            Template("    self.{a} = lambda {b}", ":", "    def {b}", "("),
            Template("    {a}({c}, lambda {b}", ":", "    def {b}", "("),
        ],
        [
            Template("    return {a}(lambda {b}", ":", "    def {b}", "("),
            Template("    {a} = {c}\n    {a} = lambda {b}", ":", "    {a} = {c}\n    def {b}", "("),
        ],
    ),
    "if_equals": Code(
        [
            Template("    if {b}.{a}", " ==", "    {b}.{a}", " ="),
            Template("    if self.{a}.{b}", " ==", "    self.{a}.{b}", " ="),
            Template("    {c} = 0\n    if {b}.{a}", " ==", "    {c} = 0\n    {b}.{a}", " ="),
            Template("    for {c} in {a}:\n        if {c}.{b}", " ==", "    for {c} in {a}:\n        {c}.{b}", " ="),
        ],
        [
            Template("    {c}()\n    if {a}.{b}", " ==", "    {c}()\n    {a}.{b}", " ="),
            Template("    else:\n        if self.{a}", " ==", "    else:\n        self.{a}", " ="),
        ],
        [
            Template("    return\n    if {b}.{a}", " ==", "    return\n    {b}.{a}", " ="),
            Template("        {a}()\n        if {c}.{b}", " ==", "        {a}()\n        {c}.{b}", " ="),
        ],
    ),
    "enumerate_range": Code(
        [
            Template("    for i, {a} in", " enumerate", "    for {a} in", " range"),
            Template("    {b} = 0\n    for j, {a} in", " enumerate", "    {b} = 0\n    for {a} in", " range"),
            Template("    {b}()\n    for i, {a} in", " enumerate", "    {b}()\n    for {a} in", " range"),
            Template("    if {b}:\n        for j, {a} in", " enumerate", "    if {b}:\n        for {a} in", " range"),
        ],
        [
            Template("    {b} = []\n    for j, {a} in", " enumerate", "    {b} = []\n    for {a} in", " range"),
            Template("    self.{b}()\n    for i, {a} in", " enumerate", "    self.{b}()\n    for {a} in", " range"),
        ],
        [
            Template(
                "        {b}()\n        for k, {a} in", " enumerate", "        {b}()\n        for {a} in", " range"
            ),
            Template("    {b} = None\n    for k, {a} in", " enumerate", "    {b} = None\n    for {a} in", " range"),
        ],
    ),
    "var_if": Code(
        [
            Template("    if {a} == True", ":", "    {a} = True", "\n"),
            Template("    if {b}.{a} is True", ":", "    {b}.{a} = True", "\n"),
            Template("    {c} = 0\n    if {a} is True", ":", "    {c} = 0\n    {a} = True", "\n"),
            Template("    {c}()\n    if {b}.{a} == True", ":", "    {c}()\n    {b}.{a} = True", "\n"),
        ],
        [
            Template(
                "    for {a} in {b}:\n        if {a} is True", ":", "    for {a} in {b}:\n        {a} = True", "\n"
            ),
            Template("    else:\n        if {a}.{b} == True", ":", "    else:\n        {a}.{b} = True", "\n"),
        ],
        [
            Template("    if self.{b}.{a} is True", ":", "    self.{b}.{a} = True", "\n"),
            Template("        {c}()\n        if {a} == True", ":", "        {c}()\n        {a} = True", "\n"),
        ],
    ),
    "while_return_true": Code(
        [
            Template("    {a}()\n    while True", ":", "    {a}()\n    return True", "\n\n    def"),
            Template("    {a} = {b}\n    while True", ":", "    {a} = {b}\n    return True", "\n\n    def"),
            Template(
                "    def {a}(self):\n        while True", ":", "    def {a}(self):\n        return True", "\n\n    def"
            ),
            Template(
                "        if {a}:\n            {b}()\n        while True",
                ":",
                "        if {a}:\n            {b}()\n        return True",
                "\n\n    def",
            ),
        ],
        [
            Template("    self.{a} = 0\n    while True", ":", "    self.{a} = 0\n    return True", "\n\n    def"),
            Template(
                "        {a}.{b} = {c}\n        while True",
                ":",
                "        {a}.{b} = {c}\n        return True",
                "\n\n    def",
            ),
        ],
        [
            Template("    {a}.{b}()\n    while True", ":", "    {a}.{b}()\n    return True", "\n\n    def"),
            Template(
                "    def {a}(self, {b}):\n        {c} = 0\n        while True",
                ":",
                "    def {a}(self, {b}):\n        {c} = 0\n        return True",
                "\n\n    def",
            ),
        ],
    ),
}
