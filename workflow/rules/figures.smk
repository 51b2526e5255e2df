SAE_EVALUATIONS = expand(
    rules.evaluate_sae.output.evaluation, site=STUDY.sites, sae=STUDY.saes
)
TRAINING_LOGS = expand(
    f"results/saes/{STUDY.model}/{{site}}/{{sae}}/training.csv",
    site=STUDY.sites,
    sae=STUDY.saes,
)
EVALUATIONS = expand(
    rules.evaluate_circuit.output.evaluation, task=STUDY.tasks, basis=BASES
)
FIGURE_DATA = {
    "sae_quality": ("sae_quality", SAE_EVALUATIONS),
    "training": ("training", TRAINING_LOGS),
    "faithfulness": ("faithfulness", EVALUATIONS),
    **{
        f"circuit_{task}": (
            "circuit",
            expand(rules.find_circuit.output.circuit, task=task, basis="features"),
        )
        for task in STUDY.tasks
    },
}


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
        stem=lambda wildcards: f"{FIGURES}/{wildcards.figure}",
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
