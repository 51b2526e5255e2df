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
        model=folder_of("model"),
        settings=told("make_counterfactuals"),
        code=code("make_counterfactuals"),
    message:
        "Changing images until the model sees another class"
    shell:
        "python {input.script} --model {params.model:q} --tests {input.tests:q} {params.settings:q}"
        " --counterfactuals {output.counterfactuals:q} --threads {threads} > {log:q} 2>&1"
