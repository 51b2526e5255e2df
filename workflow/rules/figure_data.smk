TRAINING_LOGS = [f"{folder}/training.csv" for folder in SAE_FOLDERS]
COMPARABLE = [
    f"results/saes/{STUDY.model}/{site}/{sae}/evaluation.json"
    for site, place in PLACES.items()
    for sae in place.saes
    if len(place.saes) > 1
]
PROOFS = [
    f"{CIRCUITS}/{task}/{basis}/proof.json"
    for task in STUDY.tasks
    for basis, settings in BASES.items()
    if settings.prove
]
HEADLINE = f"{CIRCUITS}/{STUDY.headline_task}/{SHOWN_BASIS}"
SCORES_BY_METHOD = [
    f"{HEADLINE}/scores.h5",
    *[f"{HEADLINE}/scores_by/{name}.h5" for name in STUDY.circuits.compared_methods],
]
# What is known of nodes, and, in a study of images, the pictures that they are active on.
DESCRIPTIONS = (
    [f"{INTERPRETATIONS}/{site}.json" for site in DESCRIBED_SITES]
    if STUDY.interpretations
    else []
)
PICTURES = (
    [CORPUS_FILE, *DESCRIPTIONS] if STUDY.corpus_entry.pictures and DESCRIPTIONS else []
)
FIGURE_DATA = {
    **(
        {
            "sae_quality": ("sae_quality", SAE_EVALUATIONS),
            "training": ("training", TRAINING_LOGS),
        }
        if SAE_FOLDERS
        else {}
    ),
    # What sparsity costs can be drawn where several autoencoders share a site.
    **({"pareto": ("pareto", COMPARABLE)} if COMPARABLE else {}),
    "faithfulness": ("faithfulness", EVALUATIONS),
    **({"stability": ("stability", PROOFS)} if PROOFS else {}),
    # How far methods agree on the nodes of the headline task, and tasks on their nodes.
    **(
        {"overlap_methods": ("overlap", SCORES_BY_METHOD)}
        if STUDY.circuits.compared_methods
        else {}
    ),
    **(
        {
            "overlap_tasks": (
                "overlap",
                [f"{CIRCUITS}/{task}/{SHOWN_BASIS}/scores.h5" for task in STUDY.tasks],
            )
        }
        if len(STUDY.tasks) > 1
        else {}
    ),
    **{
        f"circuit_{task}": (
            "circuit",
            [
                f"{CIRCUITS}/{task}/{SHOWN_BASIS}/circuit.json",
                *(PICTURES or DESCRIPTIONS),
            ],
        )
        for task in STUDY.tasks
    },
    **{
        f"strips_{task}": (
            "strips",
            [f"{CIRCUITS}/{task}/{SHOWN_BASIS}/circuit.json", *PICTURES],
        )
        for task in STUDY.tasks
        if PICTURES
    },
    **{
        f"edit_{edit}": ("edit", f"{EDITS}/{edit}/evaluation.json")
        for edit in STUDY.edits
    },
    **({"shift": ("shift", [SHIFT])} if STUDY.shift else {}),
    **(
        {"counterfactuals": ("counterfactuals", COUNTERFACTUALS)}
        if COUNTERFACTUALS
        else {}
    ),
    **({"twins": ("twins", f"{CIRCUITS}/frontier.json")} if STUDY.twin else {}),
}
