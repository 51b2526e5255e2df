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
            manifest=rules.write_manifest.output.manifest,
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
            model=folder_of("model"),
            sae=folder_of("sae"),
            activations=folder_of("manifest"),
            settings=told("interpret_nodes"),
            code=code("interpret_nodes"),
        message:
            "Describing the nodes at {wildcards.site}"
        shell:
            "python {input.script} --model {params.model:q} --sae {params.sae:q} --activations {params.activations:q}"
            " --circuits {input.circuits:q} {params.settings:q} --interpretation {output.interpretation:q}"
            " --threads {threads} > {log:q} 2>&1"


if PATHS.labels:

    rule label_nodes:
        """Labels by a language model, each with its detection score."""
        input:
            model=files(PATHS.model, TOKENIZER),
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
            tokenizer=folder_of("model"),
            settings=told("label_nodes"),
            # Beside the outputs, as the state of training is.
            remembered=lambda wildcards: f"state/{STUDY.study}/{wildcards.site}.labels.jsonl",
            code=code("label_nodes"),
        message:
            "Labelling the nodes at {wildcards.site}"
        shell:
            "python {input.script} --interpretation {input.interpretation:q} --sequences {input.sequences:q}"
            " --tokenizer {params.tokenizer:q} {params.settings:q} --remembered {params.remembered:q}"
            " --labels {output.labels:q} > {log:q} 2>&1"


rule interpretations:
    """The nodes of all circuits, described."""
    input:
        PATHS.descriptions,
        PATHS.labels,
