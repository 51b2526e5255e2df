"""Templates of the 20 tasks on Python code of Gao et al. 2025 (table 1): what is predicted follows from one fact.

{a}, {b}, {c} are names that differ from each other, each {w} is another word within a string. Where the two prompts of
a pair differ, «» holds what stands in the one and, after |, in the other.
"""

import re
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


def _code(follows: str, train: list[str], held_out: list[str], test: list[str]) -> Code:
    def templates(marked: list[str]) -> list[Template]:
        return [Template(*(side(part, text) for part in (1, 2) for text in (prompt, follows))) for prompt in marked]

    def side(part: int, text: str) -> str:
        return re.sub("«(.*?)[|](.*?)»", rf"\{part}", text, flags=re.S)

    return Code(templates(train), templates(held_out), templates(test))


TASKS: dict[str, Code] = {
    "single_double_quote": _code(
        "«')|\")»",
        train=[
            "print(«'|\"»{w}",
            "{a} = {b}.get(«'|\"»{w}",
            "raise ValueError(«'|\"»{w} {w}",
            "self.{a}.{b}(«'|\"»{w}",
        ],
        held_out=["if {a}.startswith(«'|\"»{w}", "{a} = {b}(«'|\"»{w} {w}"],
        test=["{a}.append(«'|\"»{w}", "return {a}.{b}(«'|\"»{w}"],
    ),
    "final_kwarg": _code(
        "«=None|):»",
        train=[
            "    def {a}(self, {b}«=None|, x», {c}",
            "    def get(self, {a}«=None, {b}=None|, x, {b}, x», {c}",
            "def {a}({b}«=None|, x», {c}",
            "    def {a}(self, {b}, x«=None|, y», {c}",
        ],
        held_out=["    def {a}(cls, {b}«=None|, x», {c}", "    def __init__(self, x, {a}«=None|, y», {b}"],
        test=["def set_{a}({b}, {c}«=None|, y», x", "    def __call__(self, {a}«=None|, x», {b}"],
    ),
    "set_or_string": _code(
        "«.add(| +=»",
        train=[
            '    {a} = «set()|""»\n    for {b} in {c}:\n        {a}',
            '    {a} = «set()|""»\n    if {b}:\n        {a}',
            '    {a} = «set()|""»\n    for x in {c}:\n        {a}',
            '    {a} = «set()|""»\n    for {b} in self.{c}:\n        {a}',
        ],
        held_out=[
            '    {a} = «set()|""»\n    for {b} in {c}.{b}:\n        {a}',
            '    {a} = «set()|""»\n    for x, {b} in {c}:\n        {a}',
        ],
        test=[
            '    {a} = «set()|""»\n    while {b}:\n        {a}',
            '    {a} = «set()|""»\n    if {b}.{c}:\n        {a}',
        ],
    ),
    "set_or_string_fixedvarname": _code(
        "«.add(| +=»",
        train=[
            '    current = «set()|""»\n    for {b} in {c}:\n        current',
            '    current = «set()|""»\n    for x in {c}.{b}:\n        current',
            '    current = «set()|""»\n    for {b} in self.{c}:\n        current',
            '    current = «set()|""»\n    for x, {b} in {c}:\n        current',
        ],
        held_out=[
            '    current = «set()|""»\n    while {b}:\n        current',
            '    current = «set()|""»\n    for {a}, {b} in {c}():\n        current',
        ],
        test=[
            '    current = «set()|""»\n    if {b}.{c}:\n        current',
            '    current = «set()|""»\n    if {b} == {c}:\n        current',
        ],
    ),
    "class_init": _code(
        "« {a}| {b}»",
        train=[
            "    def __init__(self, «{a}|{b}»):\n        self.«{a}|{b}» =",
            "    def __init__(self, {c}, «{a}|{b}»):\n        self.{c} = {c}\n        self.«{a}|{b}» =",
            "    def __init__(self, «{a}|{b}»=None):\n        self.«{a}|{b}» =",
            "    def set(self, «{a}|{b}»):\n        self.«{a}|{b}» =",
        ],
        held_out=[
            "    def __init__(self, «{a}|{b}», *args):\n        self.«{a}|{b}» =",
            "    def __init__(self, «{a}|{b}», x=None):\n        self.x = x\n        self.«{a}|{b}» =",
        ],
        test=[
            "    def __init__(self, «{a}|{b}», {c}):\n        self.«{a}|{b}» =",
            "    def __init__(self, x, «{a}|{b}»):\n        self.x = x\n        self.«{a}|{b}» =",
        ],
    ),
    "with_as": _code(
        "« as|\n»",
        train=[
            "    «with|f =» open({a})",
            "    «with|f =» open({a}, {b})",
            "    {a} = {b}\n    «with|f =» open({a})",
            "    {c}()\n    «with|f =» open({a}, {b})",
        ],
        held_out=["    «with|f =» {a}.open({b})", "def {a}({b}):\n    «with|f =» open({b})"],
        test=["    «with|f =» open({a}.{b})", "    if {a}:\n        «with|f =» {b}({a})"],
    ),
    "bracket_brace": _code(
        "«:|,»",
        train=[
            '{a} = «{{"{w}":|["{w}",» 1, "{w}"',
            "{a} = «{{1:|[1,» {b}, 2",
            '{a} = «{{|[»"{w}"',
            'self.{a} = «{{1:|[1,» "{w}", 2',
        ],
        held_out=['{a} = {b}(«{{|[»"{w}"', "for {a} in «{{1: {b}, 2:|[1, {b}, 2,» {c}, 3"],
        test=["return «{{0: {b}, 1:|[0, {b}, 1,» {c}, 2", '{a}.{b} = «{{|[»"{w}"'],
    ),
    "with_open": _code(
        "«r|w»",
        train=[
            "    with open({b}.«input_|output_»{a}, '",
            "    with open({b}, «read_|write_»{a}, '",
            "    with open(«input_|output_»{a}, '",
            "    f = open(self.«input_|output_»{a}, '",
        ],
        held_out=["    with open({a}.«input|output», '", "    f = open(«input_|output_»{a}, '"],
        test=["    with open({b}.{a}«_input|_output», '", "    with open(self.«input|output».{a}, '"],
    ),
    "bracket_counting": _code(
        "«]|]]»",
        train=["{a} = «[|[[»1, 2, 3", "{a} = «[|[[»1, 2", "{a}.{b} = «[|[[»1, 2, 3", "self.{a} = «[|[[»0, 1, 2"],
        held_out=["return «[|[[»1, 0", "{a} == «[|[[»0, 1"],
        test=["{a} = «[|[[»0, {b}, 2", "for {a} in «[|[[»0, 1"],
    ),
    "for_while": _code(
        "« in|:»",
        train=[
            "    {b} = 0\n    «for|while» {a}",
            "    «for|while» {a}",
            "    {b}()\n    «for|while» {a}",
            "if {b}:\n    «for|while» {a}",
        ],
        held_out=["        «for|while» {a}", "    {b}.{c}()\n    «for|while» {a}"],
        test=["    {b} = {c}\n    «for|while» {a}", "else:\n    «for|while» {a}"],
    ),
    "else_elif": _code(
        "«:| {a}»",
        train=[
            "    if {a}:\n        {b}()\n    «else|elif»",
            "    if {a}:\n        return {b}\n    «else|elif»",
            "    if {a}:\n        {b} = 1\n    «else|elif»",
            "    if not {a}:\n        {b} = {c}\n    «else|elif»",
        ],
        held_out=[
            "    if {a} > 0:\n        {b}()\n    «else|elif»",
            "    if {a}.{b}:\n        return {c}\n    «else|elif»",
        ],
        test=[
            "    if {a} == {b}:\n        {c} = 1\n    «else|elif»",
            "        if {a} in {b}:\n            {c}()\n        «else|elif»",
        ],
    ),
    "fstring_brace": _code(
        "« {{| %»",
        train=[
            'raise ValueError(«f"|"»{w} {w}:',
            'print(«f"|"»{w} {w}:',
            'raise {a}(«f"|"»{w} {w}:',
            '{a}.{b}(«f"|"»{w} {w}:',
        ],
        held_out=['raise TypeError(«f"|"»{w} {w}:', 'self.{a}(«f"|"»{w} {w}:'],
        test=['return «f"|"»{w} {w}:', '{a}.append(«f"|"»{w} {w}:'],
    ),
    "if_ternary": _code(
        "«:| else»",
        train=[
            "    {a} = {b}«\n    | »if {c}",
            "    return {b}«\n    | »if {c}",
            "    {a} = 0«\n    | »if {c}",
            "    {a} = {b}()«\n    | »if {c}",
        ],
        held_out=["    {a}.{b} = 1«\n    | »if {c}", "    {a} = {b}.{a}«\n    | »if {c}"],
        test=["    self.{a} = {b}«\n    | »if {c}", "    {a} = None«\n    | »if {c}"],
    ),
    "var_swap": _code(
        "« {a}| {b}»",
        train=[
            "    «{a}|{b}», {c} = {c},",
            "    if {c} < «{a}|{b}»:\n        «{a}|{b}», {c} = {c},",
            "    x = 0\n    «{a}|{b}», {c} = {c},",
            "    for x in {c}:\n        «{a}|{b}», x = x,",
        ],
        held_out=["    «{a}|{b}», y = y,", "    if «{a}|{b}»:\n        «{a}|{b}», {c} = {c},"],
        test=["    while {c}:\n        «{a}|{b}», {c} = {c},", "    return\n    «{a}|{b}», x = x,"],
    ),
    "indent_for": _code(
        "«\n    {b}|\n        {b}»",
        train=[
            "{a} = 0\n«|    »for {b} in {c}:",
            "import {a}\n«|    »for {b} in {c}:",
            "{a} = {c}\n«|    »for {b} in {a}:",
            "{a}()\n«|    »for {b} in self.{c}:",
        ],
        held_out=["{a}.{c} = 1\n«|    »for {b} in {c}:", "{a} = {c}()\n«|    »for x, {b} in {a}:"],
        test=["{a}.run()\n«|    »for {b} in {c}:", "{a} = []\n«|    »for {b} in {c}.{a}:"],
    ),
    "lambda_func": _code(
        "«:|(»",
        train=[
            "    «{a} = lambda|def» {b}",
            "    «{a}.sort(key=lambda|def» {b}",
            "    «return lambda|def» {b}",
            "    {a} = {c}«(lambda|\n    def» {b}",
        ],
        held_out=["    «self.{a} = lambda|def» {b}", "    «{a}({c}, lambda|def» {b}"],
        test=["    «return {a}(lambda|def» {b}", "    {a} = {c}\n    «{a} = lambda|def» {b}"],
    ),
    "if_equals": _code(
        "« ==| =»",
        train=[
            "    «if |»{b}.{a}",
            "    «if |»self.{a}.{b}",
            "    {c} = 0\n    «if |»{b}.{a}",
            "    for {c} in {a}:\n        «if |»{c}.{b}",
        ],
        held_out=["    {c}()\n    «if |»{a}.{b}", "    else:\n        «if |»self.{a}"],
        test=["    return\n    «if |»{b}.{a}", "        {a}()\n        «if |»{c}.{b}"],
    ),
    "enumerate_range": _code(
        "« enumerate| range»",
        train=[
            "    for «i, |»{a} in",
            "    {b} = 0\n    for «j, |»{a} in",
            "    {b}()\n    for «i, |»{a} in",
            "    if {b}:\n        for «j, |»{a} in",
        ],
        held_out=["    {b} = []\n    for «j, |»{a} in", "    self.{b}()\n    for «i, |»{a} in"],
        test=["        {b}()\n        for «k, |»{a} in", "    {b} = None\n    for «k, |»{a} in"],
    ),
    "var_if": _code(
        "«:|\n»",
        train=[
            "    «if |»{a} «==|=» True",
            "    «if |»{b}.{a} «is|=» True",
            "    {c} = 0\n    «if |»{a} «is|=» True",
            "    {c}()\n    «if |»{b}.{a} «==|=» True",
        ],
        held_out=["    for {a} in {b}:\n        «if |»{a} «is|=» True", "    else:\n        «if |»{a}.{b} «==|=» True"],
        test=["    «if |»self.{b}.{a} «is|=» True", "        {c}()\n        «if |»{a} «==|=» True"],
    ),
    "while_return_true": _code(
        "«:|\n\n    def»",
        train=[
            "    {a}()\n    «while|return» True",
            "    {a} = {b}\n    «while|return» True",
            "    def {a}(self):\n        «while|return» True",
            "        if {a}:\n            {b}()\n        «while|return» True",
        ],
        held_out=["    self.{a} = 0\n    «while|return» True", "        {a}.{b} = {c}\n        «while|return» True"],
        test=[
            "    {a}.{b}()\n    «while|return» True",
            "    def {a}(self, {b}):\n        {c} = 0\n        «while|return» True",
        ],
    ),
}
