rule make_task:
    """The pairs of one task, checked against the model's tokenizer."""
    input:
        model=files(PATHS.tokenizer, TOKENIZER),
        sources=lambda wildcards: brought(PATHS.task_files(wildcards.task)),
        script=program("make_task"),
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
    resources:
        mem_mb=memory(2000),
        runtime=10,
    params:
        model=folder_of("model"),
        folder=folder_of("train"),
        settings=told("make_task"),
        code=lambda wildcards: code(
            "make_task", f"tasks.{PATHS.task_kind(wildcards.task)}"
        ),
    message:
        "Making task {wildcards.task}"
    shell:
        "python {input.script} --model {params.model:q} --folder {params.folder:q} --sources {input.sources:q}"
        " {params.settings:q} > {log:q} 2>&1"
