"""Transformers with almost all weights zero: trained, asked the tasks on code, and pruned to circuits."""


rule train_tokenizer:
    """A byte-level BPE of the study's own."""
    input:
        script=program("train_tokenizer"),
        documents=PATHS.corpus,
    output:
        tokenizer=files(PATHS.tokenizer, TOKENIZER),
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
        folder=folder_of("tokenizer"),
        settings=told("train_tokenizer"),
        code=code("train_tokenizer"),
    message:
        f"Training a tokenizer of {STUDY.vocabulary} tokens"
    shell:
        "python {input.script} --documents {input.documents:q} {params.settings:q} --folder {params.folder:q} > {log:q} 2>&1"


rule cut_sequences:
    """The corpus as token sequences of one length."""
    input:
        tokenizer=rules.train_tokenizer.output,
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
        tokenizer=folder_of("tokenizer"),
        settings=told("cut_sequences"),
        code=code("tokenize_corpus"),
    message:
        "Cutting the corpus into sequences"
    shell:
        "python {input.script} --documents {input.documents:q} --model {params.tokenizer:q} {params.settings:q}"
        " --sequences {output.sequences:q} > {log:q} 2>&1"


rule train_transformer:
    """One model, dense or with almost all weights zero, and its loss on held-out documents."""
    input:
        tokenizer=rules.train_tokenizer.output,
        script=program("train_transformer"),
        sequences=rules.cut_sequences.output.sequences,
    output:
        model=files(PATHS.transformer("{model}"), TRAINED_MODEL),
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
        folder=folder_of("model"),
        tokenizer=folder_of("tokenizer"),
        settings=told("train_transformer"),
        state=f"state/{STUDY.study}-{{model}}.safetensors",
        code=code("train_transformer"),
    message:
        "Training {wildcards.model}"
    shell:
        "python {input.script} --sequences {input.sequences:q} --tokenizer {params.tokenizer:q} {params.settings:q}"
        " --folder {params.folder:q} --state {params.state:q} --threads {threads} > {log:q} 2>&1"


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
        explanation=f"{PATHS.circuits}/{{task}}/{{model}}/explanation.json",
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
        model=folder_of("model"),
        settings=told("explain_circuit"),
        code=code("explain_circuit"),
    message:
        "Explaining {wildcards.task} in {wildcards.model}"
    shell:
        "python {input.script} --circuit {input.circuit:q} --model {params.model:q} --sequences {input.sequences:q}"
        " --train {input.train:q} --test {input.test:q} {params.settings:q} --explanation {output.explanation:q}"
        " --threads {threads} > {log:q} 2>&1"


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
            bridges=f"results/bridges/{STUDY.study}/bridges.safetensors",
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
            dense=folder_of("dense"),
            sparse=folder_of("sparse"),
            settings=told("train_bridges"),
            code=code("train_bridges"),
        message:
            "Training bridges"
        shell:
            "python {input.script} --dense {params.dense:q} --sparse {params.sparse:q} --sequences {input.sequences:q}"
            " --circuits {input.circuits:q} --tests {input.tests:q} {params.settings:q} --bridges {output.bridges:q}"
            " --carried {output.carried:q} --threads {threads} > {log:q} 2>&1"


include: "figures.smk"


from sparse_circuits.plan.pages import weight_pages_of
from sparse_circuits.report.contents import appearance


rule write_weight_report:
    """The study's pages."""
    input:
        script=program("write_weight_report"),
        models=PATHS.losses(STUDY.models),
        prunings=PATHS.of_pruned("pruning.json", STUDY.models),
        circuits=PATHS.of_pruned("circuit.json", STUDY.models),
        explanations=PATHS.of_pruned("explanation.json", PATHS.sparse),
        figures=rules.figures.input,
        frontier=rules.compare_frontier.output,
        carried=PATHS.carried,
        made_from=[
            *[
                path
                for model in STUDY.models
                for path in files(PATHS.transformer(model), TRAINED_MODEL)
            ],
            PATHS.sequences,
            *PATHS.pairs(STUDY.tasks),
        ],
    output:
        weight_pages_of(STUDY, PATHS.report),
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
        settings=told("write_weight_report"),
        figures=lambda wildcards, input: [
            file for file in input.figures if file.endswith(".png")
        ],
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        command=COMMAND,
        appearance=appearance(),
        code=code("write_weight_report"),
    message:
        "Writing {output[0]}"
    shell:
        "python {input.script} {params.settings:q} --models {input.models:q} --prunings {input.prunings:q}"
        " --explanations {input.explanations:q} --figures {params.figures:q} --folder {params.folder:q}"
        " --command {params.command:q} --artefacts {input.models:q} {input.prunings:q} {input.circuits:q}"
        " {input.explanations:q} {input.frontier:q} {input.carried:q} {input.figures:q} {input.made_from:q}"
        " > {log:q} 2>&1"


rule report:
    """The study's pages, and all that they show."""
    input:
        rules.write_weight_report.output,
