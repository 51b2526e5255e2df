"""Bringing results home from the bucket that a run without a shared disk left them in."""

import os
from pathlib import Path

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import publishing
from sparse_circuits.versions.restore import touch

FOLDERS = ("results/", "logs/")


def collect(bucket: str, endpoint: str | None = None, study: Path | None = None) -> int:
    """Download what a finished run wrote under s3://bucket[/prefix] and have Snakemake take it as made.

    Files that are here with the same size, and no older, are left alone. Credentials are those of the environment, as
    boto3 reads them. Returns the number of files downloaded; raises StudyError when the bucket does not answer or holds
    no results.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    name, _, prefix = bucket.removeprefix("s3://").partition("/")
    prefix = f"{prefix.rstrip('/')}/" if prefix else ""
    client = boto3.client("s3", endpoint_url=endpoint)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix=prefix)
    found = fetched = 0
    try:
        for entry in (entry for page in pages for entry in page.get("Contents", ())):
            path = Path(entry["Key"].removeprefix(prefix))
            if not path.as_posix().startswith(FOLDERS) or ".." in path.parts:
                continue
            found += 1
            written = entry["LastModified"].timestamp()
            if path.exists() and path.stat().st_size == entry["Size"] and path.stat().st_mtime >= written:
                continue
            with publishing(path) as temporary:
                client.download_file(name, entry["Key"], str(temporary))
                os.utime(temporary, (written, written))
            fetched += 1
    except (BotoCoreError, ClientError) as error:
        raise StudyError(f"{bucket}: {error}") from None
    if not found:
        raise StudyError(f"{bucket}: nothing under results/; the run must have ended before its results are collected")
    touch("all", study)
    return fetched
