"""cfg.json and sae.safetensors of EleutherAI/sparsify 1.3.3: TopK autoencoders and transcoders."""

from pathlib import Path

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json
from sparse_circuits.sae.autoencoder import SparseAutoencoder, from_saelens, read_tensors
from sparse_circuits.sae.formats.fetched import one


def read(files: list[Path]) -> SparseAutoencoder:
    """Read an autoencoder or transcoder, with a skip connection where it has one.

    Raises StudyError when features are chosen otherwise than as the k largest, or a tensor is missing or misshapen.
    """
    path, weights = one(files, "cfg.json"), one(files, "sae.safetensors")
    settings = read_json(path)
    if missing := {"d_in", "k"} - settings.keys():
        raise StudyError(f"{path.name}: no {', '.join(sorted(missing))}; is it a folder of sparsify?")
    if (activation := settings.get("activation", "topk")) != "topk":
        raise StudyError(f"{path.name}: activation {activation!r}; topk can be read")
    if settings.get("signed"):
        raise StudyError(f"{path.name}: signed features; only those that are never negative can be read")
    tensors = read_tensors(weights)
    if missing := {"encoder.weight", "encoder.bias", "W_dec", "b_dec"} - tensors.keys():
        raise StudyError(f"{weights.name}: no tensor {', '.join(sorted(missing))}; is it a folder of sparsify?")
    tensors["W_enc"] = tensors["encoder.weight"].T.contiguous()
    tensors["b_enc"] = tensors["encoder.bias"]
    skip, transcode = settings.get("skip_connection"), settings.get("transcode")
    if skip and not transcode:
        # It takes b_dec off its input but not off that of W_skip, as no architecture here does; folding b_dec into
        # b_enc makes it one that takes it off neither.
        tensors["b_enc"] = tensors["b_enc"] - tensors["b_dec"] @ tensors["W_enc"]
    d_in = settings["d_in"]
    config = {
        "architecture": "topk_skip_transcoder" if skip else "topk_transcoder" if transcode else "topk",
        "d_in": d_in,
        "d_out": d_in,
        "d_sae": settings.get("num_latents") or d_in * settings.get("expansion_factor", 0),
        "k": settings["k"],
    }
    return from_saelens(config, tensors, weights.name)
