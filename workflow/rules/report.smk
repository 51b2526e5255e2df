from sparse_circuits.plan.pages import made_by, pages_of, shown_by
from sparse_circuits.report.contents import appearance


rule write_report:
    """The study's pages and its main numbers."""
    input:
        **shown_by(PATHS),
        figures=rules.figures.input,
        script=program("write_report"),
        images=PATHS.pictures[:1],
        artefacts=made_by(PATHS),
    output:
        pages_of(PATHS),
    log:
        "logs/write_report/report.log",
    benchmark:
        "logs/write_report/report.tsv"
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=10,
    params:
        settings=told("write_report"),
        figures=lambda wildcards, input: [
            file for file in input.figures if file.endswith(".png")
        ],
        images=lambda wildcards, input: (
            ["--images", *input.images] if input.images else []
        ),
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        command=COMMAND,
        appearance=appearance(),
        code=code("write_report"),
    message:
        "Writing {output[0]}"
    shell:
        "python {input.script} {params.settings:q} --saes {input.saes:q} --circuits {input.circuits:q}"
        " --figures {params.figures:q} --interpretations {input.interpretations:q} --edits {input.edits:q}"
        " --claims {input.claims:q} --graphs {input.graphs:q} {params.images:q} --folder {params.folder:q}"
        " --command {params.command:q} --artefacts {input.saes:q} {input.circuits:q} {input.interpretations:q}"
        " {input.edits:q} {input.claims:q} {input.graphs:q} {input.figures:q} {input.artefacts:q} > {log:q} 2>&1"


rule report:
    """The study's page, and all that it shows."""
    input:
        rules.write_report.output,
        rules.circuits.input,
        rules.graphs.input,
        rules.saes.input,
