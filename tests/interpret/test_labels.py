"""Labels by a language model behind an endpoint, and how they are judged; the endpoint is a stub on this machine."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.artefacts.interpretation import Interpretation, NodeDescription
from sparse_circuits.artefacts.node_labels import GeneratedLabel
from sparse_circuits.base.endpoint import Endpoint
from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.base import validate
from sparse_circuits.config.label_nodes import Labels
from sparse_circuits.interpret.describe import describe_nodes
from sparse_circuits.interpret.firing import Firing
from sparse_circuits.interpret.generated import generated_label, generated_labels
from sparse_circuits.models.load import Model, load_tokenizer
from worlds.artefact_example import example
from worlds.described import AMOUNTS, SITE, WINDOW, autoencoder, read_cached

Reply = Callable[[dict[str, Any], Any], tuple[int, str]]  # from a request's body and headers to status and text


@pytest.fixture(scope="module")
def firing(cache: Path) -> Firing:
    return read_cached(cache)


@contextmanager
def _server(reply: Reply) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An endpoint on this machine; yields its address and the bodies it was sent."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append({**body, "path": self.path})
            status, text = reply(body, self.headers)
            with suppress(BrokenPipeError):  # of those who did not wait
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _completion(content: Any) -> tuple[int, str]:
    return 200, json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]})


def _excerpts(body: dict[str, Any]) -> list[str]:
    return [line.partition(". ")[2] for line in body["messages"][1]["content"].splitlines()]


def _labeller(word: str, wrong: bool = False) -> Reply:
    """A labeller that knows the word, and finds it in excerpts, or says the opposite of what it finds."""

    def reply(body: dict[str, Any], _: Any) -> tuple[int, str]:
        if "label" in body["messages"][0]["content"].lower().split("json only")[1]:
            return _completion(f'Sure: {{"label": "the word {word}"}}')
        assert f"the word {word}" in body["messages"][0]["content"]
        return _completion(json.dumps({"active": [int((word in text) != wrong) for text in _excerpts(body)]}))

    return reply


@pytest.fixture(scope="module")
def boxes(tiny_folder: Path, tiny: Model, firing: Firing) -> dict[str, Any]:
    """The description of a feature that is active on the word boxes, and on nothing else."""
    tokenizer = load_tokenizer(tiny_folder)
    (boxes,) = tokenizer.encode(" boxes", add_special_tokens=False)
    values = np.random.default_rng(0).uniform(1, 2, firing.token_id.shape) * (
        (firing.token_id == boxes) & firing.cached
    )
    planted = Firing(firing.token_id, firing.document, firing.cached, values.astype(np.float32)[None], firing.judged)
    (node,) = describe_nodes(tiny, SITE, SITE, autoencoder(None), [3], planted, AMOUNTS, 0, 100)
    return node


@pytest.fixture
def ask(tiny_folder: Path, cache: Path, boxes: NodeDescription, tmp_path: Path) -> Callable[..., GeneratedLabel]:
    def asked(url: str, **options: Any) -> GeneratedLabel:
        endpoint = Endpoint(url, "stub", tmp_path / "answers.jsonl", pause=0.01, **options)
        sequences = read_sequences(cache / "sequences.h5", "train")
        return generated_label(endpoint, load_tokenizer(tiny_folder), boxes, sequences, WINDOW)

    return asked


def test_the_counted_label_says_the_word(boxes: NodeDescription) -> None:
    assert boxes.label.startswith('on " boxes"')
    assert boxes.rule.f1 == 1


def test_a_labeller_that_is_right_is_scored_so(ask: Any, boxes: NodeDescription) -> None:
    with _server(_labeller("boxes")) as (url, asked):
        result = ask(url)
    assert result.label == "the word boxes"
    assert result.unreadable == 0
    detection = result.detection
    assert detection.balanced_accuracy == detection.f1 == 1
    assert detection.true_positives >= 10
    assert detection.true_negatives >= 5
    assert all(part.found == part.contexts for part in detection.quantiles)
    assert len(result.answers) == len(asked) == 1 + -(-detection.contexts // 5)
    assert all(body["temperature"] == 0 and body["path"] == "/v1/chat/completions" for body in asked)
    shown = asked[0]["messages"][1]["content"]
    assert "<< boxes>>" in shown
    # What it is judged on is held out from what it was shown.
    judged = {tuple(place) for places in boxes.judged.active for place in places}
    assert judged.isdisjoint({(context.sequence, context.position) for context in boxes.top + boxes.spread})


def test_a_labeller_that_is_wrong_is_scored_so(ask: Any) -> None:
    with _server(_labeller("boxes", wrong=True)) as (url, _):
        detection = ask(url).detection
    assert detection.balanced_accuracy == detection.f1 == 0


@pytest.mark.parametrize("answer", ["I think the first two.", '{"active": [1]}', '{"active": "yes"}', '{"active": [1,'])
def test_answers_that_cannot_be_read_are_counted_and_wrong(ask: Any, answer: str) -> None:
    right = _labeller("boxes")

    def reply(body: dict[str, Any], headers: Any) -> tuple[int, str]:
        status, text = right(body, headers)
        return (status, text) if "label" in text else _completion(answer)

    with _server(reply) as (url, _):
        result = ask(url)
    assert result.unreadable == len(result.answers) - 1 > 0
    assert result.detection.balanced_accuracy == 0
    assert answer in result.answers


def test_without_a_label_nothing_is_judged(ask: Any) -> None:
    with _server(lambda *_: _completion("no idea")) as (url, asked):
        result = ask(url)
    assert result.label is None
    assert result.detection is None
    assert result.unreadable == len(asked) == 1


def test_a_busy_endpoint_is_asked_again_and_answers_are_not_paid_for_twice(ask: Any) -> None:
    right, refused = _labeller("boxes"), iter([503, 429])

    def reply(body: dict[str, Any], headers: Any) -> tuple[int, str]:
        status = next(refused, 200)
        return right(body, headers) if status == 200 else (status, "busy")

    with _server(reply) as (url, asked):
        first = ask(url)
        count = len(asked)
        second = ask(url)
    assert count == len(first.answers) + 2
    assert len(asked) == count
    assert second == first


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ((401, "who are you?"), "status 401 Unauthorized; check a key"),
        ((404, "no such model"), "status 404 Not Found; check labels.base_url and labels.model"),
        ((503, "busy"), "status 503 Service Unavailable; asked 4 times"),
        ((200, "<html>"), "the answer is no chat completion: b'<html>'"),
        ((200, '{"choices": []}'), "the answer is no chat completion"),
        (_completion(None), "the answer is no chat completion"),
    ],
)
def test_an_endpoint_that_fails_is_told_in_one_line(ask: Any, reply: tuple[int, str], told: str) -> None:
    with _server(lambda *_: reply) as (url, _), pytest.raises(StudyError, match="chat/completions: ") as error:
        ask(url)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_an_endpoint_that_is_down_or_silent_is_told(ask: Any) -> None:
    with pytest.raises(StudyError, match="asked 4 times; is the endpoint up"):
        ask("http://127.0.0.1:9/v1")
    released = threading.Event()

    def silent(*_: Any) -> tuple[int, str]:
        released.wait(5)
        return _completion("late")

    with _server(silent) as (url, asked):
        with pytest.raises(StudyError, match="timed out; asked 2 times"):
            ask(url, timeout=0.2, tries=2)
        released.set()
    assert len(asked) == 2


def test_the_key_comes_from_the_environment_and_goes_into_no_file(
    ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, keys = _labeller("boxes"), []

    def reply(body: dict[str, Any], headers: Any) -> tuple[int, str]:
        keys.append(headers["Authorization"])
        return right(body, headers)

    with _server(reply) as (url, _):
        with pytest.raises(StudyError, match=r"\$STUB_KEY is not set"):
            ask(url, key_variable="STUB_KEY")
        monkeypatch.setenv("STUB_KEY", "hidden")
        result = ask(url, key_variable="STUB_KEY")
    assert set(keys) == {"Bearer hidden"}
    assert "hidden" not in json.dumps(result.plain()) + (tmp_path / "answers.jsonl").read_text()
    with pytest.raises(StudyError, match="key_variable"):
        validate(Labels, {"base_url": url, "model": "stub", "key_variable": "sk-12345"}, "study")


def test_labelling_many_nodes_at_once_gives_what_one_by_one_gives(
    tiny_folder: Path, cache: Path, boxes: NodeDescription, tmp_path: Path
) -> None:
    nodes = [{**boxes.plain(), "id": f"x/{i}"} for i in range(3)]
    interpretation = example(Interpretation, window=WINDOW, nodes=nodes)
    sequences = read_sequences(cache / "sequences.h5", "train")
    tokenizer = load_tokenizer(tiny_folder)
    with _server(_labeller("boxes")) as (url, _):
        results = [
            generated_labels(Endpoint(url, "stub", tmp_path / str(n)), tokenizer, interpretation, sequences, n)
            for n in (1, 3)
        ]
    assert results[0] == results[1]
    assert [node.id for node in results[0]] == ["x/0", "x/1", "x/2"]
