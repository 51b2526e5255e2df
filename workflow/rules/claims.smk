"""Claims on what answers rest on, tested by interchange interventions."""

if STUDY.claims:

    rule judge_claims:
        """The verdict on each claim, with the interval that it rests on."""
        input:
            model=files(PATHS.model, WHOLE_MODEL),
            edited=PATHS.claimed_models,
            saes=PATHS.sae_files("features"),
            script=program("judge_claims"),
            claims=local(STUDY.claims),
            pairs=PATHS.claimed_pairs,
            circuits=PATHS.claimed_circuits,
        output:
            verdicts=PATHS.verdicts,
        log:
            f"logs/judge_claims/{STUDY.study}.log",
        benchmark:
            f"logs/judge_claims/{STUDY.study}.tsv"
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(5000),
            runtime=60,
        params:
            **told("judge_claims"),
        message:
            "Testing claims"
        shell:
            command("judge_claims")

    rule claims:
        """Fail when a claim does: the gate of a model in CI."""
        input:
            script=program("gate_claims"),
            verdicts=rules.judge_claims.output.verdicts,
        log:
            f"logs/claims/{STUDY.study}.log",
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(500),
            runtime=5,
        params:
            **told("gate_claims"),
        message:
            "Verdicts"
        shell:
            "python {input.script} {params.files:q} 2>&1 | tee {log:q}"
