"""Attribution methods. A new one is one file and one line here."""

from sparse_circuits.circuits.attribution.input_integrated_gradients import input_integrated_gradients
from sparse_circuits.circuits.attribution.integrated_gradients import integrated_gradients
from sparse_circuits.circuits.attribution.site_gradient import SiteGradient

METHODS = {
    "integrated_gradients": integrated_gradients,
    "input_integrated_gradients": input_integrated_gradients,
}

__all__ = ["METHODS", "SiteGradient"]
