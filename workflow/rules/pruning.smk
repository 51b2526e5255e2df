"""The smallest circuits of models with almost all weights zero, beside those of dense models."""


rule prune_task:
    """The smallest circuit of one model for one task, judged on the test pairs."""
    input:
        model=files(PATHS.transformer("{model}"), TRAINED_MODEL),
        script=program("prune_task"),
        sequences=PATHS.sequences,
        train=rules.make_task.output.train,
        test=rules.make_task.output.test,
    output:
        circuit=f"{PATHS.circuits}/{{task}}/{{model}}/circuit.json",
        pruning=f"{PATHS.circuits}/{{task}}/{{model}}/pruning.json",
    log:
        f"logs/prune_task/{STUDY.study}.{{task}}.{{model}}.log",
    benchmark:
        f"logs/prune_task/{STUDY.study}.{{task}}.{{model}}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=120,
    params:
        model=folder_of("model"),
        settings=told("prune_task"),
        code=code("prune_task"),
    message:
        "Pruning {wildcards.model} to {wildcards.task}"
    shell:
        "python {input.script} --model {params.model:q} --sequences {input.sequences:q} --train {input.train:q}"
        " --test {input.test:q} {params.settings:q} --circuit {output.circuit:q} --pruning {output.pruning:q}"
        " --threads {threads} > {log:q} 2>&1"


rule compare_frontier:
    """Pretraining loss beside the size of circuits."""
    input:
        script=program("compare_frontier"),
        losses=PATHS.losses([*PATHS.sparse, *PATHS.dense]),
        circuits=PATHS.of_pruned("pruning.json", [*PATHS.sparse, *PATHS.dense]),
    output:
        frontier=f"{PATHS.circuits}/frontier.json",
    log:
        f"logs/compare_frontier/{STUDY.study}.log",
    benchmark:
        f"logs/compare_frontier/{STUDY.study}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        settings=told("compare_frontier"),
        code=code("compare_frontier"),
    message:
        "Comparing sparse models with dense ones"
    shell:
        "python {input.script} --losses {input.losses:q} --circuits {input.circuits:q} {params.settings:q}"
        " --frontier {output.frontier:q} > {log:q} 2>&1"
