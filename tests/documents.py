"""Commands in the documentation."""

import re

PROGRAMS = ("make", "dvc", "python", "git", "gto", "rclone")


def commands(text: str) -> list[str]:
    """Return the commands of code blocks and inline code, split at `&&`, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    lines = [line for block in blocks for line in block.splitlines()] + inline
    parts = [part.strip() for line in lines for part in line.split("#")[0].split("&&")]
    return [part for part in parts if part.split(" ")[0] in PROGRAMS and " " in part]
