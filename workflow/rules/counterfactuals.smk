rule make_counterfactuals:
    """Average images of the two sides of every task of classes, and images changed until the model sees the other."""
    input:
        model=MODEL_FILES,
        script=program("make_counterfactuals.py"),
        tests=expand("results/tasks/{task}/test.jsonl", task=CLASS_TASKS),
    output:
        counterfactuals=COUNTERFACTUALS[0],
    log:
        f"logs/make_counterfactuals/{STUDY.study}.log",
    benchmark:
        f"logs/make_counterfactuals/{STUDY.study}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
        gpu=1,
    params:
        model=model_folder,
        code=code("make_counterfactuals.py"),
    message:
        "Changing images until the model sees another class"
    shell:
        "python {input.script} --model {params.model:q} --tests {input.tests:q}"
        " --counterfactuals {output.counterfactuals:q} --threads {threads} > {log:q} 2>&1"
