rule train_vision_transformer:
    """The study's own model of its images, and the accuracy on the test images."""
    input:
        script=program("train_vision_transformer.py"),
        images=rules.fetch_images.output.images,
    output:
        TRANSFORMER_FILES,
    log:
        "logs/train_vision_transformer/{model}.log",
    benchmark:
        "logs/train_vision_transformer/{model}.tsv"
    wildcard_constraints:
        model=re.escape(STUDY.model),
    # Nearly all that follows waits for it, and nothing but the twins' circuits for the twins.
    priority: 1
    conda:
        "../envs/environment.yaml"
    # A second core does not make these small matrices faster; the twin trains on it.
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=24 * 60,
        gpu=1,
    params:
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        entry=lambda wildcards: VISION[wildcards.model].model_dump_json(),
        licence=STUDY.corpus_entry.licence,
        state="state/{model}.safetensors",
        seed=STUDY.seed,
        code=code("train_vision_transformer.py"),
    message:
        "Training {wildcards.model}"
    shell:
        "python {input.script} --name {wildcards.model:q} --entry {params.entry:q} --images {input.images:q}"
        " --licence {params.licence:q} --folder {params.folder:q} --seed {params.seed} --state {params.state:q}"
        " --threads {threads} > {log:q} 2>&1"


if STUDY.twin:

    use rule train_vision_transformer as train_twin with:
        log:
            "logs/train_twin/{model}.log",
        benchmark:
            "logs/train_twin/{model}.tsv"
        wildcard_constraints:
            model="|".join(map(re.escape, [TWIN, MATCHED])),
        priority: 0


rule models:
    """The study's model, and its twin where it has one."""
    input:
        expand(f"{TRANSFORMER}/losses.json", model=VISION),
