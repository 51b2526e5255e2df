"""What a circuit is asked to keep."""

from torch import Tensor

from sparse_circuits.base.types import Metric
from sparse_circuits.tasks.pairs import PairBatch


def logit_difference(logits: Tensor, batch: PairBatch) -> Metric:
    """Return log(P(answers) / P(patch_answers)) of each pair, in nats: logits (pair, vocabulary) -> (pair,).

    The log-sum-exp over each set of answers; for sets of one token, the plain difference of two logits. Both runs of a
    pair are measured with the clean prompt's sides, so the metric is high for clean and low for patch.
    """
    return _log_sum(logits, batch.answers) - _log_sum(logits, batch.patch_answers)


def _log_sum(logits: Tensor, ids: Tensor) -> Tensor:
    return logits.gather(1, ids.clamp(min=0)).masked_fill(ids < 0, float("-inf")).logsumexp(dim=1)
