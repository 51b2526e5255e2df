"""Labels that a language model writes, and their detection score: whether it finds with them where a feature is active.

After delphi (EleutherAI/delphi, commit 3c2e139): contexts of the strongest activations and of all quantiles, the active
tokens marked; then, five at a time, held-out contexts of which some hold an active token. The prompts are our own.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from sparse_circuits.activations.sequences import Sequences
from sparse_circuits.base.endpoint import SEED, Endpoint, marked, read_answer
from sparse_circuits.base.progress import Progress
from sparse_circuits.base.types import Tokenizer
from sparse_circuits.interpret.contexts import TokenPlace
from sparse_circuits.interpret.rule import detection_scores
from sparse_circuits.models.texts import pieces

AT_A_TIME = 5  # contexts a question

LABEL = """You study one unit of a language model. You are shown excerpts of text in which the unit is active, the \
strongest first. Tokens on which it is active stand between << and >>. You are also shown next tokens that the unit \
makes likelier, which may be noise. Find what the marked tokens have in common, or what announces them, and say it in \
one short phrase, as specific as the excerpts allow. Answer with JSON only: {"label": "..."}"""

DETECT = """A unit of a language model is described as: %s
You are shown numbered excerpts of text. For each, decide whether the unit is active on some token of it. \
Answer with JSON only, a 1 (active) or a 0 for each excerpt in order, such as {"active": [0, 1, 0, 0, 1]}"""


def generated_labels(
    endpoint: Endpoint,
    tokenizer: Tokenizer,
    interpretation: Mapping[str, Any],
    sequences: Sequences,
    parallel: int,
) -> list[dict[str, Any]]:
    """Return the `generated_label` of every node of an interpretation, `parallel` of them under way at once."""
    nodes = interpretation["nodes"]
    pool = ThreadPoolExecutor(parallel)
    try:
        waiting = [
            pool.submit(generated_label, endpoint, tokenizer, node, sequences, interpretation["window"])
            for node in nodes
        ]
        return [one.result() for one in Progress(waiting, desc="label", unit="node")]
    finally:
        pool.shutdown(cancel_futures=True)


def generated_label(
    endpoint: Endpoint,
    tokenizer: Tokenizer,
    node: Mapping[str, Any],
    sequences: Sequences,
    window: int,
) -> dict[str, Any]:
    """Return a node's generated label, its detection scores, and every answer as it came.

    `node` is one of an interpretation (`describe_nodes`) and `sequences` are those that it was made from. An answer
    that cannot be read counts as wrong on all of its contexts, and is counted in `unreadable`; without a label there
    is nothing to judge. Raises StudyError when the endpoint fails.
    """
    if not node["active_tokens"]:
        return {"id": node["id"], "label": None, "unreadable": 0, "answers": [], "detection": None}
    answer = endpoint.ask(LABEL, _excerpts(node), 200)
    label = read_answer(answer, "label")
    label = " ".join(label.split()) if isinstance(label, str) else ""  # one line, whatever was answered
    result = {"id": node["id"], "label": None, "unreadable": 1, "answers": [answer], "detection": None}
    if not label:
        return result
    places, quantiles = _judged(node)
    if not places:  # too rare to have been active on held-out text
        return {**result, "label": label, "unreadable": 0}
    order = np.random.default_rng(SEED).permutation(len(places))
    said = np.zeros(len(places), dtype=bool)
    truth = quantiles >= 0
    unreadable = 0
    for begin in range(0, len(order), AT_A_TIME):
        asked = order[begin : begin + AT_A_TIME]
        texts = [_text(tokenizer, sequences, places[i], window) for i in asked]
        question = "\n".join(f"{number}. {text}" for number, text in enumerate(texts, 1))
        answer = endpoint.ask(DETECT % label, question, 100)
        result["answers"].append(answer)
        marks = read_answer(answer, "active")
        if isinstance(marks, list) and len(marks) == len(asked) and all(mark in (0, 1) for mark in marks):
            said[asked] = np.array(marks, dtype=bool)
        else:
            unreadable += 1
            said[asked] = ~truth[asked]
    detection = {
        "contexts": len(places),
        **detection_scores(truth, said),
        "quantiles": [
            {"contexts": int((quantiles == number).sum()), "found": int(said[quantiles == number].sum())}
            for number in range(len(node["judged"]["active"]))
        ],
    }
    return {**result, "label": label, "unreadable": unreadable, "detection": detection}


def _judged(node: Mapping[str, Any]) -> tuple[list[TokenPlace], Any]:
    """The places to judge on, with the quantile of each, -1 for silent ones; as many silent as active."""
    active = [(TokenPlace(*place), n) for n, places in enumerate(node["judged"]["active"]) for place in places]
    silent = [(TokenPlace(*place), -1) for place in node["judged"]["silent"]]
    both = active + silent[: len(active)]
    return [place for place, _ in both], np.array([number for _, number in both], dtype=int)


def _excerpts(node: Mapping[str, Any]) -> str:
    """The contexts that a label is made from, active tokens marked, and the tokens promoted."""
    lines = [
        f"{number}. {marked(context['tokens'], context['activations'])}"
        for number, context in enumerate([*node["top"], *node["spread"][::-1]], 1)
    ]
    promoted = ", ".join(map(repr, node.get("promotes", [])))
    return "\n".join([*lines, f"Tokens made likelier: {promoted}" if promoted else ""])


def _text(tokenizer: Tokenizer, sequences: Sequences, place: TokenPlace, window: int) -> str:
    shown = place.window(window, sequences.token_id.shape[1])
    return "".join(pieces(tokenizer, sequences.token_id[place.sequence, shown].tolist())).replace("\n", " ")
