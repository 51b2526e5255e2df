"""An edit made permanent: a layer of its own, whose MLP computes what the hook adds to the residual stream.

A layer that comes after the edited site, with nothing but an MLP, reads the stream that the hook reads. A feature's
change g(f) - f is a function of one number, its pre-activation z = w x + b, so hinges in z make it, a neuron each, all
of which write the feature's decoder row. The norm before the MLP takes away the scale r of x: what is read is x / r.
1 / r, r and 1 are fitted as linear functions of x / r, which works as far as some channels are nearly constant. The
hinges' weights then are a least-squares problem. The model stays of its architecture, and is a layer longer for each
edited site.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.basis import Basis, Features, Node
from sparse_circuits.config.fit import LENGTHENED
from sparse_circuits.config.site import Site
from sparse_circuits.edit.features import Rewriting, rewrite_nodes
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import Edit, run
from sparse_circuits.sae.autoencoder import SparseAutoencoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HINGES = 16
SHARPNESS = 200.0  # how narrow a hinge's bend is beside the range of the feature's values
SINK = 10  # times the median norm: positions that the fit of scales leaves out
RIDGE = 1e-7


@dataclass(frozen=True)
class Neurons:
    """Neurons of a gated MLP: what opens them, what they carry, and what they write, (neuron, d_model) each."""

    gate: Tensor
    up: Tensor
    down: Tensor


def with_added_layers(
    model: Model, basis: Basis, rewritings: Mapping[Node, Rewriting], batches: Sequence[Tensor]
) -> "PreTrainedModel":
    """Return a model of the same class that does by its weights what the rewriting of features does by hooks.

    Fitted on tokens (sequence, position) of batches. Raises StudyError for families not in LENGTHENED, for nodes
    that are no features of an autoencoder of the residual stream, and for a feature that is never active.
    """
    if (kind := model.network.config.model_type) not in LENGTHENED:
        raise StudyError(f"{model.name} is a {kind}; layers can be added to {', '.join(LENGTHENED)}")
    by_site: dict[Site, dict[int, Rewriting]] = {}
    for node, rewriting in rewritings.items():
        if node.site.kind != "resid_post" or not isinstance(basis[node.site], Features) or node.index is None:
            raise StudyError(f"node {node.id}: only features of the residual stream become a layer")
        by_site.setdefault(node.site, {})[node.index] = rewriting
    network = model.network
    # From the last site to the first, so that the layers before stay where they are.
    for site in sorted(by_site, key=lambda one: one.layer, reverse=True):
        dictionary = basis[site]
        assert isinstance(dictionary, Features)
        # What this layer will read has gone through the layers added before it.
        before = rewrite_nodes(basis, {node: how for node, how in rewritings.items() if node.site.order < site.order})
        neurons = fit_neurons(_stream(model, site, batches, before), dictionary.sae, by_site[site])
        network = _insert(network, site.layer, neurons)
    return network


def moved(site: Site, added_after: Sequence[int]) -> Site:
    """Return where a site is in a model with layers added after some; at a residual site, behind the added layer."""
    behind = site.kind == "resid_post"
    return Site(site.kind, site.layer + sum(layer < site.layer + behind for layer in added_after))


@torch.no_grad()
def _stream(
    model: Model, site: Site, batches: Iterable[Tensor], intervention: Mapping[Site, Edit]
) -> tuple[Tensor, Tensor]:
    """Activations at a site (row, d_model) under an intervention, and which of them are separators (row,)."""
    rows, first = [], []
    for batch in batches:
        x = run(model, batch.to(model.device), read=[site], edit=intervention).activations[site]
        begins = torch.zeros(x.shape[:2], dtype=torch.bool)
        begins[:, 0] = True
        rows.append(x.flatten(0, 1).cpu())
        first.append(begins.flatten())
    return torch.cat(rows), torch.cat(first)


@torch.no_grad()
def fit_neurons(stream: tuple[Tensor, Tensor], sae: SparseAutoencoder, rewritings: Mapping[int, Rewriting]) -> Neurons:
    """Return the neurons that, reading x / r, write what rewriting features changes; at separators, nothing.

    Raises StudyError for a feature that is active on no row of the stream.
    """
    x, separator = stream
    r = x.norm(dim=1) / x.shape[1] ** 0.5
    h = (x / r.unsqueeze(1)).double()
    steady = (~separator & (r < SINK * r.median())).double()
    scale = ((r * steady).sum() / steady.sum()).item()
    scales = torch.stack([torch.ones(len(h)).double(), r.double() * steady / scale, scale / r.double()], dim=1)
    carried = _fitted(h, scales).T
    inverse = carried[2]
    parts = []
    for index, rewriting in rewritings.items():
        w = sae.W_enc[:, index].cpu().double()
        b = (sae.b_enc[index] - (sae.b_dec @ sae.W_enc[:, index] if sae.centred else 0.0)).item()
        f = sae.encode(x.to(sae.W_enc.device))[:, index].cpu() * ~separator
        if not (f > 0).any():
            raise StudyError(f"feature {index} is active nowhere in the text that the layer is fitted on")
        wanted = (rewriting(f) - f).double() * (f > 0)
        # z > t where w x / r > (t - b) / r.
        bends = _bends(f, rewriting)
        sharpness = SHARPNESS / max(bends)
        gates = torch.stack([sharpness * (scale * w - (t - b) * inverse) for t in bends])
        opened = F.silu(h @ gates.T) / sharpness
        columns = (opened.unsqueeze(2) * (h @ carried.T).unsqueeze(1)).flatten(1)
        weights = _fitted(columns, wanted).unflatten(0, (len(gates), 3)) / sharpness
        down = sae.W_dec[index].cpu().double().expand(len(gates), -1)
        parts.append((gates, weights @ carried, down))
    return Neurons(*(torch.cat(part).float() for part in zip(*parts, strict=True)))


def _bends(f: Tensor, rewriting: Rewriting) -> list[float]:
    """Where hinges bend: over the feature's values, and close to either side of a threshold."""
    values = f[f > 0]
    top = values.max().item() if rewriting.below is None else 1.2 * rewriting.below
    spread = torch.linspace(values.min().item(), top, HINGES).tolist()
    return spread if rewriting.below is None else [*spread, 0.98 * rewriting.below, 1.02 * rewriting.below]


def _fitted(columns: Tensor, wanted: Tensor) -> Tensor:
    """Return the weights (column, ...) with which columns (row, column) come closest to what is wanted (row, ...)."""
    gram = columns.T @ columns
    gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    return torch.linalg.solve(gram, columns.T @ wanted)


def _insert(model: "PreTrainedModel", after: int, neurons: Neurons) -> "PreTrainedModel":
    """Return the model with one more layer, which does nothing but what the neurons do."""
    config = copy.deepcopy(model.config)
    config.num_hidden_layers += 1
    if getattr(config, "layer_types", None):
        config.layer_types = [
            *config.layer_types[: after + 1],
            config.layer_types[after],
            *config.layer_types[after + 1 :],
        ]
    prefix, added = "model.layers.", f"model.layers.{after + 1}."
    tensors: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        if name.startswith(prefix):
            layer, _, rest = name.removeprefix(prefix).partition(".")
            if int(layer) == after:
                tensors[added + rest] = torch.zeros_like(tensor)
            name = f"{prefix}{int(layer) + (int(layer) > after)}.{rest}"
        tensors[name] = tensor
    for norm in [name for name in tensors if name.startswith(added) and name.endswith("norm.weight")]:
        tensors[norm] = torch.ones_like(tensors[norm])
    width = len(neurons.gate)
    if width > config.intermediate_size:
        raise StudyError(
            f"the edit takes {width} neurons, a layer has {config.intermediate_size}; choose fewer features"
        )
    tensors[f"{added}mlp.gate_proj.weight"][:width] = neurons.gate.to(model.device)
    tensors[f"{added}mlp.up_proj.weight"][:width] = neurons.up.to(model.device)
    tensors[f"{added}mlp.down_proj.weight"][:, :width] = neurons.down.T.to(model.device)
    longer = type(model)(config)
    longer.load_state_dict(tensors)
    longer.generation_config = model.generation_config
    return longer.eval().requires_grad_(False).to(model.device)
