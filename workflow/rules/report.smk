rule write_report:
    """The study's page and its main numbers."""
    input:
        figures=rules.figures.input,
        script=program("write_report.py"),
        circuits=EVALUATIONS,
        saes=SAE_EVALUATIONS,
    output:
        page=f"{REPORT}/index.html",
        summary=f"{REPORT}/summary.json",
    log:
        "logs/write_report/report.log",
    benchmark:
        "logs/write_report/report.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        study=STUDY.study,
        headline=STUDY.headline_task,
        figures=lambda wildcards, input: [
            file for file in input.figures if file.endswith(".png")
        ],
        code=code("write_report.py"),
    message:
        "Writing {output.page}"
    shell:
        "python {input.script} --study {params.study:q} --headline-task {params.headline:q} --saes {input.saes:q}"
        " --circuits {input.circuits:q} --figures {params.figures:q} --page {output.page:q}"
        " --summary {output.summary:q} > {log:q} 2>&1"


rule report:
    """The study's page, and all that it shows."""
    input:
        rules.write_report.output,
        rules.circuits.input,
        rules.graphs.input,
        rules.saes.input,
