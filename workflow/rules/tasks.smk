def task_source(wildcards):
    """The words of the command line that say where a task's pairs come from."""
    task = STUDY.tasks[wildcards.task]
    sizes = ["--train", task.train, "--test", task.test]
    if isinstance(task, FileTask):
        return ["file", *sizes]
    return ["agreement", "--template", task.template, *sizes, "--seed", STUDY.seed]


def task_files(wildcards):
    """The files of pairs that the user brings, if the task is made of such."""
    task = STUDY.tasks[wildcards.task]
    return [task.train, task.test] if isinstance(task, FileTask) else []


rule make_task:
    """The pairs of one task, checked against the model's tokenizer."""
    input:
        TOKENIZER_FILES,
        task_files,
        script=ancient("scripts/make_task.py"),
    output:
        train="results/tasks/{task}/train.jsonl",
        test="results/tasks/{task}/test.jsonl",
    log:
        "logs/make_task/{task}.log",
    benchmark:
        "logs/make_task/{task}.tsv"
    # Before the hours of caching and training: a task whose answers are no single tokens must stop the run early.
    priority: 100
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        model=MODEL,
        folder=lambda wildcards, output: str(Path(output.train).parent),
        source=task_source,
        code=code("make_task.py"),
    message:
        "Making task {wildcards.task}"
    shell:
        "python {input.script} --model {params.model:q} --folder {params.folder:q}"
        " {params.source:q} > {log:q} 2>&1"
