"""Asking a language model over OpenAI's chat completions: the one place that goes to an endpoint."""

import hashlib
import json
import os
import re
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_jsonl

BUSY = (408, 409, 425, 429, 500, 502, 503, 504)  # statuses after which asking again may help
LONGEST = 30.0  # seconds between two tries
SEED = 22  # as in delphi
MARKED = 0.3  # tokens above this share of an excerpt's largest activation are marked


class Endpoint:
    """A language model behind an address; may be asked from several threads.

    `key_variable` names the environment variable that holds the key. A question waits `timeout` seconds for its answer
    and is asked `tries` times, with `pause` seconds before the second, doubled each time. Answers are kept in
    `remembered` (JSON lines), so that a labelling that was cut off does not ask, and pay, twice.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        remembered: Path,
        key_variable: str | None = None,
        timeout: int = 60,
        tries: int = 4,
        pause: float = 1.0,
    ) -> None:
        self.url = f"{base_url.rstrip('/')}/chat/completions"
        self._model = model
        self._key_variable = key_variable
        self._timeout, self._tries, self._pause = timeout, tries, pause
        self._remembered = remembered
        self._lock = threading.Lock()
        rows = read_jsonl(remembered) if remembered.is_file() else iter(())
        self._answers: dict[str, str] = {row["question"]: row["answer"] for row in rows}

    def ask(self, system: str, user: str, max_tokens: int) -> str:
        """Return the model's answer to one question, at temperature 0 and with a fixed seed.

        An endpoint that is busy or out of reach is asked again. Raises StudyError when it does not answer then, when it
        refuses, and when what it answers is no chat completion.
        """
        body = {
            "model": self._model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
            "temperature": 0,
            "seed": SEED,
            "max_tokens": max_tokens,
        }
        content = json.dumps(body).encode()
        question = hashlib.sha256(self.url.encode() + content).hexdigest()
        if question not in self._answers:
            self._remember(question, self._answer(content))
        return self._answers[question]

    def _remember(self, question: str, answer: str) -> None:
        with self._lock:
            self._remembered.parent.mkdir(parents=True, exist_ok=True)
            with self._remembered.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"question": question, "answer": answer}) + "\n")
            self._answers[question] = answer

    def _answer(self, content: bytes) -> str:
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

        request = urllib.request.Request(self.url, content, self._headers())
        retrying = Retrying(
            stop=stop_after_attempt(self._tries),
            wait=wait_exponential(self._pause, max=LONGEST),
            retry=retry_if_exception_type(OSError),  # busy, no connection, or none in time
            reraise=True,
        )
        try:
            return self._content(retrying(self._reply, request))
        except OSError as error:
            tries = f"asked {self._tries} times; is the endpoint up?"
            raise StudyError(f"{self.url}: {_trouble(error)}; {tries}") from None

    def _reply(self, request: urllib.request.Request) -> bytes:
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as reply:
                return bytes(reply.read())
        except HTTPError as error:
            if error.code in BUSY:
                raise
            check = "labels.base_url and labels.model"
            if error.code in (401, 403):
                check = f"the key in ${self._key_variable}" if self._key_variable else "a key (labels.key_variable)"
            raise StudyError(f"{self.url}: {_trouble(error)}; check {check}") from None

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self._key_variable:
            if not (key := os.environ.get(self._key_variable)):
                raise StudyError(f"${self._key_variable} is not set; labels.key_variable says it holds the key")
            headers["Authorization"] = f"Bearer {key}"
        return headers

    def _content(self, reply: bytes) -> str:
        try:
            content = json.loads(reply)["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError):
            content = None
        if not isinstance(content, str):
            raise StudyError(f"{self.url}: the answer is no chat completion: {reply[:80]!r}")
        return content


def _trouble(error: OSError) -> str:
    return (
        f"status {error.code} {error.reason}" if isinstance(error, HTTPError) else str(getattr(error, "reason", error))
    )


def marked(tokens: Sequence[str], activations: Sequence[float]) -> str:
    """Return an excerpt on one line with the tokens on which a unit is active between << and >>."""
    floor = MARKED * max(activations)
    parts = [f"<<{token}>>" if value > floor else token for token, value in zip(tokens, activations, strict=True)]
    return "".join(parts).replace(">><<", "").replace("\n", " ")


def read_answer(answer: str, key: str) -> Any:
    """Return the value of a key in the first JSON object of an answer, or None; models write words around it."""
    for found in re.findall(r"\{[^{}]*\}", answer):
        try:
            data = json.loads(found)
        except ValueError:
            continue
        if key in data:
            return data[key]
    return None
