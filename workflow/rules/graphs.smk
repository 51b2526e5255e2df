if STUDY.graphs:

    rule trace_prompt:
        """The attribution graph of one prompt's next token."""
        input:
            model=files(PATHS.model, WHOLE_MODEL),
            saes=lambda wildcards: PATHS.sae_files(STUDY.graphs[wildcards.graph].basis),
            script=program("trace_prompt"),
        output:
            graph=report(
                PATHS.graph("{graph}"),
                caption="../report/graph.rst",
                category="Attribution graphs",
                labels={"graph": "{graph}"},
            ),
        log:
            "logs/trace_prompt/{graph}.log",
        benchmark:
            "logs/trace_prompt/{graph}.tsv"
        conda:
            "../envs/environment.yaml"
        resources:
            mem_mb=memory(7000),
            runtime=60,
        params:
            **told("trace_prompt"),
        message:
            "Tracing the prompt {wildcards.graph}"
        shell:
            command("trace_prompt")


rule graphs:
    """The attribution graphs of all prompts."""
    input:
        PATHS.graphs,
