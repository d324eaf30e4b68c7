"""Files on the Hugging Face hub: what is needed of one commit, kept in the hub's own cache."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from huggingface_hub import (
    constants,
    get_cached_repo_tree,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    CachedRepoTreeNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

_COMMIT = re.compile("[0-9a-f]{40}")

_MOST_FILES = 3
"""Missing files that a message names."""


@dataclass(frozen=True)
class Snapshot:
    """Files of a repository at one commit.

    Attributes:
        folder: where they lie; links in it lead to the cache's own blobs.
        commit: its hash, forty hexadecimal digits.
    """

    folder: Path
    commit: str


def may_be_hub_id(name: str) -> bool:
    """Whether a name has the form of a repository on the hub, owner/name."""
    return name.count("/") == 1 and not name.startswith((".", "/", "~"))


def fetch(what: str, name: str, patterns: Sequence[str], revision: str | None = None) -> Snapshot:
    """Fetch those files of a repository that match a pattern and are not in the cache yet.

    A commit that is in the cache needs no network; a branch or a tag, or none, stands for the
    commit it meant last where the hub cannot be reached (`HF_HUB_OFFLINE=1`, or no network).

    Args:
        what: is fetched, for messages: `model.base`.
        name: owner/name.
        patterns: of paths, as in `fnmatch`.
        revision: commit, tag or branch; the default branch if None.

    Raises:
        ValueError: there is no such repository or revision, its terms have not been accepted, or
            the hub cannot be reached and the cache lacks files.
    """
    if revision is not None and _COMMIT.fullmatch(revision):
        found = cached(name, patterns, revision)
        if found is not None:
            return found
    try:
        path = snapshot_download(name, revision=revision, allow_patterns=list(patterns))
    # Whatever stops a download is the network's or the hub's, of any of its libraries' own kinds.
    except Exception as error:
        raise ValueError(f"{what} {name!r}: {_reason(name, patterns, revision, error)}") from error
    return Snapshot(Path(path), Path(path).name)


def cached(name: str, patterns: Sequence[str], commit: str) -> Snapshot | None:
    """Files of a commit if all of them are in the cache: they never change, nobody is asked."""
    try:
        path = snapshot_download(
            name, revision=commit, allow_patterns=list(patterns), local_files_only=True
        )
    except LocalEntryNotFoundError:
        return None
    return Snapshot(Path(path), commit)


def listed(name: str, revision: str | None) -> frozenset[str] | None:
    """Paths of all files of a repository that has been fetched from; None where that is unknown."""
    try:
        return frozenset(file.path for file in get_cached_repo_tree(name, revision=revision))
    except CachedRepoTreeNotFoundError:
        return None


def _reason(name: str, patterns: Sequence[str], revision: str | None, error: Exception) -> str:
    """Why, and what mends it. No message of the hub's own goes in: it may quote a request."""
    page = f"{constants.ENDPOINT}/{name}"
    match error:
        case GatedRepoError():
            expected = "access, but its owner asks for consent first"
            remedy = (
                f"accept the terms at {page}, then log in with `hf auth login` or set HF_TOKEN to "
                "your own token"
            )
        case RepositoryNotFoundError():
            expected = f"a repository at {page}, found none"
            remedy = (
                "check the spelling, or, if it is private, log in with `hf auth login` or set "
                "HF_TOKEN to a token that may read it"
            )
        case RevisionNotFoundError():
            expected = f"a commit, tag or branch {revision!r}, found none"
            remedy = f"correct the revision (see {page}/tree/main), or leave it out"
        case LocalEntryNotFoundError():
            at = "" if revision is None else f" at revision {revision!r}"
            missing = _missing(name, patterns, revision)
            expected = f"it in the cache{at}, as {_unreachable(error)}, found {missing}"
            remedy = (
                "run once with the network there, copy the cache of a machine that has it, or "
                "name a local folder"
            )
        case HfHubHTTPError():
            status = error.response.status_code
            expected = f"{constants.ENDPOINT} to answer, got status {status}"
            remedy = "check your token and access (`hf auth whoami`), or try again later"
        case HFValidationError():
            expected = "owner/name in letters, digits, '-', '_' and '.'"
            remedy = "check the spelling"
        case _:
            expected = f"to fetch it from {constants.ENDPOINT}, got {type(error).__name__}"
            remedy = (
                "check the network and its proxy, and the space on the disk of the cache "
                f"{constants.HF_HUB_CACHE}"
            )
    return f"expected {expected}; {remedy}"


def _unreachable(error: LocalEntryNotFoundError) -> str:
    cause = error.__cause__
    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE forbids to ask the hub"
    if isinstance(cause, HfHubHTTPError):
        return f"{constants.ENDPOINT} answers with status {cause.response.status_code}"
    return f"{constants.ENDPOINT} cannot be reached"


def _missing(name: str, patterns: Sequence[str], revision: str | None) -> str:
    """What the cache lacks, as far as it knows what there should be."""
    known = sorted(listed(name, revision) or ())
    lacking = [
        path
        for path in known
        if any(fnmatchcase(path, pattern) for pattern in patterns)
        and not isinstance(try_to_load_from_cache(name, path, revision=revision), str)
    ]
    if not lacking:
        return "nothing of it"
    more = f" and {len(lacking) - _MOST_FILES} more" if len(lacking) > _MOST_FILES else ""
    return f"all but {', '.join(lacking[:_MOST_FILES])}{more}"
