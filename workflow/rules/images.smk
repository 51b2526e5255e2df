rule train_vision_transformer:
    """The study's own model of its images, and the accuracy on the test images."""
    input:
        script=program("train_vision_transformer"),
        images=PATHS.corpus,
    output:
        folder=files(PATHS.transformer("{model}"), TRAINED_MODEL),
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
    resources:
        mem_mb=memory(3000),
        runtime=24 * 60,
        gpu=1,
    params:
        **told("train_vision_transformer", state="state/{model}.safetensors"),
    message:
        "Training {wildcards.model}"
    shell:
        command("train_vision_transformer")


if STUDY.twin:

    use rule train_vision_transformer as train_twin with:
        log:
            "logs/train_twin/{model}.log",
        benchmark:
            "logs/train_twin/{model}.tsv"
        wildcard_constraints:
            model="|".join(map(re.escape, [PATHS.twin, PATHS.matched])),
        priority: 0


rule models:
    """The study's model, and its twin where it has one."""
    input:
        PATHS.losses(PATHS.vision_transformers),
