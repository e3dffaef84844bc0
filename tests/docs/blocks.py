"""The fenced code blocks of a Markdown file, and the commands of a console block."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Block", "Command", "blocks_of", "commands_of", "matches"]

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)(?: +title=\"(?P<title>[^\"]+)\")?$")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the file it is said to be, and where it stands."""

    language: str
    title: str | None
    text: str
    line: int


@dataclass(frozen=True)
class Command:
    """What a reader types after ``$``, and what the document says will be answered."""

    text: str
    answer: str


def blocks_of(path: Path) -> list[Block]:
    """All fenced blocks of a file, in order."""
    found: list[Block] = []
    opening: re.Match[str] | None = None
    start, lines = 0, list[str]()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if opening is None:
            if line.lstrip().startswith("```"):
                opening = FENCE.match(line)
                assert opening, f"{path.name}:{number}: an opening fence that is not understood"
                start, lines = number, []
        elif line.strip() == "```":
            found.append(
                Block(opening["language"], opening["title"], "\n".join(lines) + "\n", start)
            )
            opening = None
        else:
            lines.append(line.removeprefix(opening["indent"]))
    assert opening is None, f"{path.name}:{start}: a block that is never closed"
    return found


def commands_of(text: str) -> list[Command]:
    """The commands of a console block. A line that ends in a backslash goes on in the next."""
    commands: list[Command] = []
    typed: list[str] = []
    answer: list[str] = []
    for line in text.splitlines():
        if typed and typed[-1].endswith("\\") and not answer:
            typed.append(line)
        elif line.startswith("$ "):
            if typed:
                commands.append(Command("\n".join(typed), "\n".join(answer)))
            typed, answer = [line[2:]], []
        else:
            assert typed, f"an answer without a command: {line!r}"
            answer.append(line)
    if typed:
        commands.append(Command("\n".join(typed), "\n".join(answer)))
    return commands


def matches(shown: str, given: str) -> bool:
    """Whether an answer is the one shown: ``…`` stands for anything, white space for none.

    So a document may break a long JSON line, and leave out what does not matter.
    """
    pattern = ".*?".join(re.escape("".join(part.split())) for part in shown.split("…"))
    return re.fullmatch(pattern, "".join(given.split()), re.DOTALL) is not None
