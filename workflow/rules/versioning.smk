rule record:
    """Record the stages of the study, the content hashes of all artefacts, and how each was made."""
    input:
        dvc_repository,
        rules.report.input,
        script=program("record_study"),
    output:
        local(update(str(STAGES / "dvc.yaml"))),
        local(update(str(STAGES / "dvc.lock"))),
        local(update(f"provenance/{STUDY.study}.json")),
    log:
        "logs/record/record.log",
    localrule: True
    conda:
        "../envs/environment.yaml"
    params:
        study=[word for path in OTHERS[-1:] for word in ("--study", path)],
    message:
        "Recording hashes in {output[1]}"
    shell:
        "python {input.script} {params.study:q} > {log:q} 2>&1"


# The artefacts are asked for by name: a clone brings a dvc.lock, which alone would look like work that is done.
rule snapshot:
    """Build everything, then record the content hashes of all artefacts in dvc.lock."""
    input:
        rules.report.input,
        rules.record.output,
