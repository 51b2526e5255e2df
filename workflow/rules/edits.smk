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
    threads: 1
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


rule select_features:
    """The features that an edit rewrites, and why each was taken or refused."""
    input:
        model=MODEL_FILES,
        saes=edit_saes,
        script=program("select_features.py"),
        sequences=rules.tokenize_corpus.output.sequences,
        pairs=edit_pairs,
    output:
        selection=f"{EDITS}/{{edit}}/selection.json",
    log:
        f"logs/select_features/{STUDY.study}-{{edit}}.log",
    benchmark:
        f"logs/select_features/{STUDY.study}-{{edit}}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(5000),
        runtime=120,
        gpu=1,
    params:
        flags=edit_flags,
        # Beside the outputs, as the state of training is.
        remembered=lambda wildcards: f"state/{STUDY.study}/{wildcards.edit}.judgements.jsonl",
        code=code("select_features.py"),
    message:
        "Choosing features for {wildcards.edit}"
    shell:
        "python {input.script} {params.flags:q} --selection {output.selection:q} --remembered {params.remembered:q}"
        " --threads {threads} > {log:q} 2>&1"


rule keep_edit:
    """A model whose weights do what an edit's hooks do."""
    input:
        model=MODEL_FILES,
        saes=edit_saes,
        selection=selection_of,
        circuits=edit_circuits,
        script=program("keep_edit.py"),
        sequences=rules.tokenize_corpus.output.sequences,
        pairs=edit_pairs,
    output:
        multiext(
            f"{EDITS}/{{edit}}/model/",
            "model_card.json",
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
        ),
    log:
        f"logs/keep_edit/{STUDY.study}-{{edit}}.log",
    benchmark:
        f"logs/keep_edit/{STUDY.study}-{{edit}}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(7000, copies=2),
        runtime=60,
        gpu=1,
    params:
        flags=edit_flags,
        selection=lambda wildcards, input: [
            word for file in input.selection for word in ("--selection", file)
        ],
        tasks=circuit_tasks,
        seed=STUDY.seed,
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        name=f"{STUDY.model}-{{edit}}",
        code=code("keep_edit.py"),
    message:
        "Making {wildcards.edit} permanent"
    shell:
        "python {input.script} {params.flags:q} {params.selection:q} --tasks {params.tasks:q} --circuits {input.circuits:q}"
        " --name {params.name:q} --seed {params.seed} --folder {params.folder:q} --threads {threads} > {log:q} 2>&1"


rule evaluate_edit:
    """An edit on test pairs and held-out text, beside the model before, a permanent model and other ways."""
    input:
        model=MODEL_FILES,
        saes=edit_saes,
        selection=selection_of,
        permanent=permanent_of,
        circuits=edit_circuits,
        script=program("evaluate_edit.py"),
        sequences=rules.tokenize_corpus.output.sequences,
        pairs=edit_pairs,
        others=lambda wildcards: expand(
            "results/tasks/{task}/test.jsonl", task=other_tasks(wildcards)
        ),
        images=cue_images,
    output:
        evaluation=f"{EDITS}/{{edit}}/evaluation.json",
    log:
        f"logs/evaluate_edit/{STUDY.study}-{{edit}}.log",
    benchmark:
        f"logs/evaluate_edit/{STUDY.study}-{{edit}}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(7000),
        runtime=120,
        gpu=1,
    params:
        flags=edit_flags,
        selection=lambda wildcards, input: [
            word for file in input.selection for word in ("--selection", file)
        ],
        permanent=lambda wildcards, input: (
            ["--permanent", str(Path(input.permanent[0]).parent)]
            if input.permanent
            else []
        ),
        tasks=circuit_tasks,
        others=other_tasks,
        cue=cue_flags,
        seed=STUDY.seed,
        code=code("evaluate_edit.py"),
    message:
        "Judging {wildcards.edit}"
    shell:
        "python {input.script} {params.flags:q} {params.selection:q} {params.permanent:q} --tasks {params.tasks:q}"
        " --circuits {input.circuits:q} --others {params.others:q} {params.cue:q} --seed {params.seed}"
        " --evaluation {output.evaluation:q} --threads {threads} > {log:q} 2>&1"


rule edits:
    """All edits of the study."""
    input:
        expand(f"{EDITS}/{{edit}}/evaluation.json", edit=STUDY.edits),
