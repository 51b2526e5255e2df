"""The kinds of tasks and behaviours, each a module with settings and `make`."""

from typing import Annotated

from pydantic import Field

from sparse_circuits.tasks.agreement import Agreement
from sparse_circuits.tasks.attractors import Attractors
from sparse_circuits.tasks.classes import Classes
from sparse_circuits.tasks.cue import Cued
from sparse_circuits.tasks.file import FilePairs
from sparse_circuits.tasks.occupations import Occupations
from sparse_circuits.tasks.pronouns import Pronouns
from sparse_circuits.tasks.stated_gender import StatedGender

# Behaviours whose circuits are found, and those that edits change or keep.
Task = Annotated[Agreement | FilePairs | Classes | Cued, Field(discriminator="kind")]
Behaviour = Annotated[Pronouns | Occupations | StatedGender | Attractors, Field(discriminator="kind")]
