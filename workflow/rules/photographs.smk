rule judge_model:
    """How often the study's model gives the right class of a photograph."""
    input:
        model=files(PATHS.model, WHOLE_MODEL),
        script=program("judge_model"),
        images=PATHS.corpus,
    output:
        accuracy=PATHS.accuracy,
    log:
        f"logs/judge_model/{STUDY.corpus}.log",
    benchmark:
        f"logs/judge_model/{STUDY.corpus}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(4000),
        runtime=30,
    params:
        **told("judge_model"),
    message:
        "Judging the model on {input.images}"
    shell:
        command("judge_model")
