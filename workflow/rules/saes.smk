# What one job trains: all that reads and writes the same sites. Jobs of one kind of place have outputs alike.
KINDS_OF_PLACE = {
    "train_sae": STUDY.sites,
    "train_transcoder": [f"mlp.{layer}" for layer in STUDY.transcoder_layers],
    "train_crosscoder": ["crosscoder"],
    "train_cross_layer": ["cross_layer"],
}

for training, sites in KINDS_OF_PLACE.items():
    trained = [
        sae
        for sae in (PLACES[sites[0]].saes if sites and sites[0] in PLACES else [])
        if sae in TRAINED
    ]
    if not trained:
        continue

    rule:
        name:
            training
        input:
            script=program("train_sae.py"),
            manifest=rules.write_manifest.output.manifest,
            stats=rules.write_manifest.output.stats,
            shards=site_shards,
        output:
            expand(
                f"results/saes/{STUDY.model}/{{{{site}}}}/{{sae}}/{{name}}",
                sae=trained,
                name=SAE_FILES,
            ),
        log:
            f"logs/{training}/{{site}}.log",
        benchmark:
            f"logs/{training}/{{site}}.tsv"
        wildcard_constraints:
            site="|".join(map(re.escape, sites)),
        conda:
            "../envs/environment.yaml"
        threads: 1
        resources:
            mem_mb=memory(2000 + 1000 * len(trained)),
            runtime=60 * len(trained),
        params:
            activations=lambda wildcards, input: str(Path(input.manifest).parent),
            folder=lambda wildcards, output: str(Path(output[0]).parents[1]),
            places=place_flags,
            saes=trained_at,
            seed=STUDY.seed,
            # Beside the outputs, not among them: Snakemake removes what a failed job leaves of its outputs.
            state=lambda wildcards: f"state/{STUDY.model}/{wildcards.site}.safetensors",
            code=code("train_sae.py"),
        message:
            "Training autoencoders at {wildcards.site}"
        shell:
            "python {input.script} --activations {params.activations:q} {params.places:q} --saes {params.saes:q}"
            " --seed {params.seed} --state {params.state:q} --folder {params.folder:q} --threads {threads} > {log:q} 2>&1"


rule fetch_sae:
    """One published sparse autoencoder, as an SAELens folder."""
    input:
        script=program("fetch_sae.py"),
    output:
        expand(
            f"results/saes/{STUDY.model}/{{{{site}}}}/{{{{sae}}}}/{{name}}",
            name=SAE_FILES,
        ),
    log:
        "logs/fetch_sae/{site}.{sae}.log",
    benchmark:
        "logs/fetch_sae/{site}.{sae}.tsv"
    wildcard_constraints:
        sae="|".join(re.escape(name) for name in STUDY.saes if name not in TRAINED)
        or "$.",
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=60,
    params:
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        entry=lambda wildcards: STUDY.saes[wildcards.sae]
        .sites[wildcards.site]
        .model_dump_json(),
        model=STUDY.model,
        code=code("fetch_sae.py"),
    message:
        "Fetching autoencoder {wildcards.sae} at {wildcards.site}"
    shell:
        "python {input.script} --model {params.model:q} --site {wildcards.site:q} --entry {params.entry:q}"
        " --folder {params.folder:q} > {log:q} 2>&1"


rule evaluate_sae:
    """Reconstruction of held-out activations, and the model's loss with the reconstruction in their place."""
    input:
        expand(
            f"results/saes/{STUDY.model}/{{{{site}}}}/{{{{sae}}}}/{{name}}",
            name=SAE_FILES[:3],
        ),
        model=MODEL_FILES,
        script=program("evaluate_sae.py"),
        sequences=rules.tokenize_corpus.output.sequences,
        stats=rules.write_manifest.output.stats,
    output:
        evaluation=f"results/saes/{STUDY.model}/{{site}}/{{sae}}/evaluation.json",
    log:
        "logs/evaluate_sae/{site}.{sae}.log",
    benchmark:
        "logs/evaluate_sae/{site}.{sae}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(5000),
        runtime=60,
    params:
        model=model_folder,
        folder=lambda wildcards, output: str(Path(output.evaluation).parent),
        places=place_flags,
        seed=STUDY.seed,
        code=code("evaluate_sae.py"),
    message:
        "Evaluating autoencoder {wildcards.sae} at {wildcards.site}"
    shell:
        "python {input.script} --model {params.model:q} --sequences {input.sequences:q} --stats {input.stats:q}"
        " --sae {params.folder:q} --name {wildcards.site:q} {params.places:q} --evaluation {output.evaluation:q}"
        " --seed {params.seed} --threads {threads} > {log:q} 2>&1"


rule probe_sae:
    """What few features tell of the tasks' variables, and which words the features of a letter leave out."""
    input:
        expand(
            f"results/saes/{STUDY.model}/{{{{site}}}}/{{{{sae}}}}/{{name}}",
            name=SAE_FILES[:2],
        ),
        model=MODEL_FILES,
        script=program("probe_sae.py"),
        tasks=expand(
            "results/tasks/{task}/{split}.jsonl",
            task=STUDY.tasks,
            split=["train", "test"],
        ),
    output:
        probing=f"results/saes/{STUDY.model}/{{site}}/{{sae}}/probing.json",
    log:
        "logs/probe_sae/{site}.{sae}.log",
    benchmark:
        "logs/probe_sae/{site}.{sae}.tsv"
    wildcard_constraints:
        sae="|".join(map(re.escape, STUDY.saes)) if STUDY.probing else "$.",
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(5000),
        runtime=60,
    params:
        model=model_folder,
        folder=lambda wildcards, output: str(Path(output.probing).parent),
        tasks=lambda wildcards, input: list(
            dict.fromkeys(str(Path(file).parent) for file in input.tasks)
        ),
        ks=lambda wildcards: STUDY.probing.ks,
        words=lambda wildcards: STUDY.probing.words_a_letter,
        seed=STUDY.seed,
        code=code("probe_sae.py"),
    message:
        "Probing autoencoder {wildcards.sae} at {wildcards.site}"
    shell:
        "python {input.script} --model {params.model:q} --sae {params.folder:q} --site {wildcards.site:q}"
        " --tasks {params.tasks:q} --ks {params.ks} --words-a-letter {params.words} --seed {params.seed}"
        " --probing {output.probing:q} --threads {threads} > {log:q} 2>&1"


rule compare_saes:
    """How much autoencoders that differ in their seed alone agree on the features."""
    input:
        lambda wildcards: [
            f"results/saes/{STUDY.model}/{wildcards.site}/{sae}/{name}"
            for sae in [wildcards.sae, *STUDY.other_seeds[wildcards.sae]]
            for name in SAE_FILES[:2]
        ],
        script=program("compare_saes.py"),
    output:
        stability=f"results/saes/{STUDY.model}/{{site}}/{{sae}}/stability.json",
    log:
        "logs/compare_saes/{site}.{sae}.log",
    benchmark:
        "logs/compare_saes/{site}.{sae}.tsv"
    wildcard_constraints:
        sae="|".join(map(re.escape, STUDY.other_seeds)) or "$.",
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=30,
    params:
        folder=lambda wildcards, output: str(Path(output.stability).parent),
        others=lambda wildcards, output: [
            str(Path(output.stability).parents[1] / sae)
            for sae in STUDY.other_seeds[wildcards.sae]
        ],
        code=code("compare_saes.py"),
    message:
        "Comparing {wildcards.sae} at {wildcards.site} with other seeds"
    shell:
        "python {input.script} --sae {params.folder:q} --others {params.others:q}"
        " --stability {output.stability:q} --threads {threads} > {log:q} 2>&1"


rule saes:
    """All sparse autoencoders, their evaluations, agreement of seeds and, where the study asks for them, probes."""
    input:
        expand("{folder}/{name}", folder=SAE_FOLDERS, name=SAE_FILES),
        SAE_EVALUATIONS,
        PROBINGS,
        STABILITIES,
