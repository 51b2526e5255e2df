"""Claims on what answers rest on, tested by interchange interventions."""

VERDICTS = f"results/claims/{STUDY.study}.json"

if STUDY.claims:

    CLAIMS = STUDY.claim_entries
    CLAIMED_CIRCUITS = [
        f"{CIRCUITS}/{claim.of_circuit}/features/circuit.json"
        for claim in CLAIMS.values()
        if claim.of_circuit
    ]

    rule judge_claims:
        """The verdict on each claim, with the interval that it rests on."""
        input:
            model=MODEL_FILES,
            edited=[
                path.replace(MODEL, f"{EDITS}/{edit}/model")
                for edit in CLAIMED_EDITS
                for path in MODEL_FILES
            ],
            saes=sae_files_of("features"),
            script=program("judge_claims.py"),
            claims=local(STUDY.claims),
            pairs=[
                f"results/tasks/{claim.task}/test.jsonl" for claim in CLAIMS.values()
            ],
            circuits=CLAIMED_CIRCUITS,
        output:
            verdicts=VERDICTS,
        log:
            f"logs/judge_claims/{STUDY.study}.log",
        benchmark:
            f"logs/judge_claims/{STUDY.study}.tsv"
        conda:
            "../envs/environment.yaml"
        threads: 1
        resources:
            mem_mb=memory(5000),
            runtime=60,
        params:
            model=model_folder,
            subjects=claim_subjects,
            sites=FEATURE_SITES,
            saes=saes_flag,
            batch_tokens=STUDY.circuits.batch_tokens,
            seed=STUDY.seed,
            code=code("judge_claims.py"),
        message:
            "Testing claims"
        shell:
            "python {input.script} --claims {input.claims:q} --model {params.model:q} --subjects {params.subjects:q} --pairs {input.pairs:q}"
            " --circuits {input.circuits:q} --sites {params.sites:q} {params.saes:q} --batch-tokens {params.batch_tokens}"
            " --seed {params.seed} --verdicts {output.verdicts:q} --threads {threads} > {log:q} 2>&1"

    rule claims:
        """Fail when a claim does: the gate of a model in CI."""
        input:
            script=program("gate_claims.py"),
            verdicts=rules.judge_claims.output.verdicts,
        log:
            f"logs/claims/{STUDY.study}.log",
        conda:
            "../envs/environment.yaml"
        threads: 1
        resources:
            mem_mb=memory(500),
            runtime=5,
        message:
            "Verdicts"
        shell:
            "python {input.script} --verdicts {input.verdicts:q} 2>&1 | tee {log:q}"
