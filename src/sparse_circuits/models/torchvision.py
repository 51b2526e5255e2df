"""MobileNetV2 as torchvision releases it: one file of tensors (mobilenet_v2-b0353104.pth, IMAGENET1K_V1)."""

from pathlib import Path

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.state_dict import read_state_dict
from sparse_circuits.models.mobilenet import MobileNet, MobileNetConfig


def load_torchvision(folder: Path, classes: int) -> MobileNet:
    """Return the model of the one .pth file in `folder`; raise StudyError naming the first weight that does not fit."""
    files = list(folder.glob("*.pth"))
    if len(files) != 1:
        raise StudyError(f"{folder}: expected one .pth file, found {len(files)}")
    state = read_state_dict(files[0])
    model = MobileNet(MobileNetConfig(classes=classes))
    wanted = model.state_dict()
    for name, tensor in wanted.items():
        if name not in state:
            raise StudyError(f"{files[0].name}: no weight {name}, so it is no MobileNetV2 of torchvision's")
        if state[name].shape != tensor.shape:
            found, expected = (tuple(t.shape) for t in (state[name], tensor))
            raise StudyError(f"{files[0].name}: {name} has shape {found}, expected {expected}")
    if unknown := sorted(state.keys() - wanted.keys()):
        raise StudyError(f"{files[0].name}: unknown weight {unknown[0]}")
    model.load_state_dict(state)
    return model.eval()
