"""Settings of transfer: whether nodes found on templates carry natural sentences too."""

from sparse_circuits.config.judge_transfer import Transferred
from sparse_circuits.config.mine_sentences import Sentences


class Transfer(Transferred, Sentences):
    """Natural sentences of the corpus, on which the nodes found on agreement templates are judged."""
