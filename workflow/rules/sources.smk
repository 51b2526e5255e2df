rule fetch_model:
    """An ordinary Hugging Face folder of the study's model, from the first source that has it."""
    input:
        script=program("fetch_model.py"),
    output:
        MODEL_FILES,
    log:
        f"logs/fetch_model/{STUDY.model}.log",
    benchmark:
        f"logs/fetch_model/{STUDY.model}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        entry=STUDY.model_entry.model_dump_json(),
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        name=STUDY.model,
        code=code("fetch_model.py"),
    message:
        "Fetching model {params.name}"
    shell:
        "python {input.script} --name {params.name:q} --entry {params.entry:q} --folder {params.folder:q} > {log:q} 2>&1"


rule models:
    """The study's model."""
    input:
        rules.fetch_model.output,
