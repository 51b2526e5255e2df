rule score_nodes:
    """How much of the metric's change goes through each node, pair by pair."""
    input:
        model=MODEL_FILES,
        saes=circuit_sae_files,
        script=program("score_nodes.py"),
        pairs="results/tasks/{task}/train.jsonl",
    output:
        scores=f"{CIRCUITS}/{{task}}/{{basis}}/scores.h5",
    log:
        "logs/score_nodes/{task}.{basis}.log",
    benchmark:
        "logs/score_nodes/{task}.{basis}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(5000),
        runtime=60,
    params:
        model=model_folder,
        sites=circuit_sites,
        saes=saes_flag,
        method=lambda wildcards: BASES[wildcards.basis].method,
        draw=(
            ["--draw", STUDY.circuits.score_pairs]
            if STUDY.circuits.score_pairs
            else []
        ),
        batch_tokens=STUDY.circuits.batch_tokens,
        steps=lambda wildcards: (
            ["--steps", BASES[wildcards.basis].steps]
            if BASES[wildcards.basis].steps
            else []
        ),
        seed=STUDY.seed,
        by_position=lambda wildcards: (
            ["--by-position"] if BASES[wildcards.basis].by_position else []
        ),
        code=code("score_nodes.py"),
    message:
        "Scoring {wildcards.basis} for {wildcards.task}"
    shell:
        "python {input.script} --model {params.model:q} --pairs {input.pairs:q} --sites {params.sites:q}"
        " {params.saes:q} --method {params.method} {params.steps} {params.by_position} {params.draw} --seed {params.seed} --batch-tokens {params.batch_tokens} --scores {output.scores:q}"
        " --threads {threads} > {log:q} 2>&1"


use rule score_nodes as score_by_method with:
    output:
        scores=f"{CIRCUITS}/{{task}}/{{basis}}/scores_by/{{method}}.h5",
    log:
        "logs/score_by_method/{task}.{basis}.{method}.log",
    benchmark:
        "logs/score_by_method/{task}.{basis}.{method}.tsv"
    wildcard_constraints:
        method="|".join(STUDY.circuits.compared_methods) or "none",
    params:
        method=lambda wildcards: wildcards.method,


rule find_circuit:
    """The nodes above the threshold and the edges between them."""
    input:
        model=MODEL_FILES,
        saes=circuit_sae_files,
        script=program("find_circuit.py"),
        pairs="results/tasks/{task}/train.jsonl",
        scores=rules.score_nodes.output.scores,
    output:
        circuit=report(
            f"{CIRCUITS}/{{task}}/{{basis}}/circuit.json",
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
    threads: 1
    resources:
        mem_mb=memory(5000),
        runtime=60,
    params:
        study=STUDY.study,
        model=model_folder,
        sites=circuit_sites,
        saes=saes_flag,
        node_threshold=STUDY.circuits.node_threshold,
        edge_threshold=STUDY.circuits.edge_threshold,
        seed=STUDY.seed,
        edges=lambda wildcards: [] if BASES[wildcards.basis].edges else ["--no-edges"],
        code=code("find_circuit.py"),
    message:
        "Finding the circuit of {wildcards.basis} for {wildcards.task}"
    shell:
        "python {input.script} --study {params.study:q} --task {wildcards.task:q} --basis {wildcards.basis}"
        " --model {params.model:q} --pairs {input.pairs:q} --scores {input.scores:q} --sites {params.sites:q}"
        " {params.saes:q} --node-threshold {params.node_threshold} --edge-threshold {params.edge_threshold} {params.edges}"
        " --seed {params.seed} --circuit {output.circuit:q} --threads {threads} > {log:q} 2>&1"


rule prove_circuit:
    """Hypothesis tests, stability under resampling, and controls on which the method must fail."""
    input:
        model=MODEL_FILES,
        saes=circuit_sae_files,
        script=program("prove_circuit.py"),
        train="results/tasks/{task}/train.jsonl",
        test="results/tasks/{task}/test.jsonl",
        scores=rules.score_nodes.output.scores,
        circuit=rules.find_circuit.output.circuit,
    output:
        proof=f"{CIRCUITS}/{{task}}/{{basis}}/proof.json",
    log:
        "logs/prove_circuit/{task}.{basis}.log",
    benchmark:
        "logs/prove_circuit/{task}.{basis}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(7000),
        runtime=120,
    params:
        model=model_folder,
        sites=circuit_sites,
        saes=saes_flag,
        draw=(
            ["--draw", STUDY.circuits.prove_pairs]
            if STUDY.circuits.prove_pairs
            else []
        ),
        batch_tokens=STUDY.circuits.batch_tokens,
        seed=STUDY.seed,
        code=code("prove_circuit.py"),
    message:
        "Proving the circuit of {wildcards.basis} for {wildcards.task}"
    shell:
        "python {input.script} --model {params.model:q} --train {input.train:q} --test {input.test:q}"
        " --scores {input.scores:q} --circuit {input.circuit:q} --sites {params.sites:q} {params.saes:q}"
        " {params.draw} --batch-tokens {params.batch_tokens} --seed {params.seed} --proof {output.proof:q}"
        " --threads {threads} > {log:q} 2>&1"


rule evaluate_circuit:
    """Faithfulness and completeness on held-out pairs, over sizes, beside random circuits."""
    input:
        model=MODEL_FILES,
        saes=circuit_sae_files,
        script=program("evaluate_circuit.py"),
        pairs="results/tasks/{task}/test.jsonl",
        scores=rules.score_nodes.output.scores,
        circuit=rules.find_circuit.output.circuit,
        proof=lambda wildcards: (
            rules.prove_circuit.output.proof if BASES[wildcards.basis].prove else []
        ),
    output:
        evaluation=f"{CIRCUITS}/{{task}}/{{basis}}/evaluation.json",
        curves=report(
            f"{CIRCUITS}/{{task}}/{{basis}}/curves.csv",
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
    threads: 1
    resources:
        mem_mb=memory(7000),
        runtime=120,
    params:
        model=model_folder,
        sites=circuit_sites,
        saes=saes_flag,
        proof=lambda wildcards, input: ["--proof", input.proof] if input.proof else [],
        sizes=STUDY.circuits.sizes,
        random_circuits=STUDY.circuits.random_circuits,
        draw=(
            ["--draw", STUDY.circuits.judge_pairs]
            if STUDY.circuits.judge_pairs
            else []
        ),
        batch_tokens=STUDY.circuits.batch_tokens,
        seed=STUDY.seed,
        code=code("evaluate_circuit.py"),
    message:
        "Judging circuits of {wildcards.basis} for {wildcards.task}"
    shell:
        "python {input.script} --model {params.model:q} --pairs {input.pairs:q} --scores {input.scores:q}"
        " --circuit {input.circuit:q} {params.proof:q} --sites {params.sites:q} {params.saes:q} --sizes {params.sizes}"
        " --random-circuits {params.random_circuits} --batch-tokens {params.batch_tokens} {params.draw} --seed {params.seed}"
        " --evaluation {output.evaluation:q} --curves {output.curves:q} --threads {threads} > {log:q} 2>&1"


rule minimise_circuit:
    """The smallest circuit that is faithful enough on held-out training pairs; no node of it can go."""
    input:
        model=MODEL_FILES,
        saes=circuit_sae_files,
        script=program("minimise_circuit.py"),
        pairs="results/tasks/{task}/train.jsonl",
        scores=rules.score_nodes.output.scores,
    output:
        circuit=f"{CIRCUITS}/{{task}}/{{basis}}/minimal.json",
    log:
        "logs/minimise_circuit/{task}.{basis}.log",
    benchmark:
        "logs/minimise_circuit/{task}.{basis}.tsv"
    wildcard_constraints:
        basis="|".join(BASES) if STUDY.circuits.minimal else "$.",
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(5000),
        runtime=60,
    params:
        model=model_folder,
        sites=circuit_sites,
        saes=saes_flag,
        settings=lambda wildcards: [
            word
            for name, value in STUDY.circuits.minimal
            for word in (f"--{name.replace('_', '-')}", value)
        ],
        batch_tokens=STUDY.circuits.batch_tokens,
        seed=STUDY.seed,
        code=code("minimise_circuit.py"),
    message:
        "Searching for the minimal circuit of {wildcards.basis} for {wildcards.task}"
    shell:
        "python {input.script} --model {params.model:q} --pairs {input.pairs:q} --scores {input.scores:q}"
        " --sites {params.sites:q} {params.saes:q} {params.settings} --batch-tokens {params.batch_tokens}"
        " --seed {params.seed} --circuit {output.circuit:q} --threads {threads} > {log:q} 2>&1"


rule circuits:
    """The circuits of all tasks and bases, judged."""
    input:
        CIRCUIT_FILES,
        EVALUATIONS,
        MINIMAL_CIRCUITS,
