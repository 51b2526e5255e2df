rule make_task:
    """The pairs of one task, checked against the model's tokenizer."""
    input:
        model=files(PATHS.tokenizer, TOKENIZER),
        sources=lambda wildcards: brought(PATHS.task_files(wildcards.task)),
        script=program("make_task"),
    output:
        train=PATHS.split("{task}", "train"),
        test=PATHS.split("{task}", "test"),
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
        **told(
            "make_task",
            modules=lambda wildcards: [f"tasks.{PATHS.task_kind(wildcards.task)}"],
        ),
    message:
        "Making task {wildcards.task}"
    shell:
        command("make_task")
