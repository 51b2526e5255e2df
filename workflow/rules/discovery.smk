rule discover_tokens:
    """Tokens that the model predicts well, each described by what every feature adds to its prediction."""
    input:
        model=files(PATHS.model, WHOLE_MODEL),
        saes=PATHS.discovery_saes,
        script=program("discover_tokens"),
        sequences=rules.tokenize_corpus.output.sequences,
    output:
        found=f"{PATHS.discovery}/tokens.h5",
    log:
        "logs/discover_tokens/tokens.log",
    benchmark:
        "logs/discover_tokens/tokens.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 2
    resources:
        mem_mb=memory(7000),
        runtime=120,
    params:
        **told("discover_tokens"),
    message:
        f"Describing {STUDY.discovery.tokens} tokens"
    shell:
        command("discover_tokens")


rule discover_circuits:
    """Clusters of those tokens, and a circuit for each, judged on held-out members."""
    input:
        model=files(PATHS.model, WHOLE_MODEL),
        saes=PATHS.discovery_saes,
        script=program("discover_circuits"),
        found=rules.discover_tokens.output.found,
    output:
        catalogue=f"{PATHS.discovery}/clusters.json",
        table=f"{PATHS.discovery}/clusters.csv",
    log:
        "logs/discover_circuits/clusters.log",
    benchmark:
        "logs/discover_circuits/clusters.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 2
    resources:
        mem_mb=memory(5000),
        runtime=120,
    params:
        **told("discover_circuits"),
    message:
        f"Finding circuits of {STUDY.discovery.clusters} clusters"
    shell:
        command("discover_circuits")


rule discover:
    """Circuits found without a task; no part of `all`."""
    input:
        rules.discover_circuits.output,
