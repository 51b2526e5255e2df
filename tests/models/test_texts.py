"""Tokens stand as texts that people can read, though tokenizers cut characters into bytes."""

from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from sparse_circuits.models.byte_level import byte_level
from sparse_circuits.models.texts import pieces, prompt_texts, token_text, token_texts

ENGLISH = ["The keys to the cabinet are here", "naïve café", "price: 5 €"] * 20
SCRIPTS = {
    "latin": "naïve – café",
    "greek": "κλειδί",
    "cyrillic": "Ключи от шкафа",
    "chinese": "各位，鑰匙",
    "japanese": "鍵はここにある",
    "korean": "열쇠",
    "arabic": "مفاتيح",
    "hindi": "चाबियाँ",
    "thai": "กุญแจ",
    "emoji": "ok 😀🫨!",
    "joined emoji": "a 👩‍💻 b",
    "above the BMP": "𝔘𐍈",
}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE as GPT-2's, learnt from English, with <eos>."""
    built = byte_level(models.BPE())
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    built.train_from_iterator(ENGLISH, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet))
    return PreTrainedTokenizerFast(tokenizer_object=built, eos_token="<eos>")


def spelled(token: PreTrainedTokenizerFast, text: str) -> list[int]:
    return list(token.encode(text, add_special_tokens=False))


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_texts_of_tokens_joined_are_the_text_in_every_script(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    ids = spelled(tokenizer, text)
    assert len(ids) > len(text.split()), "cut"
    assert "".join(pieces(tokenizer, ids)) == text


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_every_token_of_a_prompt_shows_something_and_each_character_stands_whole(
    tokenizer: PreTrainedTokenizerFast, text: str
) -> None:
    shown = prompt_texts(tokenizer, spelled(tokenizer, text))
    assert all(shown)
    joined = "".join(shown)
    assert "�" not in joined
    assert [letter for letter in text if letter.isalpha() and letter not in joined] == []


def test_tokens_that_are_parts_of_characters_are_spelled_as_bytes(tokenizer: PreTrainedTokenizerFast) -> None:
    emoji = spelled(tokenizer, "😀")
    assert token_texts(tokenizer, emoji) == ["⟨F0⟩", "⟨9F⟩", "⟨98⟩", "⟨80⟩"]
    assert prompt_texts(tokenizer, emoji) == ["⟨F0⟩", "⟨9F⟩", "⟨98⟩", "😀"]
    assert pieces(tokenizer, emoji[:3]) == ["", "", "⟨F0 9F 98⟩"], "cut short"
    assert pieces(tokenizer, [*emoji[2:], *spelled(tokenizer, "a")]) == ["⟨98⟩", "⟨80⟩", "a"], "begun inside"
    assert token_text(tokenizer, tokenizer.convert_tokens_to_ids("Ä")) == "⟨C4⟩", "no letter, but the byte C4"
    assert token_text(tokenizer, tokenizer.convert_tokens_to_ids("<eos>")) == "<eos>"
    assert "".join(pieces(tokenizer, spelled(tokenizer, "�"))) == "�", "a character of its own"


@pytest.mark.parametrize(
    ("unseen", "shown"), [("\x1b", "⟨1B⟩"), ("\r", "⟨0D⟩"), ("\x00", "⟨00⟩"), ("\u202e", "⟨E2 80 AE⟩")]
)
def test_characters_that_show_nothing_are_spelled(tokenizer: PreTrainedTokenizerFast, unseen: str, shown: str) -> None:
    assert "".join(pieces(tokenizer, spelled(tokenizer, f"a{unseen}b"))) == f"a{shown}b"


@pytest.mark.parametrize("text", [" ", "\n", "\t", ""])
def test_whitespace_stays_what_it_is(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert "".join(pieces(tokenizer, spelled(tokenizer, text))) == text


def test_a_joiner_by_itself_is_spelled_and_between_characters_stays() -> None:
    class Words:
        def decode(self, ids: list[int]) -> str:
            return ["👩", "\u200d", "💻", "\ufe0f"][ids[0]]

        def convert_ids_to_tokens(self, token: int) -> str:
            return self.decode([token])

    tokenizer: Any = Words()
    assert prompt_texts(tokenizer, [0, 1, 2]) == ["👩", "⟨E2 80 8D⟩", "💻"]
    assert token_text(tokenizer, 3) == "⟨EF B8 8F⟩"
    assert "".join(pieces(tokenizer, [0, 1, 2])) == "👩\u200d💻"


def test_sentencepiece_tokenizers_keep_spaces_and_spell_bytes() -> None:
    """Llama 2's decoder drops the space that a text begins with, which is that of every token by itself."""
    vocabulary = {"<unk>": 0, "▁the": 1, "key": 2, **{f"<0x{byte:02X}>": 3 + byte for byte in range(256)}}
    built = Tokenizer(models.BPE(vocabulary, [], byte_fallback=True, unk_token="<unk>"))
    strip = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    built.decoder = decoders.Sequence(strip)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=built)
    assert pieces(tokenizer, [2, 1, 2]) == ["key", " the", "key"]
    emoji = [3 + byte for byte in "😀".encode()]
    assert prompt_texts(tokenizer, emoji) == ["⟨F0⟩", "⟨9F⟩", "⟨98⟩", "😀"]


def test_the_bytes_of_letters_are_those_of_the_tokenizers_library() -> None:
    built = byte_level(models.BPE({letter: n for n, letter in enumerate(pre_tokenizers.ByteLevel.alphabet())}, []))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=built)
    shown = set(token_texts(tokenizer, range(256)))
    assert {f"⟨{byte:02X}⟩" for byte in range(128, 256)} < shown
