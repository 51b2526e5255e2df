"""The smallest circuits of models with almost all weights zero, beside those of dense models.

What includes this says which: TRANSFORMER, a model's folder, TRANSFORMER_FILES, SPARSE and DENSE, names of models,
PRUNED_TASKS, PRUNING, their settings, and SEQUENCES, over which means are taken.
"""

COMPARED = [*SPARSE, *DENSE]


rule prune_task:
    """The smallest circuit of one model for one task, judged on the test pairs."""
    input:
        model=TRANSFORMER_FILES,
        script=program("prune_task.py"),
        sequences=SEQUENCES,
        train=rules.make_task.output.train,
        test=rules.make_task.output.test,
    output:
        circuit=f"{CIRCUITS}/{{task}}/{{model}}/circuit.json",
        pruning=f"{CIRCUITS}/{{task}}/{{model}}/pruning.json",
    log:
        f"logs/prune_task/{STUDY.study}.{{task}}.{{model}}.log",
    benchmark:
        f"logs/prune_task/{STUDY.study}.{{task}}.{{model}}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=120,
    params:
        study=STUDY.study,
        model=model_folder,
        folder=lambda wildcards, output: str(Path(output.circuit).parent),
        settings=PRUNING.model_dump_json(),
        seed=STUDY.seed,
        code=code("prune_task.py"),
    message:
        "Pruning {wildcards.model} to {wildcards.task}"
    shell:
        "python {input.script} --study {params.study:q} --task {wildcards.task} --model {params.model:q}"
        " --sequences {input.sequences:q} --train {input.train:q} --test {input.test:q} --pruning {params.settings:q}"
        " --seed {params.seed} --folder {params.folder:q} --threads {threads} > {log:q} 2>&1"


rule compare_frontier:
    """Pretraining loss beside the size of circuits."""
    input:
        script=program("compare_frontier.py"),
        losses=expand(f"{TRANSFORMER}/losses.json", model=COMPARED),
        circuits=[
            f"{CIRCUITS}/{task}/{model}/pruning.json"
            for model in COMPARED
            for task in PRUNED_TASKS
        ],
    output:
        frontier=f"{CIRCUITS}/frontier.json",
    log:
        f"logs/compare_frontier/{STUDY.study}.log",
    benchmark:
        f"logs/compare_frontier/{STUDY.study}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        sparse=SPARSE,
        dense=DENSE,
        code=code("compare_frontier.py"),
    message:
        "Comparing sparse models with dense ones"
    shell:
        "python {input.script} --sparse {params.sparse:q} --dense {params.dense:q} --losses {input.losses:q}"
        " --circuits {input.circuits:q} --frontier {output.frontier:q} > {log:q} 2>&1"
