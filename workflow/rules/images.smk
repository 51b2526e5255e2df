rule train_vision_transformer:
    """The study's own model of its images, and its accuracy on the test images."""
    input:
        script=program("train_vision_transformer.py"),
        images=rules.fetch_images.output.images,
    output:
        MODEL_FILES,
        f"{MODEL}/training.csv",
        f"{MODEL}/losses.json",
    log:
        f"logs/train_vision_transformer/{STUDY.model}.log",
    benchmark:
        f"logs/train_vision_transformer/{STUDY.model}.tsv"
    conda:
        "../envs/environment.yaml"
    # Nothing else can run meanwhile.
    threads: 2
    resources:
        mem_mb=memory(3000),
        runtime=24 * 60,
        gpu=1,
    params:
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        name=STUDY.model,
        entry=STUDY.vision_transformer.model_dump_json(),
        licence=STUDY.corpus_entry.licence,
        state=f"state/{STUDY.model}.safetensors",
        seed=STUDY.seed,
        code=code("train_vision_transformer.py"),
    message:
        "Training {params.name}"
    shell:
        "python {input.script} --name {params.name:q} --entry {params.entry:q} --images {input.images:q}"
        " --licence {params.licence:q} --folder {params.folder:q} --seed {params.seed} --state {params.state:q}"
        " --threads {threads} > {log:q} 2>&1"


rule models:
    """The study's model."""
    input:
        rules.train_vision_transformer.output,
