# What is drawn stands in FIGURE_DATA: by name, the kind of figure and its data.


rule plot_figure:
    """One figure as SVG and PNG, with the data behind it."""
    input:
        script=program("plot_figure.py"),
        data=lambda wildcards: FIGURE_DATA[wildcards.figure][1],
    output:
        report(
            f"{FIGURES}/{{figure}}.svg",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}", "shown": "drawing"},
        ),
        f"{FIGURES}/{{figure}}.png",
        report(
            f"{FIGURES}/{{figure}}.csv",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}", "shown": "its data"},
        ),
    log:
        "logs/plot_figure/{figure}.log",
    benchmark:
        "logs/plot_figure/{figure}.tsv"
    wildcard_constraints:
        figure="|".join(map(re.escape, FIGURE_DATA)),
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        kind=lambda wildcards: FIGURE_DATA[wildcards.figure][0],
        stem=lambda wildcards, output: str(Path(output[0]).with_suffix("")),
        code=code("plot_figure.py"),
    message:
        "Drawing {wildcards.figure}"
    shell:
        "python {input.script} --figure {params.kind} --data {input.data:q} --stem {params.stem:q} > {log:q} 2>&1"


rule figures:
    """All figures of the study."""
    input:
        expand(
            f"{FIGURES}/{{figure}}{{suffix}}",
            figure=FIGURE_DATA,
            suffix=[".svg", ".png", ".csv"],
        ),
