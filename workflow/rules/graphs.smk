if STUDY.graphs:

    rule trace_prompt:
        """The attribution graph of one prompt's next token."""
        input:
            model=files(PATHS.model, WHOLE_MODEL),
            saes=lambda wildcards: PATHS.sae_files(STUDY.graphs[wildcards.graph].basis),
            script=program("trace_prompt"),
        output:
            graph=report(
                f"results/graphs/{STUDY.study}/{{graph}}/graph.json",
                caption="../report/graph.rst",
                category="Attribution graphs",
                labels={"graph": "{graph}"},
            ),
        log:
            "logs/trace_prompt/{graph}.log",
        benchmark:
            "logs/trace_prompt/{graph}.tsv"
        wildcard_constraints:
            graph="|".join(map(re.escape, STUDY.graphs)),
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(7000),
            runtime=60,
        params:
            model=folder_of("model"),
            saes=folders_of("saes"),
            settings=told("trace_prompt"),
            code=code("trace_prompt"),
        message:
            "Tracing the prompt {wildcards.graph}"
        shell:
            "python {input.script} --model {params.model:q} --saes {params.saes:q} {params.settings:q} --graph {output.graph:q}"
            " --threads {threads} > {log:q} 2>&1"


rule graphs:
    """The attribution graphs of all prompts."""
    input:
        PATHS.graphs,
