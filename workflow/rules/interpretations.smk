INTERPRETATIONS = f"results/interpretations/{STUDY.study}"
INTERPRETED = STUDY.interpretations
LABELS = INTERPRETED.labels if INTERPRETED else None
INTERPRETATION_SUFFIXES = [
    *([".json"] if INTERPRETED else []),
    *([".labels.json"] if LABELS else []),
]


# Features are described; in a study of images without any, the coordinates of its first basis.
DESCRIBED_SITES = FEATURE_SITES or list(STUDY.basis_sites(SHOWN_BASIS))


rule interpret_nodes:
    """What the features of all tasks' circuits do at one site: contexts, inputs, tokens promoted, a label."""
    input:
        model=MODEL_FILES,
        sae=lambda wildcards: sae_files_of("features", [wildcards.site]),
        script=program("interpret_nodes.py"),
        circuits=expand(f"{CIRCUITS}/{{task}}/features/circuit.json", task=STUDY.tasks),
        manifest=rules.write_manifest.output.manifest,
        sequences=rules.tokenize_corpus.output.sequences,
        shards=lambda wildcards: place_shards(
            PLACES[STUDY.basis_sites("features")[wildcards.site]]
        ),
    output:
        interpretation=f"{INTERPRETATIONS}/{{site}}.json",
    log:
        "logs/interpret_nodes/{site}.log",
    benchmark:
        "logs/interpret_nodes/{site}.tsv"
    wildcard_constraints:
        site=(INTERPRETED and "|".join(map(re.escape, FEATURE_SITES))) or "$.",
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(5000),
        runtime=60,
    params:
        study=STUDY.study,
        model=model_folder,
        sae=lambda wildcards, input: str(Path(input.sae[0]).parent),
        activations=lambda wildcards, input: str(Path(input.manifest).parent),
        shard_sequences=SHARD_SEQUENCES,
        tokens=lambda wildcards: (
            ["--tokens", INTERPRETED.tokens] if INTERPRETED.tokens else []
        ),
        contexts=lambda wildcards: INTERPRETED.contexts,
        quantiles=lambda wildcards: INTERPRETED.quantiles,
        window=lambda wildcards: INTERPRETED.window,
        inputs=lambda wildcards: INTERPRETED.inputs,
        judged=lambda wildcards: INTERPRETED.judged,
        batch_tokens=STUDY.circuits.batch_tokens,
        seed=STUDY.seed,
        code=code("interpret_nodes.py"),
    message:
        "Describing the nodes at {wildcards.site}"
    shell:
        "python {input.script} --study {params.study:q} --model {params.model:q} --sae {params.sae:q}"
        " --activations {params.activations:q} --circuits {input.circuits:q} --site {wildcards.site:q}"
        " --shard-sequences {params.shard_sequences} {params.tokens} --contexts {params.contexts}"
        " --quantiles {params.quantiles} --window {params.window} --inputs {params.inputs} --judged {params.judged}"
        " --batch-tokens {params.batch_tokens} --seed {params.seed} --interpretation {output.interpretation:q}"
        " --threads {threads} > {log:q} 2>&1"


rule label_nodes:
    """Labels by a language model, each with its detection score."""
    input:
        model=TOKENIZER_FILES,
        script=program("interpret_labels.py"),
        interpretation=rules.interpret_nodes.output.interpretation,
        sequences=rules.tokenize_corpus.output.sequences,
    output:
        labels=f"{INTERPRETATIONS}/{{site}}.labels.json",
    log:
        "logs/label_nodes/{site}.log",
    benchmark:
        "logs/label_nodes/{site}.tsv"
    wildcard_constraints:
        site=(LABELS and "|".join(map(re.escape, FEATURE_SITES))) or "$.",
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=240,
    params:
        model=model_folder,
        base_url=lambda wildcards: LABELS.base_url,
        labeller=lambda wildcards: LABELS.model,
        key=lambda wildcards: (
            ["--key-variable", LABELS.key_variable] if LABELS.key_variable else []
        ),
        timeout=lambda wildcards: LABELS.timeout,
        tries=lambda wildcards: LABELS.tries,
        parallel=lambda wildcards: LABELS.parallel,
        # Beside the outputs, as the state of training is.
        remembered=lambda wildcards: f"state/{STUDY.study}/{wildcards.site}.labels.jsonl",
        code=code("interpret_labels.py"),
    message:
        "Labelling the nodes at {wildcards.site}"
    shell:
        "python {input.script} --interpretation {input.interpretation:q} --sequences {input.sequences:q}"
        " --model {params.model:q} --base-url {params.base_url:q} --labeller {params.labeller:q} {params.key:q}"
        " --timeout {params.timeout} --tries {params.tries} --parallel {params.parallel}"
        " --remembered {params.remembered:q} --labels {output.labels:q} > {log:q} 2>&1"


rule interpretations:
    """The nodes of all circuits, described."""
    input:
        [
            f"{INTERPRETATIONS}/{site}{suffix}"
            for suffix in INTERPRETATION_SUFFIXES
            for site in DESCRIBED_SITES
        ],
