"""SHIFT: a classifier that learnt gender for profession, and what of its circuit is taken out."""

if STUDY.shift:

    BIOGRAPHIES = f"results/biographies/{STUDY.shift.biographies or STUDY.study}.jsonl"
    SHIFT = f"results/shift/{STUDY.study}.json"

    rule write_biographies:
        """Biographies of two professions and genders, written by the model or fetched."""
        input:
            model=[] if STUDY.shift.biographies else MODEL_FILES,
            script=program("write_biographies.py"),
        output:
            biographies=BIOGRAPHIES,
        log:
            f"logs/write_biographies/{STUDY.study}.log",
        benchmark:
            f"logs/write_biographies/{STUDY.study}.tsv"
        conda:
            "../envs/environment.yaml"
        threads: 1
        resources:
            mem_mb=memory(4000),
            runtime=120,
            gpu=1,
        params:
            settings=STUDY.shift.model_dump_json(),
            source=(
                [
                    "--entry",
                    STUDY.datasets[STUDY.shift.biographies].model_dump_json(),
                ]
                if STUDY.shift.biographies
                else ["--model", MODEL]
            ),
            seed=STUDY.seed,
            code=code("write_biographies.py"),
        message:
            "Writing biographies"
        shell:
            "python {input.script} --settings {params.settings:q} {params.source:q} --biographies {output.biographies:q}"
            " --seed {params.seed} --threads {threads} > {log:q} 2>&1"

    rule run_shift:
        """The probe's circuit, what of it is about gender, and the probe with that taken out."""
        input:
            model=MODEL_FILES,
            saes=sae_files_of(STUDY.shift.basis),
            script=program("run_shift.py"),
            biographies=rules.write_biographies.output.biographies,
        output:
            evaluation=SHIFT,
        log:
            f"logs/run_shift/{STUDY.study}.log",
        benchmark:
            f"logs/run_shift/{STUDY.study}.tsv"
        conda:
            "../envs/environment.yaml"
        threads: 1
        resources:
            mem_mb=memory(5000),
            runtime=120,
            gpu=1,
        params:
            settings=STUDY.shift.model_dump_json(),
            model=model_folder,
            sites=list(STUDY.basis_sites(STUDY.shift.basis)),
            saes=saes_flag,
            seed=STUDY.seed,
            code=code("run_shift.py"),
        message:
            "Taking gender out of a classifier"
        shell:
            "python {input.script} --settings {params.settings:q} --biographies {input.biographies:q}"
            " --model {params.model:q} --sites {params.sites:q} {params.saes:q} --evaluation {output.evaluation:q}"
            " --seed {params.seed} --threads {threads} > {log:q} 2>&1"
