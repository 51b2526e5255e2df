"""SHIFT: a classifier that learnt gender for profession, and what of its circuit is taken out."""

if STUDY.shift:

    BIOGRAPHIES = f"results/biographies/{STUDY.shift.biographies or STUDY.study}.jsonl"
    SHIFT = f"results/shift/{STUDY.study}.json"

    rule write_biographies:
        """Biographies of two professions and genders, written by the model or fetched."""
        input:
            model=[] if STUDY.shift.biographies else files(PATHS.model, WHOLE_MODEL),
            script=program("write_biographies"),
        output:
            biographies=BIOGRAPHIES,
        log:
            f"logs/write_biographies/{STUDY.study}.log",
        benchmark:
            f"logs/write_biographies/{STUDY.study}.tsv"
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(4000),
            runtime=120,
            gpu=1,
        params:
            model=lambda wildcards, input, output: (
                ["--model", *folders("model", input, output)] if input.model else []
            ),
            settings=told("write_biographies"),
            code=code("write_biographies"),
        message:
            "Writing biographies"
        shell:
            "python {input.script} {params.model:q} {params.settings:q} --biographies {output.biographies:q}"
            " --threads {threads} > {log:q} 2>&1"

    rule run_shift:
        """The probe's circuit, what of it is about gender, and the probe with that taken out."""
        input:
            model=files(PATHS.model, WHOLE_MODEL),
            saes=PATHS.sae_files(STUDY.shift.basis),
            script=program("run_shift"),
            biographies=rules.write_biographies.output.biographies,
        output:
            evaluation=SHIFT,
        log:
            f"logs/run_shift/{STUDY.study}.log",
        benchmark:
            f"logs/run_shift/{STUDY.study}.tsv"
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(5000),
            runtime=120,
            gpu=1,
        params:
            model=folder_of("model"),
            saes=folders_of("saes"),
            settings=told("run_shift"),
            code=code("run_shift"),
        message:
            "Taking gender out of a classifier"
        shell:
            "python {input.script} --biographies {input.biographies:q} --model {params.model:q} --saes {params.saes:q}"
            " {params.settings:q} --evaluation {output.evaluation:q} --threads {threads} > {log:q} 2>&1"
