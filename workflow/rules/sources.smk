rule fetch_model:
    """An ordinary Hugging Face folder of the study's model, from the first source that has it."""
    input:
        script=program("fetch_model"),
    output:
        model=files(PATHS.model, WHOLE_MODEL),
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
        folder=folder_of("model"),
        settings=told("fetch_model"),
        code=code("fetch_model"),
    message:
        f"Fetching model {STUDY.model}"
    shell:
        "python {input.script} {params.settings:q} --folder {params.folder:q} > {log:q} 2>&1"


rule models:
    """The study's model."""
    input:
        rules.fetch_model.output,
