rule fetch_corpus:
    """The corpus' documents, from the first source that has them."""
    input:
        script=program("fetch_corpus"),
    output:
        documents=f"results/corpora/{STUDY.corpus}/documents.jsonl",
    log:
        f"logs/fetch_corpus/{STUDY.corpus}.log",
    benchmark:
        f"logs/fetch_corpus/{STUDY.corpus}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        settings=told("fetch_corpus"),
        code=code("fetch_corpus"),
    message:
        f"Fetching corpus {STUDY.corpus}"
    shell:
        "python {input.script} {params.settings:q} --documents {output.documents:q} > {log:q} 2>&1"


rule fetch_images:
    """The corpus' images, from the first source that has them."""
    input:
        script=program("fetch_images"),
    output:
        images=f"results/corpora/{STUDY.corpus}/images.h5",
    log:
        f"logs/fetch_images/{STUDY.corpus}.log",
    benchmark:
        f"logs/fetch_images/{STUDY.corpus}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        settings=told("fetch_images"),
        code=code("fetch_images"),
    message:
        f"Fetching images {STUDY.corpus}"
    shell:
        "python {input.script} {params.settings:q} --images {output.images:q} > {log:q} 2>&1"
