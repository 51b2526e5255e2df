DISCOVERY = f"results/discovery/{STUDY.study}"


# Features of early layers tell of single tokens of the input, so circuits of many contexts begin after them (Marks et
# al. 2024, section 4, who begin at a third of the layers).
DISCOVERY_SITES = [
    site
    for site in FEATURE_SITES
    if Site.parse(site).layer >= STUDY.discovery.begin * (STUDY.num_layers or 0)
] or FEATURE_SITES
DISCOVERY_SAE_FILES = sae_files_of("features", DISCOVERY_SITES)


rule discover_tokens:
    """Tokens that the model predicts well, each described by what every feature adds to its prediction."""
    input:
        model=MODEL_FILES,
        saes=DISCOVERY_SAE_FILES,
        script=program("discover_tokens.py"),
        sequences=rules.tokenize_corpus.output.sequences,
    output:
        found=f"{DISCOVERY}/tokens.h5",
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
        model=model_folder,
        sites=DISCOVERY_SITES,
        saes=saes_flag,
        tokens=STUDY.discovery.tokens,
        context=STUDY.discovery.context,
        max_loss=STUDY.discovery.max_loss,
        a_window=STUDY.discovery.a_window,
        kept=STUDY.discovery.kept,
        batch_tokens=STUDY.discovery.batch_tokens,
        seed=STUDY.seed,
        code=code("discover_tokens.py"),
    message:
        "Describing {params.tokens} tokens"
    shell:
        "python {input.script} --model {params.model:q} --sequences {input.sequences:q} --sites {params.sites:q}"
        " {params.saes:q} --tokens {params.tokens} --context {params.context} --max-loss {params.max_loss}"
        " --a-window {params.a_window} --kept {params.kept} --batch-tokens {params.batch_tokens} --seed {params.seed}"
        " --found {output.found:q} --threads {threads} > {log:q} 2>&1"


rule discover_circuits:
    """Clusters of those tokens, and a circuit for each, judged on held-out members."""
    input:
        model=MODEL_FILES,
        saes=DISCOVERY_SAE_FILES,
        script=program("discover_circuits.py"),
        found=rules.discover_tokens.output.found,
    output:
        catalogue=f"{DISCOVERY}/clusters.json",
        table=f"{DISCOVERY}/clusters.csv",
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
        study=STUDY.study,
        model=model_folder,
        sites=DISCOVERY_SITES,
        saes=saes_flag,
        clusters=STUDY.discovery.clusters,
        sizes=STUDY.discovery.sizes,
        members=STUDY.discovery.members,
        batch_tokens=STUDY.discovery.batch_tokens,
        seed=STUDY.seed,
        code=code("discover_circuits.py"),
    message:
        "Finding circuits of {params.clusters} clusters"
    shell:
        "python {input.script} --study {params.study:q} --model {params.model:q} --sites {params.sites:q}"
        " {params.saes:q} --found {input.found:q} --clusters {params.clusters} --sizes {params.sizes}"
        " --members {params.members} --batch-tokens {params.batch_tokens} --seed {params.seed}"
        " --catalogue {output.catalogue:q} --table {output.table:q} --threads {threads} > {log:q} 2>&1"


rule discover:
    """Circuits found without a task; no part of `all`."""
    input:
        rules.discover_circuits.output,
