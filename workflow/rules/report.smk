from types import SimpleNamespace

from sparse_circuits.report.contents import Contents, appearance, report_files

# What the study has for its page; a page that lists files by hash needs all of them.
SHOWN = {
    "circuits": CIRCUIT_FILES,
    "interpretations": [
        f"{INTERPRETATIONS}/{site}{suffix}"
        for suffix in INTERPRETATION_SUFFIXES
        for site in DESCRIBED_SITES
    ],
    "edits": [f"{EDITS}/{edit}/evaluation.json" for edit in STUDY.edits],
    "claims": [VERDICTS] if STUDY.claims else [],
    "graphs": GRAPH_FILES,
}
REPORT_FILES = report_files(
    Contents(
        circuits=tuple((task, basis) for task in STUDY.tasks for basis in BASES),
        saes=tuple(tuple(Path(folder).parts[-2:]) for folder in SAE_FOLDERS),
        figures=tuple(FIGURE_DATA),
        edits=bool(SHOWN["edits"]),
        claims=bool(SHOWN["claims"]),
        graphs=tuple(STUDY.graphs),
    )
)


rule write_report:
    """The study's pages and its main numbers."""
    input:
        **SHOWN,
        figures=rules.figures.input,
        script=program("write_report.py"),
        saes=SAE_EVALUATIONS,
        images=[CORPUS_FILE] if PICTURES else [],
        # What stands on the page, what it was made of, and what else the study makes.
        artefacts=sorted(
            {
                *MODEL_FILES,
                CORPUS_FILE,
                *(rules.write_manifest.output if SAE_FOLDERS else []),
                *([PATHS.accuracy] if STUDY.corpus_entry.photographs else []),
                *[f"{folder}/{name}" for folder in SAE_FOLDERS for name in SAE_FILES],
                *expand(
                    "results/tasks/{task}/{split}.jsonl",
                    task={**STUDY.tasks, **STUDY.behaviours},
                    split=["train", "test"],
                ),
                *[
                    file
                    for _, files in FIGURE_DATA.values()
                    for file in ([files] if isinstance(files, str) else files)
                ],
                *rules.circuits.input,
                *rules.edits.input,
                *[
                    file
                    for edit in STUDY.edits
                    for made in (selection_of, permanent_of)
                    for file in made(SimpleNamespace(edit=edit))
                ],
                *(
                    [
                        *rules.compare_frontier.input.losses,
                        *rules.compare_frontier.input.circuits,
                    ]
                    if STUDY.twin
                    else []
                ),
            }
        ),
    output:
        [f"{REPORT}/{name}" for name in REPORT_FILES],
    log:
        "logs/write_report/report.log",
    benchmark:
        "logs/write_report/report.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=10,
    params:
        study=STUDY.study,
        headline=STUDY.headline_task,
        figures=lambda wildcards, input: [
            file for file in input.figures if file.endswith(".png")
        ],
        others=lambda wildcards, input: [
            word
            for name in ("interpretations", "edits", "claims", "graphs")
            if input[name]
            for word in (f"--{name}", *input[name])
        ],
        # Of the inputs as they lie here, which is elsewhere where results go to storage.
        saes=lambda wildcards, input: ["--saes", *input.saes] if input.saes else [],
        images=lambda wildcards, input: (
            ["--images", *input.images] if input.images else []
        ),
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        command=" ".join(
            ["snakemake", *(["--configfile", OTHERS[-1]] if OTHERS else []), "--"]
        ),
        appearance=appearance(),
        code=code("write_report.py"),
    message:
        "Writing {output[0]}"
    shell:
        "python {input.script} --study {params.study:q} --headline-task {params.headline:q} {params.saes:q}"
        " --circuits {input.circuits:q} --figures {params.figures:q} {params.others:q} {params.images:q} --folder {params.folder:q}"
        " --command {params.command:q} --artefacts {input.saes:q} {input.circuits:q} {input.interpretations:q}"
        " {input.edits:q} {input.claims:q} {input.graphs:q} {input.figures:q} {input.artefacts:q} > {log:q} 2>&1"


rule report:
    """The study's page, and all that it shows."""
    input:
        rules.write_report.output,
        rules.circuits.input,
        rules.graphs.input,
        rules.saes.input,
