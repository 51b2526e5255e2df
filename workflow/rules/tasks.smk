def task_source(wildcards):
    """The words of the command line that say where a task's pairs come from."""
    task = STUDY.tasks[wildcards.task]
    if isinstance(task, FileTask):
        return ["file", "--path", getattr(task, wildcards.split)]
    count = getattr(task, wildcards.split)
    return ["agreement", "--template", task.template, "--count", str(count), "--seed", str(STUDY.seed)]


def task_file(wildcards):
    """The file of pairs that the user brings, if the task is one."""
    task = STUDY.tasks[wildcards.task]
    return [getattr(task, wildcards.split)] if isinstance(task, FileTask) else []


rule make_task:
    """The pairs of one task and split, checked against the model's tokenizer."""
    input:
        TOKENIZER_FILES,
        task_file,
        script="scripts/make_task.py",
    output:
        pairs="results/tasks/{task}/{split}.jsonl",
    params:
        model=MODEL,
        source=task_source,
        code=code("make_task.py"),
    log:
        "logs/make_task/{task}.{split}.log",
    benchmark:
        "logs/make_task/{task}.{split}.tsv"
    # Before the hours of caching and training: a task whose answers are no single tokens must stop the run early.
    priority: 100
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    conda:
        "../envs/environment.yaml"
    message:
        "Making task {wildcards.task}, {wildcards.split}"
    shell:
        "python {input.script} --model {params.model:q} --split {wildcards.split} --pairs {output.pairs:q}"
        " {params.source:q} > {log:q} 2>&1"
