"""SHIFT: a classifier that learnt gender for profession, and what of its circuit is taken out."""

if STUDY.shift:

    rule write_biographies:
        """Biographies of two professions and genders, written by the model or fetched."""
        input:
            model=[] if STUDY.shift.biographies else files(PATHS.model, WHOLE_MODEL),
            script=program("write_biographies"),
        output:
            biographies=PATHS.biographies,
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
            **told("write_biographies"),
        message:
            "Writing biographies"
        shell:
            command("write_biographies")

    rule run_shift:
        """The probe's circuit, what of it is about gender, and the probe with that taken out."""
        input:
            model=files(PATHS.model, WHOLE_MODEL),
            saes=PATHS.sae_files(STUDY.shift.basis),
            script=program("run_shift"),
            biographies=rules.write_biographies.output.biographies,
        output:
            evaluation=PATHS.shift,
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
            **told("run_shift"),
        message:
            "Taking gender out of a classifier"
        shell:
            command("run_shift")
