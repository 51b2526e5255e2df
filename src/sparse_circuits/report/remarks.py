"""What a reader must know of a circuit before its numbers: that it is poor, that its controls fail, what carries it."""

from sparse_circuits.artefacts.circuit_evaluation import CircuitEvaluation

WANTED = 0.75  # the faithfulness at which circuits are compared, and below which the chosen one is called poor
LOST = 0.1  # accuracy that a circuit may lack to the model's
ERRORS = 0.25  # faithfulness of error nodes alone from which they are said to carry the behaviour


def remarks(evaluation: CircuitEvaluation) -> list[str]:
    """Return a sentence for each thing that speaks against a circuit, from its evaluation.json."""
    circuit, accuracy = evaluation.circuit, evaluation.accuracy
    found = []
    if circuit.faithfulness < WANTED:
        found.append(f"the circuit is poor: its faithfulness is {circuit.faithfulness:.2f}")
    if accuracy.model - accuracy.circuit > LOST:
        found.append(f"the circuit alone is right on {accuracy.circuit:.0%}, the model on {accuracy.model:.0%}")
    controls = evaluation.controls
    if controls and not controls.fail_as_they_should:
        found.append(
            f"a control does not fail as it should: faithfulness {controls.nonsense:.2f} with nonsense answers, "
            f"{controls.shuffled:.2f} with shuffled labels"
        )
    if (alone := evaluation.errors_alone or 0.0) >= ERRORS:
        found.append(f"error nodes alone have {alone:.2f} of the faithfulness: features do not explain that part")
    for finding, words in (("against", "tests speak against it"), ("undecided", "tests do not tell")):
        if tests := [name for name, test in (evaluation.tests or {}).items() if test.finding == finding]:
            found.append(f"{words}: {', '.join(tests).replace('_', ' ')}")
    return found
