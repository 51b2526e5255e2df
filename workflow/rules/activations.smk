rule tokenize_corpus:
    """Token sequences of one length, for training and for evaluation."""
    input:
        model=files(PATHS.model, TOKENIZER),
        script=program("tokenize_corpus"),
        documents=PATHS.corpus,
    output:
        sequences=PATHS.sequences,
    log:
        f"logs/tokenize_corpus/{STUDY.corpus}.log",
    benchmark:
        f"logs/tokenize_corpus/{STUDY.corpus}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(4000),
        runtime=30,
    params:
        **told("tokenize_corpus"),
    message:
        "Cutting the corpus into sequences"
    shell:
        command("tokenize_corpus")


rule plan_cache:
    """How much disk the cache will take; no shard is computed when there is less, or the model does not fit the study."""
    input:
        model=files(PATHS.model, CONFIG),
        script=program("plan_cache"),
    output:
        plan=f"{PATHS.cache}/plan.json",
    log:
        f"logs/plan_cache/{STUDY.corpus}.log",
    benchmark:
        f"logs/plan_cache/{STUDY.corpus}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=10,
    params:
        **told("plan_cache"),
        # Where results go to storage elsewhere, a job's own disk holds one shard at a time.
        check=["--no-check-disk"] if STORED_ELSEWHERE else [],
    message:
        "Planning the activation cache"
    # What the cache takes is for the user's eyes, so only the rest goes to the log.
    shell:
        "python {input.script} {params.files:q} {params.settings:q} {params.check} 2> {log:q}"


rule cache_activations:
    """One shard of the cache: all sites in one forward pass."""
    input:
        model=files(PATHS.model, WEIGHTS),
        script=program("cache_activations"),
        sequences=rules.tokenize_corpus.output.sequences,
        # Not read; to come first. (Not `ancient`: Snakemake would then overlook that a shard's settings changed.)
        plan=rules.plan_cache.output.plan,
    output:
        shard=f"{PATHS.cache}/shard-{{shard}}.h5",
    log:
        "logs/cache_activations/{shard}.log",
    benchmark:
        "logs/cache_activations/{shard}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(5000),
        runtime=60,
    params:
        **told("cache_activations"),
    message:
        "Caching activations, shard {wildcards.shard}"
    shell:
        command("cache_activations")


rule write_manifest:
    """What the cache holds, with the hash of each shard, and the statistics of its sites."""
    input:
        script=program("write_manifest"),
        sequences=rules.tokenize_corpus.output.sequences,
        # A function, since Snakemake hashes a list of n files n times over.
        shards=lambda wildcards: PATHS.shards(),
    output:
        manifest=f"{PATHS.cache}/manifest.json",
        stats=f"{PATHS.cache}/stats.json",
    log:
        "logs/write_manifest/manifest.log",
    benchmark:
        "logs/write_manifest/manifest.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        **told("write_manifest"),
    message:
        "Hashing the shards"
    shell:
        command("write_manifest")


rule activations:
    """The activation cache."""
    input:
        rules.write_manifest.output,
