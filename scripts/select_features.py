"""Choose the features that an edit rewrites, and write down why each was taken or refused."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.edits import Select
from sparse_circuits.edit.judging import ConceptJudge
from sparse_circuits.edit.promoting import promoting
from sparse_circuits.edit.select import Stakes, select
from sparse_circuits.edit.setup import Editing, Sources
from sparse_circuits.endpoint import Endpoint
from sparse_circuits.files import write_json


@dataclass(frozen=True)
class Arguments(Sources):
    selection: Path
    """JSON file to write"""
    remembered: Path | None = None
    """JSON-lines file where a judge's answers are kept, so that none is asked for twice"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    editing = Editing.of(args, choose_device(args.compute.device))
    settings = editing.settings
    (asked,) = (operation for operation in settings.operations if isinstance(operation, Select))
    keep = {name: editing.groups(name, "train") for names in settings.keep.values() for name in names}
    stakes = Stakes(editing.groups(settings.goal, "train"), keep, editing.text("train", asked.text))
    allowed = promoting(editing.language, editing.tokenizer, editing.basis, asked.keywords) if asked.keywords else None
    chosen, trials = select(
        editing.language, editing.basis, stakes, asked, allowed, _judge(editing, stakes, asked, args.remembered)
    )
    nodes = [{"node": node.id, **vars(rewriting)} for node, rewriting in chosen.items()]
    write_json(
        args.selection, {"goal": settings.goal, "settings": asked.model_dump(), "nodes": nodes, "trials": trials}
    )
    print(f"{len(nodes)} features: {', '.join(node['node'] for node in nodes) or 'none helps within the limits'}")


def _judge(editing: Editing, stakes: Stakes, asked: Select, remembered: Path | None) -> ConceptJudge | None:
    if asked.judge is None:
        return None
    assert asked.about is not None
    assert remembered is not None
    who = asked.judge
    endpoint = Endpoint(who.base_url, who.model, remembered, who.key_variable, who.timeout, who.tries)
    text = [*stakes.text, *(tokens for _, batch in stakes.goal for tokens in (batch.clean, batch.patch))]
    return ConceptJudge(endpoint, asked.about, editing.language, editing.tokenizer, editing.basis, text)


if __name__ == "__main__":
    program(main, Arguments)
