"""The smallest circuits of models with almost all weights zero, beside those of dense models."""

PRUNED = PATHS.circuit("{task}", "{model}")


rule prune_task:
    """The smallest circuit of one model for one task, judged on the test pairs."""
    input:
        model=files(PATHS.transformer("{model}"), TRAINED_MODEL),
        script=program("prune_task"),
        sequences=PATHS.sequences,
        train=rules.make_task.output.train,
        test=rules.make_task.output.test,
    output:
        circuit=f"{PRUNED}/circuit.json",
        pruning=f"{PRUNED}/pruning.json",
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
        **told("prune_task"),
    message:
        "Pruning {wildcards.model} to {wildcards.task}"
    shell:
        command("prune_task")


rule compare_frontier:
    """Pretraining loss beside the size of circuits."""
    input:
        script=program("compare_frontier"),
        losses=PATHS.losses([*PATHS.sparse, *PATHS.dense]),
        circuits=PATHS.of_pruned("pruning.json", [*PATHS.sparse, *PATHS.dense]),
    output:
        frontier=PATHS.frontier,
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
        **told("compare_frontier"),
    message:
        "Comparing sparse models with dense ones"
    shell:
        command("compare_frontier")
