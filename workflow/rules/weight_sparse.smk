"""Transformers with almost all weights zero: trained, asked the tasks on code, and pruned to circuits."""


rule train_tokenizer:
    """A byte-level BPE of the study's own."""
    input:
        script=program("train_tokenizer"),
        documents=PATHS.corpus,
    output:
        folder=files(PATHS.tokenizer, TOKENIZER),
    log:
        f"logs/train_tokenizer/{STUDY.corpus}.log",
    benchmark:
        f"logs/train_tokenizer/{STUDY.corpus}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        **told("train_tokenizer"),
    message:
        f"Training a tokenizer of {STUDY.vocabulary} tokens"
    shell:
        command("train_tokenizer")


rule cut_sequences:
    """The corpus as token sequences of one length."""
    input:
        model=rules.train_tokenizer.output,
        script=program("tokenize_corpus"),
        documents=PATHS.corpus,
    output:
        sequences=PATHS.sequences,
    log:
        f"logs/cut_sequences/{STUDY.corpus}.log",
    benchmark:
        f"logs/cut_sequences/{STUDY.corpus}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(6000),
        runtime=60,
    params:
        **told("tokenize_corpus", rule="cut_sequences"),
    message:
        "Cutting the corpus into sequences"
    shell:
        command("tokenize_corpus")


rule train_transformer:
    """One model, dense or with almost all weights zero, and its loss on held-out documents."""
    input:
        tokenizer=rules.train_tokenizer.output,
        script=program("train_transformer"),
        sequences=rules.cut_sequences.output.sequences,
    output:
        folder=files(PATHS.transformer("{model}"), TRAINED_MODEL),
    log:
        f"logs/train_transformer/{STUDY.study}-{{model}}.log",
    benchmark:
        f"logs/train_transformer/{STUDY.study}-{{model}}.tsv"
    # Half of the run's time, so first of what can run.
    priority: 50
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(4000),
        runtime=24 * 60,
        gpu=1,
    params:
        **told(
            "train_transformer",
            state=f"state/{STUDY.study}-{{model}}.safetensors",
        ),
    message:
        "Training {wildcards.model}"
    shell:
        command("train_transformer")


rule models:
    """All models of the study."""
    input:
        PATHS.losses(STUDY.models),


include: "tasks.smk"
include: "pruning.smk"


rule circuits:
    """The circuits of all models and tasks, judged."""
    input:
        PATHS.of_pruned("pruning.json", STUDY.models),
        PATHS.of_pruned("circuit.json", STUDY.models),


rule explain_circuit:
    """What each node of a circuit tells and does: claims from training pairs, tested on test pairs."""
    input:
        model=files(PATHS.transformer("{model}"), TRAINED_MODEL),
        script=program("explain_circuit"),
        sequences=rules.cut_sequences.output.sequences,
        train=rules.make_task.output.train,
        test=rules.make_task.output.test,
        circuit=rules.prune_task.output.circuit,
    output:
        explanation=f"{PRUNED}/explanation.json",
    log:
        f"logs/explain_circuit/{STUDY.study}.{{task}}.{{model}}.log",
    benchmark:
        f"logs/explain_circuit/{STUDY.study}.{{task}}.{{model}}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        **told("explain_circuit"),
    message:
        "Explaining {wildcards.task} in {wildcards.model}"
    shell:
        command("explain_circuit")


if STUDY.bridges:

    rule train_bridges:
        """Bridges between a dense and a sparse model, and interventions carried over them."""
        input:
            script=program("train_bridges"),
            dense=files(PATHS.transformer(STUDY.bridges.dense), TRAINED_MODEL),
            sparse=files(PATHS.transformer(STUDY.bridges.sparse), TRAINED_MODEL),
            sequences=rules.cut_sequences.output.sequences,
            circuits=PATHS.of_pruned("circuit.json", [STUDY.bridges.sparse]),
            tests=PATHS.pairs(STUDY.tasks, ["test"]),
        output:
            bridges=PATHS.bridges,
            carried=PATHS.carried[0],
        log:
            f"logs/train_bridges/{STUDY.study}.log",
        benchmark:
            f"logs/train_bridges/{STUDY.study}.tsv"
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(4000),
            runtime=24 * 60,
            gpu=1,
        params:
            **told("train_bridges"),
        message:
            "Training bridges"
        shell:
            command("train_bridges")


include: "figures.smk"


from sparse_circuits.plan.pages import weight_artefacts, weight_pages_of
from sparse_circuits.report.contents import appearance


rule write_weight_report:
    """The study's pages."""
    input:
        script=program("write_weight_report"),
        models=PATHS.losses(STUDY.models),
        prunings=PATHS.of_pruned("pruning.json", STUDY.models),
        explanations=PATHS.of_pruned("explanation.json", PATHS.sparse),
        figures=figure_files(PATHS, FIGURES, [".png"]),
        artefacts=weight_artefacts(PATHS),
    output:
        folder=weight_pages_of(PATHS),
    log:
        "logs/write_weight_report/report.log",
    benchmark:
        "logs/write_weight_report/report.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=10,
    params:
        **told("write_weight_report", command=COMMAND),
        appearance=[COMMAND, appearance()],
    message:
        "Writing {output[0]}"
    shell:
        command("write_weight_report")


rule report:
    """The study's pages, and all that they show."""
    input:
        rules.write_weight_report.output,
