rule record:
    """Record the content hashes of all artefacts."""
    input:
        rules.report.input,
        "dvc.yaml",
    output:
        update("dvc.lock"),
    log:
        "logs/record/record.log",
    localrule: True
    conda:
        "../envs/environment.yaml"
    message:
        "Recording hashes in dvc.lock"
    shell:
        "dvc --wait-for-lock commit --force --no-relink > {log:q} 2>&1"


# The artefacts are asked for by name: a clone brings a dvc.lock, which alone would look like work that is done.
rule snapshot:
    """Build everything, then record the content hashes of all artefacts in dvc.lock."""
    input:
        rules.report.input,
        rules.record.output,
