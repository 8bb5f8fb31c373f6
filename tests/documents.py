"""Commands in the documentation."""

import re

PROGRAMS = ("make", "dvc", "python", "git", "gto", "rclone")


def blocks(text: str) -> list[str]:
    """Return the commands of code blocks, split at `&&`, without comments."""
    found = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return split([line for block in found for line in block.splitlines()])


def mentions(text: str) -> list[str]:
    """Return the commands of inline code."""
    return split(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))


def commands(text: str) -> list[str]:
    """Return all commands."""
    return blocks(text) + mentions(text)


def split(lines: list[str]) -> list[str]:
    parts = [part.strip() for line in lines for part in line.split("#")[0].split("&&")]
    return [part for part in parts if part.split(" ")[0] in PROGRAMS and " " in part]
