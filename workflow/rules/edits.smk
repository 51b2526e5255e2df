"""Changes of the model: chosen, made permanent, judged."""


rule fetch_professions:
    """Professions with stereotypes and shares of women, from the first source that has them."""
    input:
        script=program("fetch_professions"),
    output:
        professions=PATHS.professions("{professions}"),
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
        **told("fetch_professions"),
    message:
        "Fetching {wildcards.professions}"
    shell:
        command("fetch_professions")


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
            # Beside the outputs, as the state of training is.
            **told(
                "select_features",
                remembered=f"state/{STUDY.study}/{{edit}}.judgements.jsonl",
            ),
        message:
            "Choosing features for {wildcards.edit}"
        shell:
            command("select_features")

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
            folder=files(PATHS.edited_model("{edit}"), WHOLE_MODEL),
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
            **told("keep_edit"),
        message:
            "Making {wildcards.edit} permanent"
        shell:
            command("keep_edit")

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
            **told("evaluate_edit"),
        message:
            "Judging {wildcards.edit}"
        shell:
            command("evaluate_edit")


rule edits:
    """All edits of the study."""
    input:
        PATHS.edit_evaluations,
