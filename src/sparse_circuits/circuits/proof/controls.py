"""How well a circuit does that was found on a control task (`tasks.controls`). A good method finds nothing there."""

from torch import Tensor

from sparse_circuits.circuits.faithfulness import faithfulness

LIMIT = 0.2  # from which a control has failed


def shuffled_faithfulness(model: Tensor, empty: Tensor, circuit: Tensor) -> float:
    """Return the faithfulness, with the *true* answers, of a circuit found with shuffled labels.

    (m(C) - m(0)) / (m(M) - m(0)) over held-out pairs, each m (pair,). With the answers of held-out pairs shuffled too,
    every m would be 0 on average, for the best circuit as for none, and nothing could fail. With the true answers, a
    method fails that finds the circuit without being told which answer is right.
    """
    return faithfulness(*(part.double().mean() for part in (circuit, empty, model))).item()


def nonsense_gain(
    model: Tensor, empty: Tensor, nonsense_model: Tensor, nonsense_empty: Tensor, nonsense_circuit: Tensor
) -> float:
    """Return what a circuit found for nonsense answers has of them, beyond the model, on the real task's scale.

    (n(C) - max(n(M), n(0))) / (m(M) - m(0)) over held-out pairs, with m the metric of the true answers and n that of
    the nonsense answers, each (pair,). A denominator of nonsense alone, n(M) - n(0), may be of any sign and near 0. The
    model may raise some nonsense words by chance; a faithful circuit repeats that and gains nothing.
    """
    n_circuit, n_model, n_empty, m_model, m_empty = (
        part.double().mean() for part in (nonsense_circuit, nonsense_model, nonsense_empty, model, empty)
    )
    return ((n_circuit - max(n_model, n_empty)) / (m_model - m_empty)).item()
