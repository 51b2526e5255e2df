"""From a model and a corpus to a circuit: `snakemake --cores all` makes everything of a study (see README.md)."""

from snakemake.utils import min_version

min_version("9.19")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/study.smk"
include: "workflow/rules/corpora.smk"


if isinstance(STUDY, WeightSparseStudy):

    include: "workflow/rules/weight_sparse.smk"

else:

    if STUDY.vision_transformer:

        include: "workflow/rules/images.smk"

    else:

        include: "workflow/rules/sources.smk"
    include: "workflow/rules/activations.smk"
    include: "workflow/rules/saes.smk"
    include: "workflow/rules/tasks.smk"
    include: "workflow/rules/circuits.smk"

    if PATHS.counterfactuals:

        include: "workflow/rules/counterfactuals.smk"

    if STUDY.twin:

        include: "workflow/rules/pruning.smk"
    include: "workflow/rules/interpretations.smk"

    if STUDY.interpretations and not PATHS.feature_sites:

        include: "workflow/rules/channels.smk"

    if STUDY.corpus_entry.photographs:

        include: "workflow/rules/photographs.smk"
    include: "workflow/rules/transfer.smk"
    include: "workflow/rules/discovery.smk"
    include: "workflow/rules/graphs.smk"
    include: "workflow/rules/edits.smk"
    include: "workflow/rules/claims.smk"
    include: "workflow/rules/shift.smk"
    include: "workflow/rules/figures.smk"
    include: "workflow/rules/report.smk"


include: "workflow/rules/versioning.smk"


rule all:
    """Everything of the study."""
    default_target: True
    input:
        rules.report.input,


onsuccess:
    # A table of what was found, where there is a report; who asks for quiet has it from `sparse-circuits summary`.
    finished = Path(PATHS.report) / "summary.json"
    if finished.is_file() and not workflow.output_settings.quiet:
        from sparse_circuits.command import print_any_text
        from sparse_circuits.artefacts.study_summary import StudySummary
        from sparse_circuits.report.summary import format_summary

        print_any_text()
        print(
            format_summary(
                StudySummary.read(finished), f"{PATHS.report}/index.html"
            )
        )


onerror:
    # Under every --quiet, and where other jobs' lines have pushed it off the screen.
    from sparse_circuits.base.failures import why_failed

    for failed in sorted(workflow.scheduler.failed, key=str):
        print(why_failed(failed.name, failed.log), file=sys.stderr)
