from sparse_circuits.plan.pages import artefacts_of, pages_of, shown_by
from sparse_circuits.report.contents import appearance


rule write_report:
    """The study's pages and its main numbers."""
    input:
        **shown_by(PATHS),
        figures=figure_files(PATHS, FIGURES, [".png"]),
        script=program("write_report"),
        images=PATHS.pictures[:1],
        artefacts=artefacts_of(PATHS),
    output:
        folder=pages_of(PATHS),
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
        **told("write_report", command=COMMAND),
        appearance=[COMMAND, appearance()],
    message:
        "Writing {output[0]}"
    shell:
        command("write_report")


rule report:
    """The study's page, and all that it shows."""
    input:
        rules.write_report.output,
        rules.circuits.input,
        rules.graphs.input,
        rules.saes.input,
