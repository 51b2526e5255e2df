"""Foreign files of tensors that torch wrote. Nothing in them is run: only tensors are read."""

from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from sparse_circuits.errors import StudyError


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name, in fp32; raise StudyError when it is something else."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.float() for name, tensor in state.items()}
    except (UnpicklingError, RuntimeError, EOFError, AttributeError) as error:
        raise StudyError(f"{path.name}: not a dictionary of tensors ({str(error).splitlines()[0]})") from None
