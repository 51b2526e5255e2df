CIRCUIT = PATHS.circuit("{task}", "{basis}")


rule score_nodes:
    """How much of the metric's change goes through each node, pair by pair."""
    input:
        model=files(PATHS.model, WHOLE_MODEL),
        saes=lambda wildcards: PATHS.sae_files(wildcards.basis),
        script=program("score_nodes"),
        pairs=rules.make_task.output.train,
    output:
        scores=f"{CIRCUIT}/scores.h5",
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
        **told("score_nodes"),
    message:
        "Scoring {wildcards.basis} for {wildcards.task}"
    shell:
        command("score_nodes")


if STUDY.circuits.compared_methods:

    use rule score_nodes as score_by_method with:
        output:
            scores=f"{CIRCUIT}/scores_by/{{method}}.h5",
        log:
            "logs/score_by_method/{task}.{basis}.{method}.log",
        benchmark:
            "logs/score_by_method/{task}.{basis}.{method}.tsv"
        wildcard_constraints:
            method="|".join(STUDY.circuits.compared_methods),
        params:
            **told("score_nodes", rule="score_by_method"),


rule find_circuit:
    """The nodes above the threshold and the edges between them."""
    input:
        model=files(PATHS.model, WHOLE_MODEL),
        saes=lambda wildcards: PATHS.sae_files(wildcards.basis),
        script=program("find_circuit"),
        pairs=rules.make_task.output.train,
        scores=rules.score_nodes.output.scores,
    output:
        circuit=report(
            f"{CIRCUIT}/circuit.json",
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
        **told("find_circuit"),
    message:
        "Finding the circuit of {wildcards.basis} for {wildcards.task}"
    shell:
        command("find_circuit")


rule prove_circuit:
    """Hypothesis tests, stability under resampling, and controls on which the method must fail."""
    input:
        model=files(PATHS.model, WHOLE_MODEL),
        saes=lambda wildcards: PATHS.sae_files(wildcards.basis),
        script=program("prove_circuit"),
        train=rules.make_task.output.train,
        test=rules.make_task.output.test,
        scores=rules.score_nodes.output.scores,
        circuit=rules.find_circuit.output.circuit,
    output:
        proof=f"{CIRCUIT}/proof.json",
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
        **told("prove_circuit"),
    message:
        "Proving the circuit of {wildcards.basis} for {wildcards.task}"
    shell:
        command("prove_circuit")


rule evaluate_circuit:
    """Faithfulness and completeness on held-out pairs, over sizes, beside random circuits."""
    input:
        model=files(PATHS.model, WHOLE_MODEL),
        saes=lambda wildcards: PATHS.sae_files(wildcards.basis),
        script=program("evaluate_circuit"),
        pairs=rules.make_task.output.test,
        scores=rules.score_nodes.output.scores,
        circuit=rules.find_circuit.output.circuit,
        proof=lambda wildcards: (
            rules.prove_circuit.output.proof
            if STUDY.circuits.bases[wildcards.basis].prove
            else []
        ),
    output:
        evaluation=f"{CIRCUIT}/evaluation.json",
        curves=report(
            f"{CIRCUIT}/curves.csv",
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
        **told("evaluate_circuit"),
    message:
        "Judging circuits of {wildcards.basis} for {wildcards.task}"
    shell:
        command("evaluate_circuit")


if STUDY.circuits.minimal:

    rule minimise_circuit:
        """The smallest circuit that is faithful enough on held-out training pairs; no node of it can go."""
        input:
            model=files(PATHS.model, WHOLE_MODEL),
            saes=lambda wildcards: PATHS.sae_files(wildcards.basis),
            script=program("minimise_circuit"),
            pairs=rules.make_task.output.train,
            scores=rules.score_nodes.output.scores,
        output:
            circuit=f"{CIRCUIT}/minimal.json",
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
            **told("minimise_circuit"),
        message:
            "Searching for the minimal circuit of {wildcards.basis} for {wildcards.task}"
        shell:
            command("minimise_circuit")


rule circuits:
    """The circuits of all tasks and bases, judged."""
    input:
        PATHS.of_circuits("circuit.json"),
        PATHS.of_circuits("evaluation.json"),
        PATHS.minimal_circuits,
