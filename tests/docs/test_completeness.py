"""What a user can meet is documented, and what is documented exists."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

import hekla
import hekla.schema.types as types
from hekla.cli import commands
from hekla.doctor.finding import FINDINGS, LEVELS
from hekla.errors import CODES
from hekla.faces.rest.aggregates import AGGREGATE_PARAMETERS
from hekla.faces.rest.parse import LIST_PARAMETERS
from hekla.query.ast import LOOKUPS
from hekla.schema.names import RESERVED_PATHS
from hekla.settings import PREFIX, Settings
from tests.docs.reader import ROOT

DOCS = ROOT / "docs"


def read(name: str) -> str:
    return (DOCS / "reference" / name).read_text(encoding="utf-8")


def rows(text: str) -> dict[str, list[str]]:
    """The rows of all tables by their first cell, which holds a name in backticks."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and (name := re.fullmatch(r"`([^`]+)`", cells[0])):
            found[name[1]] = cells[1:]
    return found


def test_every_error_code_is_documented_with_its_status() -> None:
    """The table of errors holds exactly the codes that exist, each with its HTTP status."""
    documented = {name: cells[0] for name, cells in rows(read("errors.md")).items()}
    assert documented.pop("code") == "status"
    assert documented == {code.code: str(code.status) for code in CODES.values()}


def test_every_setting_is_documented_with_its_default() -> None:
    """The table of settings holds exactly the settings that exist, each with its default."""
    documented = {name: cells[0] for name, cells in rows(read("settings.md")).items()}
    assert documented == {each.name: default_of(each.default) for each in fields(Settings)}


def default_of(value: object) -> str:
    """A default as the table shows it."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return str(value) if value else "none"


def test_every_finding_is_documented_with_its_levels() -> None:
    """The table of findings holds exactly the codes that exist."""
    documented = {name: cells[0] for name, cells in rows(read("doctor.md")).items()}
    assert documented.pop("code") == "level"
    assert list(documented) == list(FINDINGS)
    assert all(level.startswith(LEVELS) for level in documented.values())


def test_environment_variables_have_the_documented_prefix() -> None:
    """The page of settings says how a variable of the environment is called."""
    assert f"`{PREFIX}MAX_PAGE_SIZE=200`" in read("settings.md")


def all_commands(
    command: click.Command = commands, path: tuple[str, ...] = ("hekla",)
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from all_commands(each, (*path, name))


@pytest.mark.parametrize(
    ("path", "command"),
    list(all_commands()),
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_every_command_and_option_is_documented(
    path: tuple[str, ...], command: click.Command
) -> None:
    """A command has a section of its own, which names each of its options."""
    sections = dict(
        re.findall(
            r"^## `([^`]+)`\n(.*?)(?=^## |\Z)", read("commands.md"), re.DOTALL | re.MULTILINE
        )
    )
    section = sections[" ".join(path)]
    options = {
        option
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option.startswith("--")
    }
    documented = set(re.findall(r"`(--[a-z-]+)", section))
    assert documented - {"--help"} == options


def test_every_command_shows_an_example() -> None:
    """The help of each command holds at least one line that can be typed."""
    for path, command in all_commands():
        assert re.search(r"^ *hekla ", command.help or "", re.MULTILINE), path


def test_every_type_is_documented_with_its_lookups_and_aggregates() -> None:
    """The page of types names each type, and gives it the lookups and aggregates it has."""
    text = read("types.md")
    documented = rows(text)
    kinds = [
        value
        for value in vars(types).values()
        # Opaque is what databases other than SQLite have in place of ``any``.
        if inspect.isclass(value)
        and issubclass(value, types.Type)
        and value not in (types.Type, types.Opaque)
    ]
    assert {kind.name for kind in kinds} <= documented.keys()
    for lookup in LOOKUPS:
        assert f"`{lookup}`" in text
    for title, attribute in (("Lookups", "lookups"), ("Aggregates", "aggregates")):
        section = text.split(f"## {title}\n")[1].split("\n## ")[0]
        for kind in kinds:
            assert documented_for(section, kind.name) == getattr(kind, attribute), (
                f"{title} of {kind.name}"
            )


def documented_for(section: str, name: str) -> set[str]:
    """What the rows of a table give a type: each row says for which, then what."""
    found: set[str] = set()
    for line in section.splitlines():
        cells = line.split("|")[1:-1]
        if len(cells) != 2:
            continue
        all_but = re.search(r"all but (.*)", cells[0])
        excluded = set(re.findall(r"`(\w+)`", all_but[1])) if all_but else set()
        included = set() if all_but else set(re.findall(r"`(\w+)`", cells[0]))
        if name in included or (all_but and name not in excluded):
            found |= set(re.findall(r"`(\w+)`", cells[1]))
    return found


def test_every_parameter_of_a_list_and_of_an_aggregate_is_documented() -> None:
    """The page of REST names each parameter that is not a filter."""
    text = read("rest.md")
    for name in (*LIST_PARAMETERS, *AGGREGATE_PARAMETERS):
        assert re.search(rf"`{name}\b", text), name


def test_reserved_paths_are_documented() -> None:
    """The page of names lists exactly the paths that no resource can have."""
    sentence = re.search(r"Those paths are (.*?)\.\n", read("naming.md"), re.DOTALL)
    assert sentence
    assert set(re.findall(r"`([^`]+)`", sentence[1])) == set(RESERVED_PATHS)


def test_layers_are_documented_as_they_are_checked() -> None:
    """The map of the code shows the layers that import-linter checks, in their order."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    # What stands in parentheses is not there yet.
    built = [re.sub(r"( \| )?\(\w+\)", "", layer) for layer in layers]
    shown = "\n".join(layer for layer in built if layer)
    text = (DOCS / "explanation" / "architecture.md").read_text(encoding="utf-8")
    assert f"```text\n{shown}\n```" in text


def test_every_public_name_is_documented() -> None:
    """The page of Python names everything that ``hekla`` exports, and every public method."""
    text = read("python.md")
    for name in hekla.__all__:
        assert re.search(rf"`(?:\w+\.)?{name}\b", text), name
    for name in vars(hekla.Hekla):
        if not name.startswith("_"):
            assert re.search(rf"`app\.{name}\b", text), f"app.{name}"


DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "changelog.d").glob("*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_inside_the_project_leads_somewhere(document: Path) -> None:
    """A link to a file finds the file, and one to a heading finds the heading."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), link
        if anchor:
            assert anchor in headings(target), link


def headings(document: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a Markdown file."""
    titles = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_document_is_listed() -> None:
    """The table of contents leads to every page of the documentation."""
    listed = set(re.findall(r"\]\(([^)#]+)\)", (DOCS / "README.md").read_text(encoding="utf-8")))
    there = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")} - {"README.md"}
    assert listed == there
