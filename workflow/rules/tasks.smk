rule make_task:
    """The pairs of one task, checked against the model's tokenizer."""
    input:
        model=TOKENIZER_FILES,
        pairs=task_files,
        script=program("make_task.py"),
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
        mem_mb=memory(2000),
        runtime=10,
    params:
        model=model_folder,
        folder=lambda wildcards, output: str(Path(output.train).parent),
        source=task_source,
        code=code("make_task.py"),
    message:
        "Making task {wildcards.task}"
    shell:
        "python {input.script} --model {params.model:q} --folder {params.folder:q}"
        " {params.source:q} > {log:q} 2>&1"
