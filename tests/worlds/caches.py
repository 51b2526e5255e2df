"""What caches of the tiny model hold."""

from sparse_circuits.config.site import Site

SITES = [Site("resid_post", 0), Site("mlp_neurons", 1), Site("resid_post", 1)]  # of the caches of the tiny model
CONTEXT = 16
