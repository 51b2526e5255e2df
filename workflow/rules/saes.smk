# What one job trains: all that reads and writes the same sites. Jobs of one kind of place have outputs alike.
KINDS_OF_PLACE = {
    "train_sae": STUDY.sites,
    "train_transcoder": [f"mlp.{layer}" for layer in STUDY.transcoder_layers],
    "train_crosscoder": ["crosscoder"],
    "train_cross_layer": ["cross_layer"],
}

SAE_FOLDER = PATHS.sae("{site}", "{sae}")

for training, places in KINDS_OF_PLACE.items():
    place = STUDY.places.get(places[0]) if places else None
    trained = [sae for sae in (place.saes if place else []) if sae in STUDY.trained]
    if not trained:
        continue

    rule:
        name:
            training
        input:
            script=program("train_sae"),
            activations=rules.write_manifest.output.manifest,
            stats=rules.write_manifest.output.stats,
            shards=lambda wildcards: PATHS.shards(wildcards.site),
        output:
            folders=[
                path
                for sae in trained
                for path in files(PATHS.sae("{site}", sae), SAE)
            ],
        log:
            f"logs/{training}/{{site}}.log",
        benchmark:
            f"logs/{training}/{{site}}.tsv"
        wildcard_constraints:
            site="|".join(map(re.escape, places)),
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(2000 + 1000 * len(trained)),
            runtime=60 * len(trained),
        params:
            # Beside the outputs, not among them: Snakemake removes what a failed job leaves of its outputs.
            **told(
                "train_sae",
                rule=training,
                state=f"state/{STUDY.model}/{{site}}.safetensors",
            ),
        message:
            "Training autoencoders at {wildcards.site}"
        shell:
            command("train_sae")


if PUBLISHED := [name for name in STUDY.saes if name not in STUDY.trained]:

    rule fetch_sae:
        """One published sparse autoencoder, as an SAELens folder."""
        input:
            script=program("fetch_sae"),
        output:
            folder=files(SAE_FOLDER, SAE),
        log:
            "logs/fetch_sae/{site}.{sae}.log",
        benchmark:
            "logs/fetch_sae/{site}.{sae}.tsv"
        wildcard_constraints:
            sae="|".join(map(re.escape, PUBLISHED)),
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(8000),
            runtime=60,
        params:
            **told("fetch_sae"),
        message:
            "Fetching autoencoder {wildcards.sae} at {wildcards.site}"
        shell:
            command("fetch_sae")


if STUDY.saes:

    rule evaluate_sae:
        """Reconstruction of held-out activations, and the model's loss with the reconstruction in their place."""
        input:
            sae=files(SAE_FOLDER, SAE[:3]),
            model=files(PATHS.model, WHOLE_MODEL),
            script=program("evaluate_sae"),
            sequences=rules.tokenize_corpus.output.sequences,
            stats=rules.write_manifest.output.stats,
        output:
            evaluation=f"{SAE_FOLDER}/evaluation.json",
        log:
            "logs/evaluate_sae/{site}.{sae}.log",
        benchmark:
            "logs/evaluate_sae/{site}.{sae}.tsv"
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(5000),
            runtime=60,
        params:
            **told("evaluate_sae"),
        message:
            "Evaluating autoencoder {wildcards.sae} at {wildcards.site}"
        shell:
            command("evaluate_sae")


if STUDY.probing:

    rule probe_sae:
        """What few features tell of the tasks' variables, and which words the features of a letter leave out."""
        input:
            sae=files(SAE_FOLDER, SAE[:2]),
            model=files(PATHS.model, WHOLE_MODEL),
            script=program("probe_sae"),
            tasks=PATHS.pairs(STUDY.tasks),
        output:
            probing=f"{SAE_FOLDER}/probing.json",
        log:
            "logs/probe_sae/{site}.{sae}.log",
        benchmark:
            "logs/probe_sae/{site}.{sae}.tsv"
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(5000),
            runtime=60,
        params:
            **told("probe_sae"),
        message:
            "Probing autoencoder {wildcards.sae} at {wildcards.site}"
        shell:
            command("probe_sae")


if STUDY.other_seeds:

    rule compare_saes:
        """How much autoencoders that differ in their seed alone agree on the features."""
        input:
            script=program("compare_saes"),
            sae=files(SAE_FOLDER, SAE[:2]),
            others=lambda wildcards: [
                path
                for sae in STUDY.other_seeds[wildcards.sae]
                for path in files(PATHS.sae(wildcards.site, sae), SAE[:2])
            ],
        output:
            stability=f"{SAE_FOLDER}/stability.json",
        log:
            "logs/compare_saes/{site}.{sae}.log",
        benchmark:
            "logs/compare_saes/{site}.{sae}.tsv"
        wildcard_constraints:
            sae="|".join(map(re.escape, STUDY.other_seeds)),
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(4000),
            runtime=30,
        params:
            **told("compare_saes"),
        message:
            "Comparing {wildcards.sae} at {wildcards.site} with other seeds"
        shell:
            command("compare_saes")


rule saes:
    """All sparse autoencoders, their evaluations, agreement of seeds and, where the study asks for them, probes."""
    input:
        expand("{folder}/{name}", folder=PATHS.sae_folders, name=SAE),
        PATHS.sae_evaluations,
        PATHS.probings,
        PATHS.stabilities,
