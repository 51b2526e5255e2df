rule interpret_channels:
    """What the channels of all tasks' circuits do: the images and places where each is high, a label."""
    input:
        model=files(PATHS.model, WHOLE_MODEL),
        script=program("interpret_channels"),
        images=PATHS.corpus,
        circuits=[
            f"{PATHS.circuits}/{task}/{PATHS.shown_basis}/circuit.json"
            for task in STUDY.tasks
        ],
    output:
        folder=[
            f"{PATHS.interpretations}/{site}.json" for site in PATHS.described_sites
        ],
    log:
        f"logs/interpret_channels/{STUDY.study}.log",
    benchmark:
        f"logs/interpret_channels/{STUDY.study}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(7000),
        runtime=60,
    params:
        **told("interpret_channels"),
    message:
        "Describing the channels of the circuits"
    shell:
        command("interpret_channels")
