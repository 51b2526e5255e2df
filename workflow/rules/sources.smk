rule fetch_model:
    """An ordinary Hugging Face folder of the study's model, from the first source that has it."""
    input:
        script=program("fetch_model"),
    output:
        folder=files(PATHS.model, WHOLE_MODEL),
    log:
        f"logs/fetch_model/{STUDY.model}.log",
    benchmark:
        f"logs/fetch_model/{STUDY.model}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        **told("fetch_model"),
    message:
        f"Fetching model {STUDY.model}"
    shell:
        command("fetch_model")


rule models:
    """The study's model."""
    input:
        rules.fetch_model.output,
