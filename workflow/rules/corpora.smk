CORPUS_FILE = f"results/corpora/{STUDY.corpus}/" + (
    "images.h5" if STUDY.corpus_entry.pictures else "documents.jsonl"
)


rule fetch_corpus:
    """The corpus' documents, from the first source that has them."""
    input:
        script=program("fetch_corpus.py"),
    output:
        documents=f"results/corpora/{STUDY.corpus}/documents.jsonl",
    log:
        f"logs/fetch_corpus/{STUDY.corpus}.log",
    benchmark:
        f"logs/fetch_corpus/{STUDY.corpus}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        entry=STUDY.corpus_entry.model_dump_json(),
        name=STUDY.corpus,
        code=code("fetch_corpus.py"),
    message:
        "Fetching corpus {params.name}"
    shell:
        "python {input.script} --name {params.name:q} --entry {params.entry:q} --documents {output.documents:q}"
        " > {log:q} 2>&1"


rule fetch_images:
    """The corpus' images, from the first source that has them."""
    input:
        script=program("fetch_images.py"),
    output:
        images=f"results/corpora/{STUDY.corpus}/images.h5",
    log:
        f"logs/fetch_images/{STUDY.corpus}.log",
    benchmark:
        f"logs/fetch_images/{STUDY.corpus}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        entry=STUDY.corpus_entry.model_dump_json(),
        name=STUDY.corpus,
        code=code("fetch_images.py"),
    message:
        "Fetching images {params.name}"
    shell:
        "python {input.script} --name {params.name:q} --entry {params.entry:q} --images {output.images:q}"
        " > {log:q} 2>&1"
