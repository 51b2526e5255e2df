"""Stop where the model cannot do what the study asks, or the activation cache takes more disk than there is."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from sparse_circuits.activations.plan import check_disk, gigabytes, plan_cache
from sparse_circuits.command import program
from sparse_circuits.config.base import validate
from sparse_circuits.config.fit import Needs, misfit
from sparse_circuits.config.site import Site
from sparse_circuits.errors import StudyError
from sparse_circuits.files import read_json, write_json
from sparse_circuits.models.load import site_widths


@dataclass(frozen=True)
class Arguments:
    model: Path
    """folder of the model; its weights are not needed"""
    sites: list[str]
    """sites to cache, such as resid_post.4"""
    rows: int
    """tokens to cache, separators left out"""
    plan: Path
    """JSON file to write, in the folder of the cache"""
    needs: str
    """what the study asks of the model, as JSON"""
    dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    """type to store activations in"""
    check_disk: bool = True
    """stop when the folder's disk has less room; not where results go to storage elsewhere"""


def main(args: Arguments) -> None:
    needs = validate(Needs, args.needs, "needs")
    if told := misfit(args.model.name, needs, read_json(args.model / "config.json")):
        raise StudyError(told)
    widths = site_widths(args.model, [Site.parse(site) for site in args.sites])
    plan = plan_cache(args.rows, {str(site): width for site, width in widths.items()}, args.dtype)
    print(f"The activations take {gigabytes(plan.bytes)} (rows: {plan.rows:,}, sites: {len(widths)})", flush=True)
    if args.check_disk:
        args.plan.parent.mkdir(parents=True, exist_ok=True)
        check_disk(plan, args.plan.parent)
    write_json(args.plan, asdict(plan))


if __name__ == "__main__":
    program(main, Arguments)
