"""From a model and a corpus to a circuit: `snakemake --cores all` makes everything of a study (see README.md)."""

from snakemake.utils import min_version

min_version("9.19")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/sources.smk"
include: "workflow/rules/activations.smk"
include: "workflow/rules/saes.smk"
include: "workflow/rules/tasks.smk"
include: "workflow/rules/circuits.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/versioning.smk"


rule all:
    """Everything of the study."""
    default_target: True
    input:
        rules.report.input,
