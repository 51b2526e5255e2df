"""Make an edit permanent: write a model whose weights do what the edit's hooks do."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.edit.added_layer import with_added_layers
from sparse_circuits.edit.build import build, rewritings
from sparse_circuits.edit.distilled import distil
from sparse_circuits.edit.setup import Editing, WholeEdit, read_selection
from sparse_circuits.models.save import save_edited


@dataclass(frozen=True)
class Arguments(WholeEdit):
    folder: Path
    """folder of the model to write"""
    name: str
    """its name"""
    selection: Path | None = None
    """the features that were selected"""
    seed: int = 0
    """of distillation"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    editing = Editing.of(args, choose_device(args.compute.device))
    settings, language = editing.settings, editing.language
    selected = read_selection(args.selection)
    pairs = [editing.groups(name, "train") for name in settings.needs]
    prompts = [tokens for groups in pairs for _, batch in groups for tokens in (batch.clean, batch.patch)]
    text = [*editing.text("train", settings.fit_sequences), *prompts]
    added_after: list[int] = []
    if settings.permanent == "added_layer":
        rewritten = rewritings(settings, selected)
        model = with_added_layers(language, editing.basis, rewritten, text)
        added_after = sorted({node.site.layer for node in rewritten})
    else:
        intervention = build(settings, editing.materials(args, selected))
        model = distil(language, intervention, text, settings.distillation, args.seed)
    save_edited(model, args.model, args.folder, args.name, added_after)
    print(f"{args.name}: {model.config.num_hidden_layers} layers")


if __name__ == "__main__":
    program(main, Arguments)
