"""Foreign files of tensors that torch wrote. Nothing in them is run: only tensors are read."""

from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError

PLAIN = (torch.float32, torch.bfloat16, torch.float16)


def read_state_dict(path: Path, device: str = "cpu") -> dict[str, Tensor]:
    """Return the tensors of a file by name; raise StudyError for something else, and for a weight that is not plain.

    On the device `meta` they have shapes and no values, and take no memory.
    """
    try:
        state: dict[str, Tensor] = torch.load(path, map_location=device, weights_only=True)
        types = {name: tensor.dtype for name, tensor in state.items()}
    except (UnpicklingError, RuntimeError, EOFError, AttributeError) as error:
        raise StudyError(f"{path.name}: not a dictionary of tensors ({str(error).splitlines()[0]})") from None
    for name, dtype in types.items():
        check_plain(path.name, name, dtype in PLAIN, dtype)
    return state


def check_plain(file: str, name: str, plain: bool, dtype: object) -> None:
    """Raise StudyError for a weight of another type than those whose values are what they say; masks are no weights."""
    if name.endswith("weight") and not plain:
        raise StudyError(f"{file}: {name} is of type {dtype}, expected plain fp32, bf16 or fp16; is it quantised?")
