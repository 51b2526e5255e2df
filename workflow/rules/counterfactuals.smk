rule make_counterfactuals:
    """Average images of the two sides of every task of classes, and images changed until the model sees the other."""
    input:
        model=files(PATHS.model, WHOLE_MODEL),
        script=program("make_counterfactuals"),
        tests=PATHS.pairs(PATHS.class_tasks, ["test"]),
    output:
        counterfactuals=PATHS.counterfactuals[0],
    log:
        f"logs/make_counterfactuals/{STUDY.study}.log",
    benchmark:
        f"logs/make_counterfactuals/{STUDY.study}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=30,
        gpu=1,
    params:
        **told("make_counterfactuals"),
    message:
        "Changing images until the model sees another class"
    shell:
        command("make_counterfactuals")
