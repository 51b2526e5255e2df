ACCURACY = f"{MODEL}/accuracy.{STUDY.corpus}.json"


rule judge_model:
    """How often the study's model gives the right class of a photograph."""
    input:
        model=MODEL_FILES,
        script=program("judge_model.py"),
        images=rules.fetch_images.output.images,
    output:
        accuracy=ACCURACY,
    log:
        f"logs/judge_model/{STUDY.corpus}.log",
    benchmark:
        f"logs/judge_model/{STUDY.corpus}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=30,
    params:
        model=model_folder,
        crops=STUDY.corpus_entry.photographs.crops,
        code=code("judge_model.py"),
    message:
        "Judging the model on {input.images}"
    shell:
        "python {input.script} --model {params.model:q} --images {input.images:q} --crops {params.crops}"
        " --accuracy {output.accuracy:q} --threads {threads} > {log:q} 2>&1"
