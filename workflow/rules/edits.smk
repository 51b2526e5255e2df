"""Changes of the model: chosen, made permanent, judged."""


rule fetch_professions:
    """Professions with stereotypes and shares of women, from the first source that has them."""
    input:
        script=program("fetch_professions"),
    output:
        professions="results/professions/{professions}.json",
    log:
        "logs/fetch_professions/{professions}.log",
    benchmark:
        "logs/fetch_professions/{professions}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=30,
    params:
        settings=told("fetch_professions"),
        code=code("fetch_professions"),
    message:
        "Fetching {wildcards.professions}"
    shell:
        "python {input.script} {params.settings:q} --professions {output.professions:q} > {log:q} 2>&1"


if STUDY.edits:

    rule select_features:
        """The features that an edit rewrites, and why each was taken or refused."""
        input:
            model=files(PATHS.model, WHOLE_MODEL),
            saes=lambda wildcards: PATHS.edit_saes(wildcards.edit),
            script=program("select_features"),
            sequences=rules.tokenize_corpus.output.sequences,
            pairs=lambda wildcards: PATHS.edit_pairs(wildcards.edit),
        output:
            selection=f"{PATHS.edits}/{{edit}}/selection.json",
        log:
            f"logs/select_features/{STUDY.study}-{{edit}}.log",
        benchmark:
            f"logs/select_features/{STUDY.study}-{{edit}}.tsv"
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(5000),
            runtime=120,
            gpu=1,
        params:
            model=folder_of("model"),
            pairs=folders_of("pairs"),
            saes=folders_of("saes"),
            settings=told("select_features"),
            # Beside the outputs, as the state of training is.
            remembered=lambda wildcards: f"state/{STUDY.study}/{wildcards.edit}.judgements.jsonl",
            code=code("select_features"),
        message:
            "Choosing features for {wildcards.edit}"
        shell:
            "python {input.script} --model {params.model:q} --sequences {input.sequences:q} --pairs {params.pairs:q}"
            " --saes {params.saes:q} {params.settings:q} --remembered {params.remembered:q} --selection {output.selection:q}"
            " --threads {threads} > {log:q} 2>&1"

    rule keep_edit:
        """A model whose weights do what an edit's hooks do."""
        input:
            model=files(PATHS.model, WHOLE_MODEL),
            saes=lambda wildcards: PATHS.edit_saes(wildcards.edit),
            selection=lambda wildcards: PATHS.selection(wildcards.edit),
            circuits=lambda wildcards: PATHS.edit_circuits(wildcards.edit),
            script=program("keep_edit"),
            sequences=rules.tokenize_corpus.output.sequences,
            pairs=lambda wildcards: PATHS.edit_pairs(wildcards.edit),
        output:
            edited=files(PATHS.edited_model("{edit}"), WHOLE_MODEL),
        log:
            f"logs/keep_edit/{STUDY.study}-{{edit}}.log",
        benchmark:
            f"logs/keep_edit/{STUDY.study}-{{edit}}.tsv"
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(7000, copies=2),
            runtime=60,
            gpu=1,
        params:
            model=folder_of("model"),
            pairs=folders_of("pairs"),
            saes=folders_of("saes"),
            selection=lambda wildcards, input: (
                ["--selection", *input.selection] if input.selection else []
            ),
            folder=folder_of("edited"),
            settings=told("keep_edit"),
            code=code("keep_edit"),
        message:
            "Making {wildcards.edit} permanent"
        shell:
            "python {input.script} --model {params.model:q} --sequences {input.sequences:q} --pairs {params.pairs:q}"
            " --saes {params.saes:q} {params.selection:q} --circuits {input.circuits:q} {params.settings:q}"
            " --folder {params.folder:q} --threads {threads} > {log:q} 2>&1"

    rule evaluate_edit:
        """An edit on test pairs and held-out text, beside the model before, a permanent model and other ways."""
        input:
            model=files(PATHS.model, WHOLE_MODEL),
            saes=lambda wildcards: PATHS.edit_saes(wildcards.edit),
            selection=lambda wildcards: PATHS.selection(wildcards.edit),
            permanent=lambda wildcards: PATHS.permanent(wildcards.edit),
            circuits=lambda wildcards: PATHS.edit_circuits(wildcards.edit),
            script=program("evaluate_edit"),
            sequences=rules.tokenize_corpus.output.sequences,
            pairs=lambda wildcards: PATHS.edit_pairs(wildcards.edit),
            others=lambda wildcards: PATHS.edit_others(wildcards.edit),
            images=PATHS.cue_images,
        output:
            evaluation=f"{PATHS.edits}/{{edit}}/evaluation.json",
        log:
            f"logs/evaluate_edit/{STUDY.study}-{{edit}}.log",
        benchmark:
            f"logs/evaluate_edit/{STUDY.study}-{{edit}}.tsv"
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(7000),
            runtime=120,
            gpu=1,
        params:
            model=folder_of("model"),
            pairs=folders_of("pairs"),
            others=folders_of("others"),
            saes=folders_of("saes"),
            selection=lambda wildcards, input: (
                ["--selection", *input.selection] if input.selection else []
            ),
            permanent=lambda wildcards, input, output: (
                ["--permanent", *folders("permanent", input, output)]
                if input.permanent
                else []
            ),
            images=lambda wildcards, input: (
                ["--images", *input.images] if input.images else []
            ),
            settings=told("evaluate_edit"),
            code=code("evaluate_edit"),
        message:
            "Judging {wildcards.edit}"
        shell:
            "python {input.script} --model {params.model:q} --sequences {input.sequences:q} --pairs {params.pairs:q}"
            " --others {params.others:q} --saes {params.saes:q} {params.selection:q} {params.permanent:q}"
            " --circuits {input.circuits:q} {params.images:q} {params.settings:q} --evaluation {output.evaluation:q}"
            " --threads {threads} > {log:q} 2>&1"


rule edits:
    """All edits of the study."""
    input:
        PATHS.edit_evaluations,
