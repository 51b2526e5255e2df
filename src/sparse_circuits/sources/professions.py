"""Professions, how stereotyped people hold them to be, and the share of women in them.

Stereotypes are judgements of crowd workers, -1 (female) to 1 (male), beside whether the word itself has a gender
(Bolukbasi et al. 2016, arXiv 1607.06520); shares of women are US labour statistics (Zhao et al. 2018, arXiv
1804.06876).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json, write_json

# Words on the list that are no professions, or insults, and statistics' plurals and misspellings.
LEFT_OUT = {"soft_spoken", "hooker", "drug_addict", "confesses", "alter_ego"}
SINGULAR = {"designers": "designer", "counselors": "counselor", "hairdressers": "hairdresser"}


def write_professions(name: str, files: Sequence[Path], path: Path) -> int:
    """Write professions as a JSON list of {"word", "gendered", "stereotype", "female_share"}; return how many.

    Files are told apart by what is in them. `female_share` is in percent. What a list does not say is null. Raises
    StudyError when the files have neither list, or one of another form.
    """
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        data = read_json(file)
        if not isinstance(data, Mapping):
            continue
        try:
            if "gender" in data:
                for word, gendered, stereotype in data["gender"]["professions"]:
                    _entry(found, word).update(gendered=_number(gendered), stereotype=_number(stereotype))
            else:
                for word, share in data.items():
                    _entry(found, SINGULAR.get(word, word)).update(female_share=_number(share))
        except (TypeError, ValueError, KeyError, AttributeError):
            raise StudyError(
                f"professions {name}: {file.name} is neither a list of [word, gendered, stereotype] under "
                "gender.professions nor a mapping of words to shares of women in percent"
            ) from None
    for word in LEFT_OUT:
        found.pop(word.replace("_", " "), None)
    if not found:
        raise StudyError(f"professions {name}: no list in {', '.join(file.name for file in files)}")
    write_json(path, sorted(found.values(), key=lambda entry: entry["word"]))
    return len(found)


def _number(value: Any) -> float:
    if not isinstance(value, int | float):
        raise TypeError
    return value


def _entry(found: dict[str, dict[str, Any]], word: str) -> dict[str, Any]:
    word = word.replace("_", " ")
    return found.setdefault(word, {"word": word, "gendered": None, "stereotype": None, "female_share": None})
