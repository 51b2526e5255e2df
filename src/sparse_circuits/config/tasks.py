"""Tasks: behaviours whose circuits are found, as pairs of prompts or of images."""

from typing import Annotated, Literal

from pydantic import Field

from sparse_circuits.config.base import Positive, Settings


class AgreementTask(Settings):
    """Subject-verb agreement pairs made from the word lists of the library."""

    kind: Literal["agreement"]
    template: Literal["simple", "nounpp", "rc", "within_rc"]
    train: Positive = Field(100, description="pairs to find circuits on")
    test: Positive = Field(100, description="pairs to judge circuits on")


class FileTask(Settings):
    """Pairs that the user brings, as JSON lines (fields as in docs/reference/tasks.md)."""

    kind: Literal["file"]
    train: str = Field(description="path of the training pairs")
    test: str = Field(description="path of the test pairs")


class ClassesTask(Settings):
    """Pairs of images: one class against another, or against all the rest."""

    kind: Literal["classes"]
    of: str = Field(description="name of the class that is recognised")
    against: str | None = Field(None, description="name of the other class; all the rest when not given")
    train: Positive = Field(100, description="pairs of training images to find circuits on")
    test: Positive = Field(100, description="pairs of test images to judge circuits on")


class CueTask(Settings):
    """Pairs of an image with the spurious cue that the study's model was trained with, and without it."""

    kind: Literal["cue"]
    train: Positive = Field(100, description="pairs of training images to find circuits on")
    test: Positive = Field(100, description="pairs of test images to judge circuits on")


Task = Annotated[AgreementTask | FileTask | ClassesTask | CueTask, Field(discriminator="kind")]
