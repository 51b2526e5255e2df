"""Biographies that the language model writes: every one is checked to tell profession and gender."""

from collections.abc import Mapping, Sequence
from itertools import cycle, islice

import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.progress import Progress
from sparse_circuits.models.load import Model
from sparse_circuits.models.prompts import prompt_tokens
from sparse_circuits.models.run import model_precision
from sparse_circuits.shift.words import FEMALE, FEMALE_NAMES, MALE, MALE_NAMES, count_words
from sparse_circuits.sources.biographies import Biography

TEMPERATURE = 0.7
BATCH = 40  # biographies written at once
PATIENCE = 8  # batches in a row for a group, times what it needs, before it is given up
PROMPT = "The following is a short biography of {name}, who is {article} {profession}.\n\n{pronoun}"
PEOPLE = {"male": ("He", MALE_NAMES, MALE, FEMALE), "female": ("She", FEMALE_NAMES, FEMALE, MALE)}


def write(model: Model, professions: Mapping[str, Sequence[str]], each: int, tokens: int, seed: int) -> list[Biography]:
    """Return `each` different biographies of every profession and gender, of so many tokens, sampled from the model.

    The prompt says who it is, and is left out of the text, all but the pronoun that it ends with. Kept are texts that
    go on to the end, with two words of the gender and none of the other, and with one of the profession's words.
    Raises StudyError when the model hardly writes such.
    """
    generator = torch.Generator().manual_seed(seed)
    special = list(filter(None, model.tokenizer.all_special_tokens))
    found: list[Biography] = []
    for profession, words in professions.items():
        for gender, (pronoun, names, own, other) in PEOPLE.items():
            article, said = "an" if profession[0] in "aeiou" else "a", profession.replace("_", " ")
            prompts = [PROMPT.format(name=name, article=article, profession=said, pronoun=pronoun) for name in names]
            texts: dict[str, None] = {}
            with Progress(total=each, desc=f"{profession}, {gender}") as progress:
                for _ in range(PATIENCE * (each + BATCH) // BATCH):
                    for ends in sample(model, list(islice(cycle(prompts), BATCH)), tokens, generator):
                        text = f"{pronoun}{ends}"
                        whole = not any(token in text for token in special)
                        of_gender = count_words(text, own) > 1 and not count_words(text, other)
                        if whole and of_gender and count_words(text, words):
                            texts[text] = None
                    progress.update(min(len(texts), each) - progress.n)
                    if len(texts) >= each:
                        break
                else:
                    raise StudyError(
                        f"{profession}, {gender}: only {len(texts)} of {PATIENCE * (each + BATCH)} biographies tell "
                        "profession and gender; give `professions` other words, or ask for fewer"
                    )
            found += [Biography(text, profession, gender) for text in list(texts)[:each]]
    return found


@torch.no_grad()
def sample(model: Model, prompts: Sequence[str], tokens: int, generator: torch.Generator) -> list[str]:
    """Return what the model goes on with after each prompt, sampled token by token."""
    rows = [prompt_tokens(prompt, model.tokenizer, model.separator_id) for prompt in prompts]
    found = [""] * len(prompts)
    for length in sorted({len(row) for row in rows}):
        places = [i for i, row in enumerate(rows) if len(row) == length]
        start = torch.tensor([rows[i] for i in places], device=model.device)
        for place, text in zip(
            places, model.tokenizer.batch_decode(_sampled(model, start, tokens, generator)), strict=True
        ):
            found[place] = text
    return found


def _sampled(model: Model, tokens: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Sampled tokens (batch, count) after tokens (batch, position)."""
    drawn: list[Tensor] = []
    past = None
    with model_precision(model.network):
        for _ in range(count):
            out = model.network(input_ids=tokens, past_key_values=past, use_cache=True, logits_to_keep=1)
            past = out.past_key_values
            chances = (out.logits[:, -1].cpu() / TEMPERATURE).softmax(dim=-1)
            tokens = torch.multinomial(chances, 1, generator=generator).to(model.device)
            drawn.append(tokens)
    return torch.cat(drawn, dim=1)
