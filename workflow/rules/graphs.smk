GRAPHS = f"results/graphs/{STUDY.study}"
GRAPH_FILES = [f"{GRAPHS}/{name}/graph.json" for name in STUDY.graphs]


rule trace_prompt:
    """The attribution graph of one prompt's next token."""
    input:
        model=MODEL_FILES,
        saes=lambda wildcards: sae_files_of(STUDY.graphs[wildcards.graph].basis),
        script=program("trace_prompt.py"),
    output:
        graph=report(
            f"{GRAPHS}/{{graph}}/graph.json",
            caption="../report/graph.rst",
            category="Attribution graphs",
            labels={"graph": "{graph}"},
        ),
    log:
        "logs/trace_prompt/{graph}.log",
    benchmark:
        "logs/trace_prompt/{graph}.tsv"
    wildcard_constraints:
        graph="|".join(map(re.escape, STUDY.graphs)) or "$.",
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(7000),
        runtime=60,
    params:
        study=STUDY.study,
        model=model_folder,
        sites=lambda wildcards: list(
            STUDY.basis_sites(STUDY.graphs[wildcards.graph].basis)
        ),
        saes=saes_flag,
        prompt=lambda wildcards: STUDY.graphs[wildcards.graph].prompt,
        settings=lambda wildcards: STUDY.graphs[wildcards.graph].flags,
        code=code("trace_prompt.py"),
    message:
        "Tracing the prompt {wildcards.graph}"
    shell:
        "python {input.script} --study {params.study:q} --name {wildcards.graph:q} --prompt={params.prompt:q}"
        " --model {params.model:q} --sites {params.sites:q} {params.saes:q} {params.settings:q}"
        " --graph {output.graph:q} --threads {threads} > {log:q} 2>&1"


rule graphs:
    """The attribution graphs of all prompts."""
    input:
        GRAPH_FILES,
