"""Attribution methods. A new one is one file and one line here."""

from sparse_circuits.circuits.attribution.attribution_patching import attribution_patching
from sparse_circuits.circuits.attribution.gradient_activation import gradient_activation
from sparse_circuits.circuits.attribution.input_integrated_gradients import input_integrated_gradients
from sparse_circuits.circuits.attribution.integrated_gradients import integrated_gradients
from sparse_circuits.circuits.attribution.relp import relp

METHODS = {
    "integrated_gradients": integrated_gradients,
    "input_integrated_gradients": input_integrated_gradients,
    "attribution_patching": attribution_patching,
    "relp": relp,
    "gradient_activation": gradient_activation,
}
