"""The 20 tasks on Python code, with a tokenizer that is trained on the library's own source."""

import re
from collections import Counter
from pathlib import Path

import pytest

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import write_jsonl
from sparse_circuits.models.load import load_tokenizer, model_card
from sparse_circuits.studies.weight_sparse import TASKS as NAMES
from sparse_circuits.tasks.code import code_pairs
from sparse_circuits.tasks.code_templates import TASKS, TEST_NAMES, TEST_WORDS, TRAIN_NAMES, TRAIN_WORDS
from sparse_circuits.tasks.pair import Pair
from sparse_circuits.tasks.pairs import encode_pairs
from sparse_circuits.weight_sparse.tokenizer import train_tokenizer
from worlds.checkout import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("tokenizer")
    texts = [path.read_text() for path in sorted((ROOT / "src").rglob("*.py"))]
    write_jsonl(base / "documents.jsonl", [{"id": str(n), "text": text} for n, text in enumerate(texts)])
    train_tokenizer(base / "documents.jsonl", 2048, "own", base / "own")
    return base / "own"


def test_the_tokenizer_is_a_folder_that_loads_and_gives_every_text_back(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    assert len(tokenizer) == 2048
    assert model_card(folder)["document_separator_id"] == 0
    text = "def f(x):\n\treturn 'é' # ☃"
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_same_documents_give_the_same_tokenizer(folder: Path, tmp_path: Path) -> None:
    train_tokenizer(folder.parent / "documents.jsonl", 2048, "own", tmp_path / "again")
    assert (tmp_path / "again/tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()


def test_too_small_a_corpus_is_told(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "documents.jsonl", [{"id": "0", "text": "x = 1"}])
    with pytest.raises(StudyError, match="tokens, 2048 wanted; lower `vocabulary`"):
        train_tokenizer(tmp_path / "documents.jsonl", 2048, "own", tmp_path / "own")


def test_settings_name_the_tasks_that_there_are() -> None:
    assert list(NAMES) == list(TASKS)
    assert len(TASKS) == 20


@pytest.mark.parametrize("task", TASKS)
def test_pairs_are_of_one_length_with_answers_of_one_token_and_balanced(task: str, folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    train, test = (code_pairs(task, split, count, 0, tokenizer) for split, count in (("train", 40), ("test", 20)))
    # Raises where clean and patch differ in length, or an answer is not one token.
    encode_pairs(train + test, tokenizer, 0)
    for pairs in (train, test):
        assert len({(pair.clean, pair.patch) for pair in pairs}) == len(pairs)
        assert Counter(pair.variables["answer"] for pair in pairs) == {
            "first": len(pairs) / 2,
            "second": len(pairs) / 2,
        }
        assert all(pair.answers != pair.patch_answers for pair in pairs)
    assert code_pairs(task, "train", 40, 0, tokenizer) == train
    assert {pair.clean for pair in train}.isdisjoint(pair.clean for pair in test)


def test_splits_share_no_template_name_or_word_of_their_own() -> None:
    assert set(TRAIN_NAMES).isdisjoint(TEST_NAMES)
    assert set(TRAIN_WORDS).isdisjoint(TEST_WORDS)
    for code in TASKS.values():
        assert not set(code.train) & set(code.test)
        assert not set(code.held_out) & {*code.train, *code.test}


def test_the_last_quarter_of_training_pairs_has_the_templates_that_are_held_out(folder: Path) -> None:
    pairs = code_pairs("single_double_quote", "train", 80, 0, load_tokenizer(folder))
    held_out = [("startswith" in pair.clean) or bool(re.match(r"\w+ = \w+\(", pair.clean)) for pair in pairs]
    assert held_out == [False] * 60 + [True] * 20


def test_an_answer_follows_its_prompt(folder: Path) -> None:
    """Prompt and answer together are tokens of the whole text: nothing was cut within a token."""
    tokenizer = load_tokenizer(folder)
    pair: Pair = code_pairs("for_while", "test", 2, 0, tokenizer)[0]
    loop = pair.clean if pair.clean.rsplit("\n", 1)[1].lstrip().startswith("for") else pair.patch
    answer = pair.answers if loop == pair.clean else pair.patch_answers
    assert answer == [" in"]
    assert tokenizer.encode(loop + " in x:")[: len(tokenizer.encode(loop)) + 1][-1:] == tokenizer.encode(" in")


def test_a_tokenizer_that_cannot_make_a_task_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template = TASKS["for_while"].train[0]._replace(clean="for", patch="for", patch_next=" in")
    monkeypatch.setitem(TASKS, "for_while", TASKS["for_while"]._replace(train=[template]))
    with pytest.raises(
        StudyError, match="task for_while: 0 of 4 train pairs can be made with this tokenizer; both answe"
    ):
        code_pairs("for_while", "train", 4, 0, load_tokenizer(folder))
