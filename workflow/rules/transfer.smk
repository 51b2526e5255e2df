TRANSFER = STUDY.transfer
TEMPLATE_TASKS = [
    name for name, task in STUDY.tasks.items() if isinstance(task, Agreement)
]
FEATURE_SAES = sae_files_of("features")

if TRANSFER:

    rule mine_sentences:
        """Natural sentences that stop where a verb shows the subject's number, to fit on and to judge by."""
        input:
            model=TOKENIZER_FILES,
            script=program("mine_sentences.py"),
            documents=rules.fetch_corpus.output.documents,
            sequences=rules.tokenize_corpus.output.sequences,
        output:
            fit="results/tasks/natural/fit.jsonl",
            judge="results/tasks/natural/judge.jsonl",
        log:
            "logs/mine_sentences/natural.log",
        benchmark:
            "logs/mine_sentences/natural.tsv"
        # Before the caching: a corpus with too few sentences must stop the run early.
        priority: 100
        conda:
            "../envs/environment.yaml"
        threads: 1
        resources:
            mem_mb=memory(4000),
            runtime=30,
        params:
            model=model_folder,
            sentences=TRANSFER.sentences,
            shortest=TRANSFER.shortest,
            longest=TRANSFER.longest,
            seed=STUDY.seed,
            code=code("mine_sentences.py"),
        message:
            "Mining {params.sentences} + {params.sentences} natural sentences"
        shell:
            "python {input.script} --model {params.model:q} --documents {input.documents:q} --sequences {input.sequences:q}"
            " --sentences {params.sentences} --shortest {params.shortest} --longest {params.longest} --seed {params.seed}"
            " --fit {output.fit:q} --judge {output.judge:q} > {log:q} 2>&1"

    rule score_sentences:
        """Node scores and means of the sentences to fit on."""
        input:
            model=MODEL_FILES,
            saes=FEATURE_SAES,
            script=program("score_nodes.py"),
            pairs=rules.mine_sentences.output.fit,
        output:
            scores=f"{CIRCUITS}/natural_sentences.h5",
        log:
            "logs/score_sentences/natural.log",
        benchmark:
            "logs/score_sentences/natural.tsv"
        conda:
            "../envs/environment.yaml"
        threads: 1
        resources:
            mem_mb=memory(5000),
            runtime=60,
        params:
            model=model_folder,
            sites=FEATURE_SITES,
            saes=saes_flag,
            batch_tokens=STUDY.circuits.batch_tokens,
            code=code("score_nodes.py"),
        message:
            "Scoring features on natural sentences"
        shell:
            "python {input.script} --model {params.model:q} --pairs {input.pairs:q} --sites {params.sites:q}"
            " {params.saes:q} --method relp --batch-tokens {params.batch_tokens}"
            " --scores {output.scores:q} --threads {threads} > {log:q} 2>&1"

    rule judge_transfer:
        """Whether nodes found on templates are necessary and sufficient in natural sentences."""
        input:
            model=MODEL_FILES,
            saes=FEATURE_SAES,
            script=program("judge_transfer.py"),
            pairs=rules.mine_sentences.output.judge,
            scores=expand(
                f"{CIRCUITS}/{{task}}/features/scores.h5", task=TEMPLATE_TASKS
            ),
            fit=rules.score_sentences.output.scores,
        output:
            transfer=f"{CIRCUITS}/transfer.json",
        log:
            "logs/judge_transfer/natural.log",
        benchmark:
            "logs/judge_transfer/natural.tsv"
        conda:
            "../envs/environment.yaml"
        threads: 1
        resources:
            mem_mb=memory(5000),
            runtime=120,
        params:
            study=STUDY.study,
            model=model_folder,
            tasks=TEMPLATE_TASKS,
            sites=FEATURE_SITES,
            saes=saes_flag,
            nodes=TRANSFER.nodes,
            random_circuits=TRANSFER.random_circuits,
            batch_tokens=STUDY.circuits.batch_tokens,
            seed=STUDY.seed,
            code=code("judge_transfer.py"),
        message:
            "Judging on natural sentences the features found on templates"
        shell:
            "python {input.script} --study {params.study:q} --model {params.model:q} --pairs {input.pairs:q}"
            " --tasks {params.tasks:q} --scores {input.scores:q} --fit {input.fit:q} --sites {params.sites:q} {params.saes:q}"
            " --nodes {params.nodes} --random-circuits {params.random_circuits} --batch-tokens {params.batch_tokens}"
            " --seed {params.seed} --transfer {output.transfer:q} --threads {threads} > {log:q} 2>&1"


rule transfer:
    """How far what was found on templates holds in natural sentences; nothing without `transfer` in the study."""
    input:
        [rules.judge_transfer.output.transfer] if TRANSFER else [],
