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


# Times differ from run to run, so this figure is no part of a study; it is drawn anew when any job has run since.
BENCHMARKS = sorted(str(path) for path in Path("logs").glob("*/*.tsv"))


rule plot_runtime:
    """Time and memory of the jobs that have run in this folder, by rule."""
    input:
        script=program("plot_figure.py"),
    output:
        multiext(f"{FIGURES}/runtime", ".svg", ".png", ".csv"),
    log:
        "logs/plot_runtime/runtime.log",
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        benchmarks=BENCHMARKS,
        newest=max((os.path.getmtime(path) for path in BENCHMARKS), default=0),
        stem=lambda wildcards, output: str(Path(output[0]).with_suffix("")),
        code=code("plot_figure.py"),
    message:
        "Drawing time and memory by rule"
    shell:
        "python {input.script} --figure runtime --data {params.benchmarks:q} --stem {params.stem:q} > {log:q} 2>&1"


rule runtime:
    """How long every rule took, and how much memory; no part of `all`."""
    input:
        rules.plot_runtime.output,
