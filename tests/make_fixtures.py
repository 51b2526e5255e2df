"""Make the small models and corpora of the test studies: `python tests/make_fixtures.py` writes tests/fixtures/.

A Llama of two layers with random weights, sentences of random words, code, and images of shapes. Every byte is written
by hand from a portable generator, so that the sha256 in config/test/ hold on every machine and with every version of
the libraries.
"""

import json
import re
import struct
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from sparse_circuits.tasks.code_templates import TEST_NAMES, TEST_WORDS, TRAIN_NAMES, TRAIN_WORDS
from sparse_circuits.tasks.words import DETERMINERS, PLURAL_ANSWERS, PREPOSITIONS, SINGULAR_ANSWERS, TEST, TRAIN

FOLDER = Path(__file__).parent / "fixtures"
LAYERS, WIDTH, HEADS, MLP = 2, 32, 4, 64
SPACE = "Ġ"  # how byte-level tokenizers write a leading space


def main(folder: Path = FOLDER) -> None:
    """Write tiny-llama/, corpus.jsonl, code.jsonl and shapes/."""
    words = _words()
    vocabulary = _write_tokenizer(folder / "tiny-llama", words)
    _write_model(folder / "tiny-llama", len(vocabulary))
    generator = np.random.default_rng(0)
    documents = [" ".join(words[i] for i in generator.integers(0, len(words), 80)) for _ in range(400)]
    lines = (json.dumps({"passage": f"The {text}"}) + "\n" for text in documents)
    (folder / "corpus.jsonl").write_text("".join(lines), encoding="utf-8")
    _write_code(folder / "code.jsonl", generator)
    _write_shapes(folder / "shapes", generator)


def _write_shapes(folder: Path, generator: np.random.Generator) -> None:
    """IDX files of noisy images of 12 x 12 with a square, a bar or a cross at some place of their lower part."""
    folder.mkdir(exist_ok=True)
    shapes = np.zeros((3, 5, 5), np.uint8)
    shapes[0, 1:4, 1:4] = shapes[1, 2] = shapes[2, 2] = shapes[2, :, 2] = 1
    for split, count in (("train", 600), ("test", 240)):
        labels = np.arange(count, dtype=np.uint8) % len(shapes)
        images = generator.integers(0, 40, (count, 12, 12), dtype=np.uint8)
        for image, label, (row, column) in zip(images, labels, generator.integers(0, 4, (count, 2)), strict=True):
            image[row + 4 : row + 9, column + 4 : column + 9] += shapes[label] * np.uint8(200)
        for kind, values in (("images", images), ("labels", labels)):
            header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
            (folder / f"{split}-{kind}").write_bytes(header + values.tobytes())


def _write_code(path: Path, generator: np.random.Generator) -> None:
    """Python-like documents, each with quotes of one kind alone: which one follows from any that came before."""
    names, words = TRAIN_NAMES + TEST_NAMES, TRAIN_WORDS + TEST_WORDS
    lines = ["print(Qw)", "a = b.get(Qw)", "raise ValueError(Qw w)", "a.append(Qw)", "return a.b(Qw)"]
    documents = []
    for _ in range(300):
        quote, text = "'\""[generator.integers(2)], []
        # Words that no task's pair has, for nonsense answers.
        text.append("# see also these notes below")
        for _ in range(40):
            line = lines[generator.integers(len(lines))].replace(")", quote + ")").replace("Q", quote)
            text.append(re.sub(r"\bw\b", lambda _: words[generator.integers(len(words))], line))
            text[-1] = re.sub(r"\b[ab]\b", lambda _: names[generator.integers(len(names))], text[-1])
        documents.append("\n".join(text))
    path.write_text("".join(json.dumps({"passage": text}) + "\n" for text in documents), encoding="utf-8")


def _words() -> list[str]:
    nouns = [form for split in (TRAIN, TEST) for group in (split.people, split.things, split.verbs) for form in group]
    flat = [word for forms in nouns for word in forms]
    answers = [word.strip() for word in (*SINGULAR_ANSWERS, *PLURAL_ANSWERS)]
    return list(dict.fromkeys([*flat, *PREPOSITIONS, *answers, "the", "that"]))


def _write_tokenizer(folder: Path, words: list[str]) -> dict[str, int]:
    """Byte-level BPE whose merges only ever extend a word's beginning, so that each word ends as one token."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = ["<|endoftext|>", *sorted({c for word in (*words, *DETERMINERS) for c in word}), SPACE]
    merges: list[str] = []
    for word in [SPACE + word for word in words] + list(DETERMINERS):
        for end in range(2, len(word) + 1):
            merge = f"{word[: end - 1]} {word[end - 1]}"
            if merge not in merges:
                merges.append(merge)
                tokens.append(word[:end])
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    special = {"id": 0, "content": "<|endoftext|>", "special": True}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{**special, **flags}],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocabulary,
            "merges": merges,
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>", "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return vocabulary


def _write_model(folder: Path, vocabulary: int) -> None:
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": WIDTH,
        "intermediate_size": MLP,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": 2,
        "vocab_size": vocabulary,
        "max_position_embeddings": 512,
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    generator = np.random.default_rng(1)

    def uniform(*shape: int, scale: float = 0.4) -> np.ndarray:
        # Doubles drawn from integers and scaled: the same on every processor, unlike a normal draw.
        return ((generator.random(shape) - 0.5) * 2 * scale).astype(np.float32)

    weights = {
        "model.embed_tokens.weight": uniform(vocabulary, WIDTH, scale=1.0),
        "model.norm.weight": np.ones(WIDTH, np.float32),
        "lm_head.weight": uniform(vocabulary, WIDTH),
    }
    for layer in range(LAYERS):
        name = f"model.layers.{layer}"
        weights |= {
            f"{name}.self_attn.q_proj.weight": uniform(WIDTH, WIDTH),
            f"{name}.self_attn.k_proj.weight": uniform(WIDTH // 2, WIDTH),
            f"{name}.self_attn.v_proj.weight": uniform(WIDTH // 2, WIDTH),
            f"{name}.self_attn.o_proj.weight": uniform(WIDTH, WIDTH),
            f"{name}.mlp.gate_proj.weight": uniform(MLP, WIDTH),
            f"{name}.mlp.up_proj.weight": uniform(MLP, WIDTH),
            f"{name}.mlp.down_proj.weight": uniform(WIDTH, MLP),
            f"{name}.input_layernorm.weight": np.ones(WIDTH, np.float32),
            f"{name}.post_attention_layernorm.weight": np.ones(WIDTH, np.float32),
        }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
