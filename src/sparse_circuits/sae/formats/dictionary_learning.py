"""ae.pt and config.json of saprmarks/dictionary_learning 0.1.0."""

from pathlib import Path

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json
from sparse_circuits.base.state_dict import read_state_dict
from sparse_circuits.sae.autoencoder import SparseAutoencoder, from_saelens
from sparse_circuits.sae.formats.fetched import one

LINEAR = {"W_enc": "encoder.weight", "W_dec": "decoder.weight"}  # torch's linear layers store them transposed
TOPK = {**LINEAR, "b_enc": "encoder.bias", "b_dec": "b_dec"}
PLAIN = {name: name for name in ("W_enc", "b_enc", "W_dec", "b_dec", "threshold")}

# Of each class: the architecture that computes the same, and what its tensors are called. The threshold of BatchTopK
# classes, one for all features, is kept while training, to stand for the k largest of a batch afterwards.
CLASSES = {
    "AutoEncoder": ("standard", {**LINEAR, "b_enc": "encoder.bias", "b_dec": "bias"}),
    "AutoEncoderNew": ("standard", {**LINEAR, "b_enc": "encoder.bias", "b_dec": "decoder.bias"}),
    "AutoEncoderTopK": ("topk", TOPK),
    "BatchTopKSAE": ("jumprelu", {**TOPK, "threshold": "threshold"}),
    "MatryoshkaBatchTopKSAE": ("jumprelu", PLAIN),
    "GatedAutoEncoder": (
        "gated",
        {**LINEAR, "b_gate": "gate_bias", "b_mag": "mag_bias", "r_mag": "r_mag", "b_dec": "decoder_bias"},
    ),
    "JumpReluAutoEncoder": ("jumprelu", PLAIN),
}
NOT_CENTRED = ("AutoEncoderNew", "JumpReluAutoEncoder")


def read(files: list[Path]) -> SparseAutoencoder:
    """Read the weights as the class that config.json names uses them.

    Raises StudyError when that class is not one of CLASSES, or its weights are missing, misshapen or not plain tensors.
    """
    path, settings = one(files, "ae.pt"), one(files, "config.json")
    trainer = read_json(settings).get("trainer", {})
    if (kind := trainer.get("dict_class")) not in CLASSES:
        raise StudyError(f"{settings.name}: trainer.dict_class {kind!r}; {', '.join(CLASSES)} can be read")
    architecture, names = CLASSES[kind]
    state = read_state_dict(path)
    if missing := set(names.values()) - state.keys():
        raise StudyError(f"{path.name}: no tensor {', '.join(sorted(missing))}, which {kind} needs")
    tensors = {
        ours: state[name].T.contiguous() if name in LINEAR.values() else state[name] for ours, name in names.items()
    }
    d_in, d_sae = tensors["W_enc"].shape
    if "threshold" in tensors:
        tensors["threshold"] = tensors["threshold"].expand(d_sae)
    config = {"architecture": architecture, "d_in": d_in, "d_sae": d_sae}
    config |= {"apply_b_dec_to_input": kind not in NOT_CENTRED, "k": trainer.get("k")}
    sae = from_saelens(config, tensors, path.name)
    return sae.with_unit_rows() if kind == "AutoEncoder" else sae  # as its `from_pretrained` does
