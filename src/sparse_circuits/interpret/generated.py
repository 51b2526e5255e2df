"""Labels that a language model writes, and their detection score: whether it finds with them where a feature is active.

After delphi (EleutherAI/delphi, commit 3c2e139): contexts of the strongest activations and of all quantiles, the active
tokens marked; then, five at a time, held-out contexts of which some hold an active token. The prompts are our own.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from sparse_circuits.activations.sequences import Sequences
from sparse_circuits.artefacts.interpretation import (
    Interpretation,
    JudgedPlaces,
    NodeDescription,
    TextContext,
    TokenPlace,
)
from sparse_circuits.artefacts.node_labels import GeneratedLabel, LabelDetection, QuantileFound
from sparse_circuits.base.endpoint import SEED, Endpoint, marked, read_answer
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.progress import Progress
from sparse_circuits.base.types import Tokenizer
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
    endpoint: Endpoint, tokenizer: Tokenizer, interpretation: Interpretation, sequences: Sequences, parallel: int
) -> list[GeneratedLabel]:
    """Return the `generated_label` of every node of an interpretation, `parallel` of them under way at once."""
    window = interpretation.window
    if window is None:
        raise StudyError(f"{interpretation.site}: nodes of images are not labelled; labels are made from text")
    pool = ThreadPoolExecutor(parallel)
    try:
        waiting = [
            pool.submit(generated_label, endpoint, tokenizer, node, sequences, window) for node in interpretation.nodes
        ]
        return [one.result() for one in Progress(waiting, desc="label", unit="node")]
    finally:
        pool.shutdown(cancel_futures=True)


def generated_label(
    endpoint: Endpoint, tokenizer: Tokenizer, node: NodeDescription, sequences: Sequences, window: int
) -> GeneratedLabel:
    """Return a node's generated label, its detection scores, and every answer as it came.

    `node` is one of an interpretation (`describe_nodes`) and `sequences` are those that it was made from. An answer
    that cannot be read counts as wrong on all of its contexts, and is counted in `unreadable`; without a label there
    is nothing to judge. Raises StudyError when the endpoint fails.
    """
    if not (node.judged and node.active_tokens):
        return GeneratedLabel(id=node.id, label=None, unreadable=0, answers=[], detection=None)
    answers = [endpoint.ask(LABEL, _excerpts(node), 200)]
    label = read_answer(answers[0], "label")
    label = " ".join(label.split()) if isinstance(label, str) else ""  # one line, whatever was answered
    if not label:
        return GeneratedLabel(id=node.id, label=None, unreadable=1, answers=answers, detection=None)
    places, quantiles = _judged(node.judged)
    if not places:  # too rare to have been active on held-out text
        return GeneratedLabel(id=node.id, label=label, unreadable=0, answers=answers, detection=None)
    order = np.random.default_rng(SEED).permutation(len(places))
    said = np.zeros(len(places), dtype=bool)
    truth = quantiles >= 0
    unreadable = 0
    for begin in range(0, len(order), AT_A_TIME):
        asked = order[begin : begin + AT_A_TIME]
        texts = [_text(tokenizer, sequences, places[i], window) for i in asked]
        question = "\n".join(f"{number}. {text}" for number, text in enumerate(texts, 1))
        answers.append(endpoint.ask(DETECT % label, question, 100))
        marks = read_answer(answers[-1], "active")
        if isinstance(marks, list) and len(marks) == len(asked) and all(mark in (0, 1) for mark in marks):
            said[asked] = np.array(marks, dtype=bool)
        else:
            unreadable += 1
            said[asked] = ~truth[asked]
    detection = LabelDetection(
        contexts=len(places),
        **detection_scores(truth, said).plain(),
        quantiles=[
            QuantileFound(contexts=int((quantiles == number).sum()), found=int(said[quantiles == number].sum()))
            for number in range(len(node.judged.active))
        ],
    )
    return GeneratedLabel(id=node.id, label=label, unreadable=unreadable, answers=answers, detection=detection)


def _judged(judged: JudgedPlaces) -> tuple[list[TokenPlace], NDArray[np.int64]]:
    """The places to judge on, with the quantile of each, -1 for silent ones; as many silent as active."""
    active = [(place, number) for number, places in enumerate(judged.active) for place in places]
    both = active + [(place, -1) for place in judged.silent[: len(active)]]
    return [place for place, _ in both], np.array([number for _, number in both], dtype=int)


def _excerpts(node: NodeDescription) -> str:
    """The contexts that a label is made from, active tokens marked, and the tokens promoted."""
    contexts = [one for one in [*(node.top or []), *(node.spread or [])[::-1]] if isinstance(one, TextContext)]
    lines = [f"{n}. {marked(context.tokens, context.activations)}" for n, context in enumerate(contexts, 1)]
    promoted = ", ".join(map(repr, node.promotes or []))
    return "\n".join([*lines, f"Tokens made likelier: {promoted}" if promoted else ""])


def _text(tokenizer: Tokenizer, sequences: Sequences, place: TokenPlace, window: int) -> str:
    shown = place.window(window, sequences.token_id.shape[1])
    return "".join(pieces(tokenizer, sequences.token_id[place.sequence, shown].tolist())).replace("\n", " ")
