if STUDY.transfer:

    rule mine_sentences:
        """Natural sentences that stop where a verb shows the subject's number, to fit on and to judge by."""
        input:
            model=files(PATHS.model, TOKENIZER),
            script=program("mine_sentences"),
            documents=rules.fetch_corpus.output.documents,
            sequences=rules.tokenize_corpus.output.sequences,
        output:
            fit=PATHS.split("natural", "fit"),
            judge=PATHS.split("natural", "judge"),
        log:
            "logs/mine_sentences/natural.log",
        benchmark:
            "logs/mine_sentences/natural.tsv"
        # Before the caching: a corpus with too few sentences must stop the run early.
        priority: 100
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(4000),
            runtime=30,
        params:
            **told("mine_sentences"),
        message:
            "Mining natural sentences"
        shell:
            command("mine_sentences")

    rule score_sentences:
        """Node scores and means of the sentences to fit on."""
        input:
            model=files(PATHS.model, WHOLE_MODEL),
            saes=PATHS.sae_files("features"),
            script=program("score_nodes"),
            pairs=rules.mine_sentences.output.fit,
        output:
            scores=f"{PATHS.circuits}/natural_sentences.h5",
        log:
            "logs/score_sentences/natural.log",
        benchmark:
            "logs/score_sentences/natural.tsv"
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(5000),
            runtime=60,
        params:
            **told("score_nodes", rule="score_sentences"),
        message:
            "Scoring features on natural sentences"
        shell:
            command("score_nodes")

    rule judge_transfer:
        """Whether nodes found on templates are necessary and sufficient in natural sentences."""
        input:
            model=files(PATHS.model, WHOLE_MODEL),
            saes=PATHS.sae_files("features"),
            script=program("judge_transfer"),
            pairs=rules.mine_sentences.output.judge,
            scores=[
                f"{PATHS.circuits}/{task}/features/scores.h5"
                for task in PATHS.template_tasks
            ],
            fit=rules.score_sentences.output.scores,
        output:
            transfer=f"{PATHS.circuits}/transfer.json",
        log:
            "logs/judge_transfer/natural.log",
        benchmark:
            "logs/judge_transfer/natural.tsv"
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(5000),
            runtime=120,
        params:
            **told("judge_transfer"),
        message:
            "Judging on natural sentences the features found on templates"
        shell:
            command("judge_transfer")


rule transfer:
    """How far what was found on templates holds in natural sentences; nothing without `transfer` in the study."""
    input:
        [rules.judge_transfer.output.transfer] if STUDY.transfer else [],
