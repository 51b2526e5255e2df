from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.activations.plan import check_disk, gigabytes, plan_cache
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import Folder, read_json
from sparse_circuits.config.fit import misfit
from sparse_circuits.config.plan_cache import PlanCache
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import site_widths


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model; its weights are not needed
    plan: Path  # JSON file to write, in the folder of the cache


def step(files: Files, settings: PlanCache) -> None:
    """Stop where the model cannot do what the study asks, or the activation cache takes more disk than there is."""
    if told := misfit(files.model.name, settings.needs, read_json(files.model / "config.json")):
        raise StudyError(told)
    widths = site_widths(files.model, [Site.parse(site) for site in settings.sites])
    plan = plan_cache(settings.rows, {str(site): width for site, width in widths.items()}, settings.dtype)
    print(f"The activations take {gigabytes(plan.bytes)} (rows: {plan.rows:,}, sites: {len(widths)})", flush=True)
    if settings.check_disk:
        files.plan.parent.mkdir(parents=True, exist_ok=True)
        check_disk(plan, files.plan.parent)
    plan.write(files.plan)
