"""Tokens decide, not texts: the separator stands before a prompt and nowhere else, and sides differ as tokens."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import normalizers

from sparse_circuits.activations.sequences import read_sequences, write_sequences
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import write_jsonl
from sparse_circuits.edit.evaluate import continuations
from sparse_circuits.edit.measure import Variant
from sparse_circuits.models.load import Model, load_tokenizer
from sparse_circuits.models.prompts import prompt_tokens
from sparse_circuits.shift.writing import sample
from sparse_circuits.tasks.pair import Pair
from sparse_circuits.tasks.pairs import encode_pairs

INSIDE = "The key<|endoftext|> near"
LONG = " the" * 512  # with the separator one more token than the tiny model has positions
PAIR = Pair("one", "The key", "The keys", [" is", " was"], [" are"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (INSIDE, r"holds the document separator '<\|endoftext\|>'"),
        ("<|endoftext|>", r"holds the document separator '<\|endoftext\|>'"),
        (LONG, "is 513 tokens with the separator, the model has positions for 512"),
    ],
)
def test_what_is_no_prompt_is_refused_wherever_prompts_are_given(
    text: str, message: str, tiny: Model, tiny_folder: Path
) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    for give in (
        lambda: prompt_tokens(text, tokenizer, 0),
        lambda: encode_pairs([replace(PAIR, clean=text)], tokenizer, 0),
        lambda: encode_pairs([replace(PAIR, patch=text)], tokenizer, 0),
        lambda: tiny.next_tokens(text),
        lambda: tiny.generate(text, 1),
        lambda: continuations({"model": Variant(tiny)}, [text]),
        lambda: sample(tiny, [text], 1, torch.Generator()),
    ):
        with pytest.raises(StudyError, match=message):
            give()


def test_a_prompt_may_fill_the_models_positions(tiny_folder: Path) -> None:
    assert len(prompt_tokens(" the" * 511, load_tokenizer(tiny_folder), 0)) == 512


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"patch": "The key"}, "pair one: `clean` and `patch` are the same tokens"),
        ({"patch_answers": [" was"]}, "pair one: two of the answers .* are the same token; name each once"),
        ({"answers": [" is", " is"]}, "pair one: two of the answers .* are the same token"),
        ({"patch_answers": [" are", " are"]}, "pair one: two of the answers .* are the same token"),
    ],
)
def test_sides_that_coincide_are_refused(changed: dict[str, str | list[str]], message: str, tiny_folder: Path) -> None:
    with pytest.raises(StudyError, match=message):
        encode_pairs([replace(PAIR, **changed)], load_tokenizer(tiny_folder), 0)


def test_two_spellings_of_the_same_tokens_coincide(tiny_folder: Path) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    for pair in (replace(PAIR, clean="the key", patch="the KEY"), replace(PAIR, answers=[" is", " IS"])):
        with pytest.raises(StudyError, match="are the same token"):
            encode_pairs([pair], tokenizer, 0)


def test_answers_that_are_one_token_have_no_difference(tiny: Model) -> None:
    with pytest.raises(StudyError, match="answers ' is' and ' is' are the same token"):
        tiny.logit_difference("The key", " is", " is")


def test_documents_with_the_separator_inside_are_left_out_and_counted(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = [f"{word} " * 40 for word in ("key", "table", "author", "boxes")]
    texts = [*whole, f"{whole[0]}<|endoftext|>{whole[1]}", "<|endoftext|>" + whole[2]]
    write_jsonl(tmp_path / "documents.jsonl", [{"id": str(n), "text": text} for n, text in enumerate(texts)])
    write = (tmp_path / "documents.jsonl", tiny_folder, 16)
    write_sequences(*write, 6, 2, 0, tmp_path / "sequences.h5")
    found = [read_sequences(tmp_path / "sequences.h5", split) for split in ("train", "held_out")]
    assert not any((part.token_id[:, 1:] == 0).any() for part in found)
    assert {*found[0].document, *found[1].document} <= {0, 1, 2, 3}
    with pytest.raises(StudyError, match=r"larger corpus \(2 documents with <\|endoftext\|> inside are left out\)"):
        write_sequences(*write, 60, 2, 0, tmp_path / "more.h5")
    assert "2 documents with <|endoftext|> inside are left out" in capsys.readouterr().out


def test_sequences_longer_than_the_models_positions_are_refused(documents: Path, tiny_folder: Path) -> None:
    with pytest.raises(StudyError, match=r"activations.context: tiny-llama has positions for 512 tokens, not 513"):
        write_sequences(documents, tiny_folder, 513, 1, 1, 0, tiny_folder / "never.h5")
