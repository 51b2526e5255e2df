rule plot_figure:
    """One figure as SVG and PNG, with the data behind it."""
    input:
        script=program("plot_figure"),
        data=lambda wildcards: FIGURES[wildcards.figure].data,
    output:
        svg=report(
            f"{PATHS.figures}/{{figure}}.svg",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}", "shown": "drawing"},
        ),
        png=f"{PATHS.figures}/{{figure}}.png",
        csv=report(
            f"{PATHS.figures}/{{figure}}.csv",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}", "shown": "its data"},
        ),
    log:
        "logs/plot_figure/{figure}.log",
    benchmark:
        "logs/plot_figure/{figure}.tsv"
    wildcard_constraints:
        figure="|".join(map(re.escape, FIGURES)),
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        **told("plot_figure"),
    message:
        "Drawing {wildcards.figure}"
    shell:
        command("plot_figure")


rule figures:
    """All figures of the study."""
    input:
        figure_files(PATHS, FIGURES),


# Times differ from run to run, so this figure is no part of a study; it is drawn anew when any job has run since.
BENCHMARKS = sorted(str(path) for path in Path("logs").glob("*/*.tsv"))


rule plot_runtime:
    """Time and memory of the jobs that have run in this folder, by rule."""
    input:
        script=program("plot_figure"),
    output:
        multiext(f"{PATHS.figures}/runtime", svg=".svg", png=".png", csv=".csv"),
    log:
        "logs/plot_runtime/runtime.log",
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        benchmarks=BENCHMARKS,
        newest=max((os.path.getmtime(path) for path in BENCHMARKS), default=0),
        code=fingerprint(script_of("plot_figure")),
    message:
        "Drawing time and memory by rule"
    shell:
        "python {input.script} --kind runtime --data {params.benchmarks:q} --svg {output.svg:q} > {log:q} 2>&1"


rule runtime:
    """How long every rule took, and how much memory; no part of `all`."""
    input:
        rules.plot_runtime.output,
