if STUDY.interpretations and PATHS.feature_sites:

    rule interpret_nodes:
        """What the features of all tasks' circuits do at one site: contexts, inputs, tokens promoted, a label."""
        input:
            model=files(PATHS.model, WHOLE_MODEL),
            sae=lambda wildcards: PATHS.sae_files("features", [wildcards.site]),
            script=program("interpret_nodes"),
            circuits=[
                f"{PATHS.circuits}/{task}/features/circuit.json"
                for task in STUDY.tasks
            ],
            activations=rules.write_manifest.output.manifest,
            sequences=rules.tokenize_corpus.output.sequences,
            shards=lambda wildcards: PATHS.shards(
                STUDY.basis_sites("features")[wildcards.site]
            ),
        output:
            interpretation=f"{PATHS.interpretations}/{{site}}.json",
        log:
            "logs/interpret_nodes/{site}.log",
        benchmark:
            "logs/interpret_nodes/{site}.tsv"
        wildcard_constraints:
            site="|".join(map(re.escape, PATHS.feature_sites)),
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(5000),
            runtime=60,
        params:
            **told("interpret_nodes"),
        message:
            "Describing the nodes at {wildcards.site}"
        shell:
            command("interpret_nodes")


if PATHS.labels:

    rule label_nodes:
        """Labels by a language model, each with its detection score."""
        input:
            tokenizer=files(PATHS.model, TOKENIZER),
            script=program("label_nodes"),
            interpretation=rules.interpret_nodes.output.interpretation,
            sequences=rules.tokenize_corpus.output.sequences,
        output:
            labels=f"{PATHS.interpretations}/{{site}}.labels.json",
        log:
            "logs/label_nodes/{site}.log",
        benchmark:
            "logs/label_nodes/{site}.tsv"
        wildcard_constraints:
            site="|".join(map(re.escape, PATHS.feature_sites)),
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(2000),
            runtime=240,
        params:
            # Beside the outputs, as the state of training is.
            **told(
                "label_nodes", remembered=f"state/{STUDY.study}/{{site}}.labels.jsonl"
            ),
        message:
            "Labelling the nodes at {wildcards.site}"
        shell:
            command("label_nodes")


rule interpretations:
    """The nodes of all circuits, described."""
    input:
        PATHS.descriptions,
        PATHS.labels,
