"""dvc.lock as text: its entries, one per stage."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from stages.core.files import atomic_output

LOCK = Path("dvc.lock")
ENTRY = re.compile(r"^  (?=\S)", re.MULTILINE)  # the start of an entry: a key indented by two
HEAD = "schema: '2.0'\nstages:\n"


def read_lock(path: Path = LOCK) -> str:
    """Return the content of a dvc.lock; empty if there is none."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


def write_lock(content: str, path: Path = LOCK) -> None:
    """Write a dvc.lock, or remove it if it is empty."""
    if not content:
        path.unlink(missing_ok=True)
        return
    with atomic_output(path) as partial:
        partial.write_text(content, encoding="utf-8")


def split_lock(lock: str) -> tuple[str, dict[str, str]]:
    """Return what is before the entries of a dvc.lock, and the entries by stage.

    Args:
        lock: Content of dvc.lock, as DVC writes it; empty if there is none.
    """
    head, *entries = ENTRY.split(lock)
    return head, {name_of(entry): f"  {entry}" for entry in entries}


def name_of(entry: str) -> str:
    """Return the stage of an entry; a name that YAML would read otherwise is quoted."""
    return entry.partition(":\n")[0].strip("'\"")


def select_entries(lock: str, stages: Collection[str]) -> str:
    """Return a dvc.lock with the entries of some stages only; empty if they have none."""
    head, entries = split_lock(lock)
    return join(head, [entry for name, entry in entries.items() if name in stages])


def leave_out(lock: str, stage: str) -> str:
    """Return a dvc.lock without the entry of a stage.

    DVC restores the outputs of an entry, and runs the stage if they are not in the cache; without
    an entry, it restores those that a run with the same dependencies had.
    """
    head, entries = split_lock(lock)
    return join(head, [entry for name, entry in entries.items() if name != stage])


def replace_entry(lock: str, entry: str) -> str:
    """Return a dvc.lock with the new entry of a stage, where the old one was or at the end.

    Args:
        lock: Content of dvc.lock; empty if there is none.
        entry: New entry, indented by two.
    """
    head, entries = split_lock(lock)
    entries[name_of(entry.removeprefix("  "))] = entry
    return join(head or HEAD, list(entries.values()))


def sort_lock(lock: str, before: str) -> str:
    """Return a dvc.lock whose entries are where they were, as `dvc repro` leaves them.

    Args:
        lock: Content of dvc.lock.
        before: Content before stages ran; entries that it does not have come last.
    """
    head, entries = split_lock(lock)
    names = dict.fromkeys([*split_lock(before)[1], *entries])
    return join(head, [entries[name] for name in names if name in entries])


def join(head: str, entries: Sequence[str]) -> str:
    """Return a dvc.lock; an empty text without entries, since DVC refuses a file without them."""
    return head + "".join(entries) if entries else ""
