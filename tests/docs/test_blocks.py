"""README and docs are run: each block in order, as a reader would."""

from __future__ import annotations

import ast
import json
import shutil
import tomllib
from pathlib import Path

import pytest

from tests.docs.blocks import blocks_of, commands_of, matches
from tests.docs.reader import ROOT, Reader

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "README.zh.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
LANGUAGES = {"console", "python", "json", "sql", "text", "toml", "ini", "nginx", "dockerfile"}


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """A reader in an empty folder. Its commands need curl."""
    assert shutil.which("curl"), "the commands of the documents need curl; install it"
    return Reader(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)).replace("/", "-")
)
def test_document_does_what_it_says(document: Path, reader: Reader) -> None:
    """Every command of a document answers what the document shows, and its code runs."""
    try:
        for block in blocks_of(document):
            assert block.language in LANGUAGES, f"line {block.line}: language {block.language!r}"
            if block.language == "json":
                json.loads(block.text)
            elif block.language == "toml":
                tomllib.loads(block.text)
            elif block.language == "python":
                ast.parse(block.text)
            reader.follow(block)
    finally:
        reader.close()


def test_readme_in_chinese_shows_the_same_code() -> None:
    """Both READMEs hold the same blocks in the same order; only the prose differs."""
    english, chinese = (
        [(block.language, block.title, block.text) for block in blocks_of(ROOT / name)]
        for name in ("README.md", "README.zh.md")
    )
    assert english == chinese


def test_answers_are_compared_without_white_space() -> None:
    """A shown answer may be broken into lines and shortened, and nothing else."""
    assert matches('[\n  {"id": 1, …}\n]', '[{"id":1,"title":"x"}]')
    assert not matches('[{"id": 1}]', '[{"id": 2}]')
    assert not matches('[{"id": 1}', '[{"id": 1}]')
    assert not matches("", "an answer that is not shown")


def test_console_block_is_split_into_commands() -> None:
    """A backslash joins lines; what follows a command up to the next is its answer."""
    (first, second) = commands_of("$ curl -s \\\n    /tasks\n[]\n\n$ true\n")
    assert first.text == "curl -s \\\n    /tasks"
    assert first.answer == "[]\n"
    assert (second.text, second.answer) == ("true", "")
