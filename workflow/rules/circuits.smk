rule score_nodes:
    """How much of the metric's change goes through each node, pair by pair."""
    input:
        model=files(PATHS.model, WHOLE_MODEL),
        saes=lambda wildcards: PATHS.sae_files(wildcards.basis),
        script=program("score_nodes"),
        pairs="results/tasks/{task}/train.jsonl",
    output:
        scores=f"{PATHS.circuits}/{{task}}/{{basis}}/scores.h5",
    log:
        "logs/score_nodes/{task}.{basis}.log",
    benchmark:
        "logs/score_nodes/{task}.{basis}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(5000),
        runtime=60,
    params:
        model=folder_of("model"),
        saes=folders_of("saes"),
        settings=told("score_nodes"),
        code=code("score_nodes"),
    message:
        "Scoring {wildcards.basis} for {wildcards.task}"
    shell:
        "python {input.script} --model {params.model:q} --pairs {input.pairs:q} --saes {params.saes:q} {params.settings:q}"
        " --scores {output.scores:q} --threads {threads} > {log:q} 2>&1"


if STUDY.circuits.compared_methods:

    use rule score_nodes as score_by_method with:
        output:
            scores=f"{PATHS.circuits}/{{task}}/{{basis}}/scores_by/{{method}}.h5",
        log:
            "logs/score_by_method/{task}.{basis}.{method}.log",
        benchmark:
            "logs/score_by_method/{task}.{basis}.{method}.tsv"
        wildcard_constraints:
            method="|".join(STUDY.circuits.compared_methods),
        params:
            settings=told("score_by_method"),


rule find_circuit:
    """The nodes above the threshold and the edges between them."""
    input:
        model=files(PATHS.model, WHOLE_MODEL),
        saes=lambda wildcards: PATHS.sae_files(wildcards.basis),
        script=program("find_circuit"),
        pairs="results/tasks/{task}/train.jsonl",
        scores=rules.score_nodes.output.scores,
    output:
        circuit=report(
            f"{PATHS.circuits}/{{task}}/{{basis}}/circuit.json",
            caption="../report/circuit.rst",
            category="Circuits",
            labels={"task": "{task}", "basis": "{basis}", "shown": "circuit"},
        ),
    log:
        "logs/find_circuit/{task}.{basis}.log",
    benchmark:
        "logs/find_circuit/{task}.{basis}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(5000),
        runtime=60,
    params:
        model=folder_of("model"),
        saes=folders_of("saes"),
        settings=told("find_circuit"),
        code=code("find_circuit"),
    message:
        "Finding the circuit of {wildcards.basis} for {wildcards.task}"
    shell:
        "python {input.script} --model {params.model:q} --pairs {input.pairs:q} --scores {input.scores:q}"
        " --saes {params.saes:q} {params.settings:q} --circuit {output.circuit:q} --threads {threads} > {log:q} 2>&1"


rule prove_circuit:
    """Hypothesis tests, stability under resampling, and controls on which the method must fail."""
    input:
        model=files(PATHS.model, WHOLE_MODEL),
        saes=lambda wildcards: PATHS.sae_files(wildcards.basis),
        script=program("prove_circuit"),
        train="results/tasks/{task}/train.jsonl",
        test="results/tasks/{task}/test.jsonl",
        scores=rules.score_nodes.output.scores,
        circuit=rules.find_circuit.output.circuit,
    output:
        proof=f"{PATHS.circuits}/{{task}}/{{basis}}/proof.json",
    log:
        "logs/prove_circuit/{task}.{basis}.log",
    benchmark:
        "logs/prove_circuit/{task}.{basis}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(7000),
        runtime=120,
    params:
        model=folder_of("model"),
        saes=folders_of("saes"),
        settings=told("prove_circuit"),
        code=code("prove_circuit"),
    message:
        "Proving the circuit of {wildcards.basis} for {wildcards.task}"
    shell:
        "python {input.script} --model {params.model:q} --train {input.train:q} --test {input.test:q}"
        " --scores {input.scores:q} --circuit {input.circuit:q} --saes {params.saes:q} {params.settings:q}"
        " --proof {output.proof:q} --threads {threads} > {log:q} 2>&1"


rule evaluate_circuit:
    """Faithfulness and completeness on held-out pairs, over sizes, beside random circuits."""
    input:
        model=files(PATHS.model, WHOLE_MODEL),
        saes=lambda wildcards: PATHS.sae_files(wildcards.basis),
        script=program("evaluate_circuit"),
        pairs="results/tasks/{task}/test.jsonl",
        scores=rules.score_nodes.output.scores,
        circuit=rules.find_circuit.output.circuit,
        proof=lambda wildcards: (
            rules.prove_circuit.output.proof
            if STUDY.circuits.bases[wildcards.basis].prove
            else []
        ),
    output:
        evaluation=f"{PATHS.circuits}/{{task}}/{{basis}}/evaluation.json",
        curves=report(
            f"{PATHS.circuits}/{{task}}/{{basis}}/curves.csv",
            caption="../report/curves.rst",
            category="Circuits",
            labels={"task": "{task}", "basis": "{basis}", "shown": "curves"},
        ),
    log:
        "logs/evaluate_circuit/{task}.{basis}.log",
    benchmark:
        "logs/evaluate_circuit/{task}.{basis}.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(7000),
        runtime=120,
    params:
        model=folder_of("model"),
        saes=folders_of("saes"),
        proof=lambda wildcards, input: ["--proof", input.proof] if input.proof else [],
        settings=told("evaluate_circuit"),
        code=code("evaluate_circuit"),
    message:
        "Judging circuits of {wildcards.basis} for {wildcards.task}"
    shell:
        "python {input.script} --model {params.model:q} --pairs {input.pairs:q} --scores {input.scores:q}"
        " --circuit {input.circuit:q} {params.proof:q} --saes {params.saes:q} {params.settings:q}"
        " --evaluation {output.evaluation:q} --curves {output.curves:q} --threads {threads} > {log:q} 2>&1"


if STUDY.circuits.minimal:

    rule minimise_circuit:
        """The smallest circuit that is faithful enough on held-out training pairs; no node of it can go."""
        input:
            model=files(PATHS.model, WHOLE_MODEL),
            saes=lambda wildcards: PATHS.sae_files(wildcards.basis),
            script=program("minimise_circuit"),
            pairs="results/tasks/{task}/train.jsonl",
            scores=rules.score_nodes.output.scores,
        output:
            circuit=f"{PATHS.circuits}/{{task}}/{{basis}}/minimal.json",
        log:
            "logs/minimise_circuit/{task}.{basis}.log",
        benchmark:
            "logs/minimise_circuit/{task}.{basis}.tsv"
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(5000),
            runtime=60,
        params:
            model=folder_of("model"),
            saes=folders_of("saes"),
            settings=told("minimise_circuit"),
            code=code("minimise_circuit"),
        message:
            "Searching for the minimal circuit of {wildcards.basis} for {wildcards.task}"
        shell:
            "python {input.script} --model {params.model:q} --pairs {input.pairs:q} --scores {input.scores:q}"
            " --saes {params.saes:q} {params.settings:q} --circuit {output.circuit:q} --threads {threads} > {log:q} 2>&1"


rule circuits:
    """The circuits of all tasks and bases, judged."""
    input:
        PATHS.of_circuits("circuit.json"),
        PATHS.of_circuits("evaluation.json"),
        PATHS.minimal_circuits,
