rule interpret_channels:
    """What the channels of all tasks' circuits do: the images and places where each is high, a label."""
    input:
        model=MODEL_FILES,
        script=program("interpret_channels.py"),
        images=rules.fetch_images.output.images,
        circuits=expand(
            f"{CIRCUITS}/{{task}}/{SHOWN_BASIS}/circuit.json", task=STUDY.tasks
        ),
    output:
        expand(f"{INTERPRETATIONS}/{{site}}.json", site=DESCRIBED_SITES),
    log:
        f"logs/interpret_channels/{STUDY.study}.log",
    benchmark:
        f"logs/interpret_channels/{STUDY.study}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(7000),
        runtime=60,
    params:
        study=STUDY.study,
        model=model_folder,
        sites=DESCRIBED_SITES,
        folder=INTERPRETATIONS,
        contexts=INTERPRETED.contexts,
        code=code("interpret_channels.py"),
    message:
        "Describing the channels of the circuits"
    shell:
        "python {input.script} --study {params.study:q} --model {params.model:q} --images {input.images:q}"
        " --circuits {input.circuits:q} --sites {params.sites:q} --folder {params.folder:q}"
        " --contexts {params.contexts} --threads {threads} > {log:q} 2>&1"
