"""Transformers with almost all weights zero: trained, asked the tasks on code, and pruned to circuits."""


rule train_tokenizer:
    """A byte-level BPE of the study's own."""
    input:
        script=program("train_tokenizer.py"),
        documents=rules.fetch_corpus.output.documents,
    output:
        TOKENIZER_FILES,
    log:
        f"logs/train_tokenizer/{STUDY.corpus}.log",
    benchmark:
        f"logs/train_tokenizer/{STUDY.corpus}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        vocabulary=STUDY.vocabulary,
        name=Path(TOKENIZER).name,
        code=code("train_tokenizer.py"),
    message:
        "Training a tokenizer of {params.vocabulary} tokens"
    shell:
        "python {input.script} --documents {input.documents:q} --vocabulary {params.vocabulary} --name {params.name:q}"
        " --folder {params.folder:q} > {log:q} 2>&1"


rule cut_sequences:
    """The corpus as token sequences of one length."""
    input:
        tokenizer=rules.train_tokenizer.output,
        script=program("tokenize_corpus.py"),
        documents=rules.fetch_corpus.output.documents,
    output:
        sequences=SEQUENCES,
    log:
        f"logs/cut_sequences/{STUDY.corpus}.log",
    benchmark:
        f"logs/cut_sequences/{STUDY.corpus}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(6000),
        runtime=60,
    params:
        tokenizer=lambda wildcards, input: str(Path(input.tokenizer[0]).parent),
        context=STUDY.context,
        train=STUDY.train_tokens // STUDY.context,
        held_out=STUDY.held_out_tokens // STUDY.context,
        seed=STUDY.seed,
        code=code("tokenize_corpus.py"),
    message:
        "Cutting the corpus into sequences"
    shell:
        "python {input.script} --documents {input.documents:q} --model {params.tokenizer:q} --context {params.context}"
        " --train {params.train} --held-out {params.held_out} --seed {params.seed} --sequences {output.sequences:q}"
        " > {log:q} 2>&1"


rule train_transformer:
    """One model, dense or with almost all weights zero, and its loss on held-out documents."""
    input:
        tokenizer=rules.train_tokenizer.output,
        script=program("train_transformer.py"),
        sequences=rules.cut_sequences.output.sequences,
    output:
        TRANSFORMER_FILES,
    log:
        f"logs/train_transformer/{STUDY.study}-{{model}}.log",
    benchmark:
        f"logs/train_transformer/{STUDY.study}-{{model}}.tsv"
    # Half of the run's time, so first of what can run.
    priority: 50
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=24 * 60,
        gpu=1,
    params:
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        tokenizer=lambda wildcards, input: str(Path(input.tokenizer[0]).parent),
        name=f"{STUDY.study}-{{model}}",
        entry=lambda wildcards: STUDY.models[wildcards.model].model_dump_json(),
        licence=STUDY.corpus_entry.licence,
        state=f"state/{STUDY.study}-{{model}}.safetensors",
        seed=STUDY.seed,
        code=code("train_transformer.py"),
    message:
        "Training {wildcards.model}"
    shell:
        "python {input.script} --name {params.name:q} --entry {params.entry:q} --sequences {input.sequences:q}"
        " --tokenizer {params.tokenizer:q} --licence {params.licence:q} --folder {params.folder:q} --seed {params.seed}"
        " --state {params.state:q} --threads {threads} > {log:q} 2>&1"


rule models:
    """All models of the study."""
    input:
        expand(f"{TRANSFORMER}/losses.json", model=MODELS),


include: "tasks.smk"
include: "pruning.smk"


rule circuits:
    """The circuits of all models and tasks, judged."""
    input:
        PRUNINGS,
        CIRCUIT_FILES,


rule explain_circuit:
    """What each node of a circuit tells and does: claims from training pairs, tested on test pairs."""
    input:
        model=TRANSFORMER_FILES,
        script=program("explain_circuit.py"),
        sequences=rules.cut_sequences.output.sequences,
        train=rules.make_task.output.train,
        test=rules.make_task.output.test,
        circuit=rules.prune_task.output.circuit,
    output:
        explanation=f"{CIRCUITS}/{{task}}/{{model}}/explanation.json",
    log:
        f"logs/explain_circuit/{STUDY.study}.{{task}}.{{model}}.log",
    benchmark:
        f"logs/explain_circuit/{STUDY.study}.{{task}}.{{model}}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        model=model_folder,
        mean_sequences=STUDY.pruning.mean_sequences,
        norms="--frozen-norms" if STUDY.pruning.frozen_norms else "--no-frozen-norms",
        code=code("explain_circuit.py"),
    message:
        "Explaining {wildcards.task} in {wildcards.model}"
    shell:
        "python {input.script} --circuit {input.circuit:q} --model {params.model:q} --sequences {input.sequences:q}"
        " --train {input.train:q} --test {input.test:q} --mean-sequences {params.mean_sequences}"
        " {params.norms} --explanation {output.explanation:q} --threads {threads} > {log:q} 2>&1"


if STUDY.bridges:

    rule train_bridges:
        """Bridges between a dense and a sparse model, and interventions carried over them."""
        input:
            script=program("train_bridges.py"),
            dense=f"results/models/{STUDY.study}-{STUDY.bridges.dense}/losses.json",
            sparse=f"results/models/{STUDY.study}-{STUDY.bridges.sparse}/losses.json",
            sequences=rules.cut_sequences.output.sequences,
            circuits=expand(
                f"{CIRCUITS}/{{task}}/{STUDY.bridges.sparse}/circuit.json",
                task=STUDY.tasks,
            ),
            tests=expand("results/tasks/{task}/test.jsonl", task=STUDY.tasks),
        output:
            bridges=f"results/bridges/{STUDY.study}/bridges.safetensors",
            carried=CARRIED[0],
        log:
            f"logs/train_bridges/{STUDY.study}.log",
        benchmark:
            f"logs/train_bridges/{STUDY.study}.tsv"
        conda:
            "../envs/environment.yaml"
        threads: 1
        resources:
            mem_mb=memory(4000),
            runtime=24 * 60,
            gpu=1,
        params:
            study=STUDY.study,
            dense=lambda wildcards, input: str(Path(input.dense).parent),
            sparse=lambda wildcards, input: str(Path(input.sparse).parent),
            settings=STUDY.bridges.model_dump_json(),
            seed=STUDY.seed,
            code=code("train_bridges.py"),
        message:
            "Training bridges"
        shell:
            "python {input.script} --study {params.study:q} --dense {params.dense:q} --sparse {params.sparse:q}"
            " --sequences {input.sequences:q} --bridging {params.settings:q} --circuits {input.circuits:q}"
            " --tests {input.tests:q} --bridges {output.bridges:q} --carried {output.carried:q} --seed {params.seed}"
            " --threads {threads} > {log:q} 2>&1"


include: "figures.smk"


from sparse_circuits.plan.pages import weight_pages_of
from sparse_circuits.report.contents import appearance


rule write_weight_report:
    """The study's pages."""
    input:
        script=program("write_weight_report"),
        models=expand(f"{TRANSFORMER}/losses.json", model=MODELS),
        prunings=PRUNINGS,
        circuits=CIRCUIT_FILES,
        explanations=EXPLANATIONS,
        figures=rules.figures.input,
        frontier=rules.compare_frontier.output,
        carried=CARRIED,
        made_from=[
            *[
                path.replace("{model}", model)
                for model in MODELS
                for path in TRANSFORMER_FILES
            ],
            SEQUENCES,
            *expand(
                "results/tasks/{task}/{split}.jsonl",
                task=STUDY.tasks,
                split=["train", "test"],
            ),
        ],
    output:
        weight_pages_of(STUDY, PATHS.report),
    log:
        "logs/write_weight_report/report.log",
    benchmark:
        "logs/write_weight_report/report.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
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
