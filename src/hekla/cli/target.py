"""What a command works on: an application in Python, or a database that exists."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from hekla.errors import OperatorError

if TYPE_CHECKING:
    from hekla.app import Hekla
    from hekla.settings import Settings
    from hekla.store.location import Location
    from hekla.store.open import DatabaseLocation

__all__ = ["AppTarget", "DatabaseTarget", "Target", "find"]

DATABASE_SUFFIXES = (".db", ".db3", ".sqlite", ".sqlite3")
DATABASE_VARIABLE = "HEKLA_DATABASE_URL"


@dataclass(frozen=True, slots=True)
class AppTarget:
    """A Hekla app in a module: ``folder`` is where the import begins.

    Nothing is imported before ``load``, so any process can be given the value and load it.
    """

    label: str
    module: str
    folder: Path
    file: Path | None = None
    attribute: str | None = None

    def load(self) -> Hekla:
        """Import the module and return its app. Raises OperatorError, in one line."""
        from hekla.app import Hekla

        module = self._import()
        apps = {name: value for name, value in vars(module).items() if isinstance(value, Hekla)}
        if self.attribute is not None:
            found = _dotted(module, self.attribute)
            if isinstance(found, Hekla):
                return found
            what = "there is no such name" if found is None else f"it is a {type(found).__name__}"
            raise OperatorError(
                f"{self.label}: {self.attribute!r} is not a Hekla app, {what}"
                + (f"; try {' or '.join(apps)}" if apps else "")
            )
        if "app" in apps:
            return apps["app"]
        distinct = list({id(app): app for app in apps.values()}.values())
        if len(distinct) == 1:
            return distinct[0]
        if apps:
            names = ", ".join(f"{self.label}:{name}" for name in apps)
            raise OperatorError(f"{self.label} holds several apps; name one of {names}")
        raise OperatorError(
            f"{self.label} holds no Hekla app; a line such as "
            'app = Hekla("sqlite:///app.db") makes one'
        )

    def locate(self) -> tuple[Location, Settings]:
        """Where the app's SQLite database is, and its settings. Raises OperatorError."""
        app = self.load()
        return _embedded(app.location), app.settings

    def _import(self) -> ModuleType:
        if str(self.folder) not in sys.path:
            sys.path.insert(0, str(self.folder))
        try:
            module = self._import_by_name() if self._importable else self._import_by_path()
        except OperatorError:
            raise
        except ModuleNotFoundError as exc:
            if exc.name and f"{self.module}.".startswith(f"{exc.name}."):
                raise OperatorError(
                    f"there is no module {exc.name!r} here or among what is installed"
                ) from exc
            raise OperatorError(self._place(exc)) from exc
        except Exception as exc:
            raise OperatorError(self._place(exc)) from exc
        return module

    @property
    def _importable(self) -> bool:
        return all(part.isidentifier() for part in self.module.split("."))

    def _import_by_name(self) -> ModuleType:
        module = importlib.import_module(self.module)
        if self.file and (not module.__file__ or not os.path.samefile(module.__file__, self.file)):
            raise OperatorError(
                f"{self.label}: another module is called {self.module!r} too; rename the file"
            )
        return module

    def _import_by_path(self) -> ModuleType:
        """For a file whose name cannot stand in an import, such as ``my-app.py``."""
        spec = importlib.util.spec_from_file_location(self.module, str(self.file))
        if spec is None or spec.loader is None:
            raise OperatorError(f"{self.label} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[self.module] = module
        spec.loader.exec_module(module)
        return module

    def _place(self, exc: Exception) -> str:
        """The last line of the user's own code that the error came through, and the error."""
        text = " ".join(str(exc).split()) or "no further words"
        frames = traceback.extract_tb(exc.__traceback__)
        own = [
            frame
            for frame in frames
            if Path(frame.filename).is_relative_to(self.folder)
            and "site-packages" not in Path(frame.filename).parts
        ]
        place = f"{_shown(Path(own[-1].filename))}:{own[-1].lineno}" if own else self.label
        return f"{place}: {type(exc).__name__}: {text} (hekla --traceback … shows more)"


@dataclass(frozen=True, slots=True)
class DatabaseTarget:
    """A database that exists: all its tables and views, to be read and never written."""

    label: str
    url: str

    def load(self) -> Hekla:
        """Make an app that serves every table to everyone. Raises OperatorError."""
        from hekla.app import Hekla
        from hekla.policy.rules import everyone

        app = Hekla(self.url)
        app.reflect(read=everyone)
        return app

    def locate(self) -> tuple[Location, Settings]:
        """Where the SQLite database is, and the settings of the environment.

        Raises OperatorError.
        """
        from hekla.settings import Settings
        from hekla.store.open import locate

        return _embedded(locate(self.url)), Settings.from_environment()


Target = AppTarget | DatabaseTarget


def _embedded(location: DatabaseLocation) -> Location:
    from hekla.store.location import Location

    if not isinstance(location, Location):
        raise OperatorError(
            f"{location}: this command is for SQLite files; a database server has its own tools"
        )
    return location


def find(text: str | None) -> Target:
    """Tell what ``text`` means: ``module:attribute``, ``path/to/app.py``, a URL or a file.

    Without it: ``app.py`` or ``main.py`` here, or what HEKLA_DATABASE_URL names.
    Raises OperatorError when there is nothing of the kind.
    """
    if text is None:
        return _default()
    if "://" in text:
        return _database(text)
    if text.lower().endswith(DATABASE_SUFFIXES):
        return _database_file(Path(text))
    path, _, attribute = text.partition(":")
    if path.endswith(".py"):
        return _file(Path(path), attribute)
    if os.path.isfile(text):
        return _database_file(Path(text))
    if os.path.isdir(text):
        raise OperatorError(f"{text} is a folder; name the file in it, such as {text}/app.py")
    if "/" in text or os.sep in text:
        raise OperatorError(f"{text}: there is no such file")
    return AppTarget(text, path, Path.cwd(), attribute=attribute or None)


def _default() -> Target:
    for name in ("app.py", "main.py"):
        path = Path(name)
        if path.is_file() and _imports_hekla(path):
            return _file(path, "")
    if url := os.environ.get(DATABASE_VARIABLE):
        return _database(url)
    raise OperatorError(
        "there is nothing to serve here: no app.py or main.py with a Hekla app, and no "
        f"{DATABASE_VARIABLE}; name an app, a database URL or a file, as in hekla serve shop.sqlite"
    )


def _imports_hekla(path: Path) -> bool:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return True  # importing it will say where the error is
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "hekla":
            return True
        if isinstance(node, ast.Import) and any(
            alias.name.split(".")[0] == "hekla" for alias in node.names
        ):
            return True
    return False


def _file(path: Path, attribute: str) -> AppTarget:
    if not path.is_file():
        raise OperatorError(f"{path}: there is no such file")
    file = path.resolve()
    folder, names = file.parent, [file.stem]
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    return AppTarget(str(path), ".".join(names), folder, file, attribute or None)


def _database_file(path: Path) -> DatabaseTarget:
    if not path.exists():
        raise OperatorError(f"{path}: there is no such file")
    from sqlalchemy.engine import URL

    url = URL.create("sqlite", database=str(path), query={"mode": "ro"})
    return DatabaseTarget(str(path), url.render_as_string())


def _database(url: str) -> DatabaseTarget:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    from hekla.store.server_location import ServerLocation, is_server

    if is_server(url):
        return DatabaseTarget(str(ServerLocation.parse(url)), url)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise OperatorError(
            f"{url!r} is not a database URL; one looks like sqlite:///shop.db"
        ) from None
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database not in (None, ":memory:")
    if is_file and not {"mode", "immutable"} & parsed.query.keys():
        parsed = parsed.update_query_dict({"mode": "ro"})
    label = parsed.database or "a database in memory" if parsed.host is None else str(parsed)
    return DatabaseTarget(label, parsed.render_as_string(hide_password=False))


def _dotted(module: ModuleType, attribute: str) -> Any:
    value: Any = module
    for part in attribute.split("."):
        value = getattr(value, part, None)
    return value


def _shown(path: Path) -> str:
    """The path as seen from here, where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
