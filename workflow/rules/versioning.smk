rule snapshot:
    """Build everything, then record the content hashes of all artefacts in dvc.lock."""
    input:
        rules.report.input,
        "dvc.yaml",
    output:
        update("dvc.lock"),
    log:
        "logs/snapshot/snapshot.log",
    localrule: True
    conda:
        "../envs/environment.yaml"
    message:
        "Recording hashes in dvc.lock"
    shell:
        "dvc --wait-for-lock commit --force --no-relink > {log:q} 2>&1"
