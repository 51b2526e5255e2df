rule tokenize_corpus:
    """Token sequences of one length, for training and for evaluation."""
    input:
        model=TOKENIZER_FILES,
        script=program("tokenize_corpus.py"),
        documents=CORPUS_FILE,
    output:
        sequences=f"{CACHE}/sequences.h5",
    log:
        f"logs/tokenize_corpus/{STUDY.corpus}.log",
    benchmark:
        f"logs/tokenize_corpus/{STUDY.corpus}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=30,
    params:
        model=model_folder,
        context=STUDY.activations.context,
        train=TRAIN_SEQUENCES,
        held_out=HELD_OUT_SEQUENCES,
        cue=lambda wildcards: cue_flags(wildcards)[2:],
        seed=STUDY.seed,
        code=code("tokenize_corpus.py"),
    message:
        "Cutting {params.train} + {params.held_out} sequences of {params.context} tokens"
    shell:
        "python {input.script} --documents {input.documents:q} --model {params.model:q} --context {params.context}"
        " --train {params.train} --held-out {params.held_out} --seed {params.seed} {params.cue:q} --sequences {output.sequences:q}"
        " > {log:q} 2>&1"


rule plan_cache:
    """How much disk the cache will take; no shard is computed when there is less, or the model does not fit the study."""
    input:
        model=CONFIG_FILES,
        script=program("plan_cache.py"),
    output:
        plan=f"{CACHE}/plan.json",
    log:
        f"logs/plan_cache/{STUDY.corpus}.log",
    benchmark:
        f"logs/plan_cache/{STUDY.corpus}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=10,
    params:
        model=model_folder,
        sites=SITES,
        rows=TRAIN_SEQUENCES * (STUDY.activations.context - 1),
        dtype=STUDY.activations.dtype,
        needs=STUDY.needs.model_dump_json(),
        # Where results go to storage elsewhere, a job's own disk holds one shard at a time.
        check="--no-check-disk" if STORED_ELSEWHERE else "--check-disk",
        code=code("plan_cache.py"),
    message:
        "Planning {params.rows} rows of activations"
    # What the cache takes is for the user's eyes, so only the rest goes to the log.
    shell:
        "python {input.script} --model {params.model:q} --sites {params.sites:q} --rows {params.rows}"
        " --dtype {params.dtype} --needs {params.needs:q} {params.check} --plan {output.plan:q} 2> {log:q}"


rule cache_activations:
    """One shard of the cache: all sites in one forward pass."""
    input:
        model=WEIGHT_FILES,
        script=program("cache_activations.py"),
        sequences=rules.tokenize_corpus.output.sequences,
        # Not read; to come first. (Not `ancient`: Snakemake would then overlook that a shard's settings changed.)
        plan=rules.plan_cache.output.plan,
    output:
        shard=f"{CACHE}/shard-{{shard}}.h5",
    log:
        "logs/cache_activations/{shard}.log",
    benchmark:
        "logs/cache_activations/{shard}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(5000),
        runtime=60,
    params:
        model=model_folder,
        sites=shard_sites,
        begin=shard_begin,
        end=shard_end,
        dtype=STUDY.activations.dtype,
        compression=STUDY.activations.compression,
        seed=STUDY.seed,
        code=code("cache_activations.py"),
    message:
        "Caching activations, shard {wildcards.shard}"
    shell:
        "python {input.script} --model {params.model:q} --sequences {input.sequences:q} --sites {params.sites:q}"
        " --begin {params.begin} --end {params.end} --dtype {params.dtype} --compression {params.compression}"
        " --seed {params.seed} --shard {output.shard:q} --threads {threads} > {log:q} 2>&1"


rule write_manifest:
    """What the cache holds, with the hash of each shard, and the statistics of its sites."""
    input:
        script=program("write_manifest.py"),
        sequences=rules.tokenize_corpus.output.sequences,
        # A function, since Snakemake hashes a list of n files n times over.
        shards=lambda wildcards: SHARDS,
    output:
        manifest=f"{CACHE}/manifest.json",
        stats=f"{CACHE}/stats.json",
    log:
        "logs/write_manifest/manifest.log",
    benchmark:
        "logs/write_manifest/manifest.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        folder=lambda wildcards, output: str(Path(output.manifest).parent),
        shards=len(SHARDS),
        code=code("write_manifest.py"),
    message:
        "Hashing the shards"
    shell:
        "python {input.script} --folder {params.folder:q} --sequences {input.sequences:q}"
        " --shards {params.shards} --threads {threads} > {log:q} 2>&1"


rule activations:
    """The activation cache."""
    input:
        rules.write_manifest.output,
