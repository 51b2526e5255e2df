if STUDY.corpus_entry.pictures:

    rule fetch_images:
        """The corpus' images, from the first source that has them."""
        input:
            script=program("fetch_images"),
        output:
            images=PATHS.corpus,
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
            **told("fetch_images"),
        message:
            f"Fetching images {STUDY.corpus}"
        shell:
            command("fetch_images")

else:

    rule fetch_corpus:
        """The corpus' documents, from the first source that has them."""
        input:
            script=program("fetch_corpus"),
        output:
            documents=PATHS.corpus,
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
            **told("fetch_corpus"),
        message:
            f"Fetching corpus {STUDY.corpus}"
        shell:
            command("fetch_corpus")
