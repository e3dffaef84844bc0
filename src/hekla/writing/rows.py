"""Documents read as rows: every value checked, and every fault told at once with its place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, NoReturn

from hekla.errors import VALIDATION_FAILED, Fault, Problem
from hekla.fields import Invalid
from hekla.schema.check import Check
from hekla.schema.names import nearest
from hekla.schema.resource import Column, Resource
from hekla.schema.types import Dialect
from hekla.writing.form import Accept, Field, Form

__all__ = ["RowReader", "pointer", "tested"]

_MISSING: Final = object()
# A client can name as many fields as a body has room for; a hint takes time for each.
_MOST_UNKNOWN: Final = 100
_MOST_HINTS: Final = 10
_LONGEST_HINTED: Final = 64


class RowReader:
    """Reads documents, decoded from JSON, as rows of ``resource``.

    ``columns`` are those that the actor may write, ``readable`` the names of those it may know
    (all, if None): a closed column is refused in the same words as one that does not exist.
    ``relations`` names the relations that a document may speak of. A row is a dict of typed
    Python values by column name; what is no fault of the document is none here either, such
    as a required column that the actor may not write.

    The methods raise Problem ``validation_failed`` with every fault there is, one a column,
    located by JSON pointers (RFC 6901) that begin with ``at``.
    """

    def __init__(
        self,
        resource: Resource,
        columns: Mapping[str, Column],
        dialect: Dialect,
        *,
        readable: Collection[str] | None = None,
        relations: Collection[str] = (),
    ) -> None:
        self.resource = resource
        self.dialect = dialect
        self.relations = tuple(relations)
        self._columns = columns
        self._readable = resource.columns.keys() if readable is None else readable
        settable = [
            column
            for name, column in resource.columns.items()
            if name in columns and column.settable
        ]
        self.write_once = tuple(column.name for column in settable if column.write_once)
        """What may be given only by whoever creates the row, however that is done."""
        self._create = tuple(_field(column, column.type.accept) for column in settable)
        self._create_texts = tuple(_field(column, column.type.accept_text) for column in settable)
        once = set(self.write_once)
        self._update = tuple(field for field in self._create if field.name not in once)
        self._patch = tuple(_merging(field, columns[field.name]) for field in self._update)
        self._update_texts = tuple(field for field in self._create_texts if field.name not in once)
        filled = [column for column in settable if column.default is not None]
        self._constants = tuple(
            (column.name, column.default.constant)
            for column in filled
            if column.default is not None and column.default.constant is not None
        )
        constant = {name for name, _ in self._constants}
        self._computed = tuple(
            (column.name, column.default)
            for column in filled
            if column.default is not None and column.name not in constant
        )
        self._nulls = tuple(
            column.name for column in settable if column.nullable and not column.fills_itself
        )
        # What a row's own validators see of a column that nothing is known of yet.
        self._blank = dict.fromkeys(resource.columns)

    def create(self, document: Any, at: str = "", *, given: Collection[str] = ()) -> dict[str, Any]:
        """The new row that ``document`` writes: what it gives, and the model's own defaults.

        What is missing otherwise is left to the database, and the defaults of columns that
        the actor cannot set to whoever writes the row. ``given`` names columns whose value comes
        from elsewhere: from the address, or from the row that this one is written inside.
        """
        return self._whole(self._create, document, at, given, given)

    def replace(
        self, document: Any, at: str = "", *, given: Collection[str] = ()
    ) -> dict[str, Any]:
        """The same, and NULL for each column that may be NULL and is not given.

        What the database gives by itself is left out. So are ``write_once`` columns that are
        not given: it is not known here whether there is a row already, which keeps them.
        """
        kept = {*given, *self.write_once}
        row = self._whole(self._create, document, at, given, kept)
        for name in self._nulls:
            if name not in kept:
                row.setdefault(name, None)
        return row

    def update(self, document: Any, at: str = "", *, merges: bool = False) -> dict[str, Any]:
        """The columns that a merge patch (RFC 7396) changes, with their new values.

        A row's own validators are not asked, since the row is not known: see ``check``. Nor,
        with ``merges``, are those of a column of JSON about an object, which is a patch itself:
        see ``tested``.
        """
        fields = self._patch if merges else self._update
        row, faults = self._read(fields, document, at, (), whole=False)
        if faults:
            _refuse(faults)
        return row

    def create_json(self, body: bytes) -> dict[str, Any] | None:
        """What ``create`` makes of the document that ``body`` is the text of.

        None where anything is wrong with it: ``create`` says what.
        """
        row = self._new.read(body)
        return None if row is None else self._filled(row, "", ())

    def create_all_json(self, body: bytes) -> list[dict[str, Any]] | None:
        """The same of an array of documents; None also where the row's validators are asked."""
        rows = None if self.resource.validators else self._new.read_all(body)
        return None if rows is None else [self._filled(row, "", ()) for row in rows]

    def update_json(self, body: bytes) -> dict[str, Any] | None:
        """What ``update`` makes of the text of a document that ``merges``, or None, as above."""
        return self._changed.read(body)

    @cached_property
    def _new(self) -> Form:
        return Form(self._create, whole=True)

    @cached_property
    def _changed(self) -> Form:
        return Form(self._patch, whole=False)

    def create_nested(
        self, document: Any, at: str = "", *, given: Collection[str] = ()
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """As ``create``, and apart from the row what the document says of relations, raw."""
        rest, nested = self._split(document)
        return self.create(rest, at, given=given), nested

    def replace_nested(
        self, document: Any, at: str = "", *, given: Collection[str] = ()
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """As ``replace``, and apart from the row what the document says of relations, raw."""
        rest, nested = self._split(document)
        return self.replace(rest, at, given=given), nested

    def update_nested(self, document: Any, at: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
        """As ``update``, and apart from the row what the document says of relations, raw."""
        rest, nested = self._split(document)
        return self.update(rest, at, merges=True), nested

    def texts(
        self, record: Mapping[str, str | None], at: str = "", *, partial: bool = False
    ) -> dict[str, Any]:
        """The row that a record of texts writes, such as a line of a CSV file; None is NULL.

        It is read as ``create`` would, or with ``partial`` as ``update`` would.
        """
        if not partial:
            return self._whole(self._create_texts, record, at, (), ())
        row, faults = self._read(self._update_texts, record, at, (), whole=False)
        if faults:
            _refuse(faults)
        return row

    def strangers(self, names: Sequence[str]) -> list[Fault]:
        """A fault for each of these columns that no new row may be given."""
        return self._strangers(self._create, dict.fromkeys(names), "", ())

    def check(self, row: Mapping[str, Any], at: str = "") -> None:
        """Ask the resource's own validators about a whole row; Problem if one refuses it.

        ``create`` and ``replace`` do so; after ``update`` the row has to be put together with
        what is there. Columns that nothing is known of are None to the validators.
        """
        faults: list[Fault] = []
        for validate in self.resource.validators:
            try:
                validate({**self._blank, **row})
            except Invalid as invalid:
                faults.extend(
                    Fault(pointer(at, name), message) for name, message in invalid.faults.items()
                )
            except ValueError as error:
                faults.append(Fault(at, str(error)))
        if faults:
            _refuse(faults)

    # Steps

    def _whole(
        self,
        fields: Sequence[Field],
        document: Any,
        at: str,
        given: Collection[str],
        kept: Collection[str],
    ) -> dict[str, Any]:
        """The row, with the defaults of all columns that are not ``kept`` from them."""
        row, faults = self._read(fields, document, at, given, whole=True)
        if faults:
            _refuse(faults)
        return self._filled(row, at, kept)

    def _filled(self, row: dict[str, Any], at: str, kept: Collection[str]) -> dict[str, Any]:
        """``row`` with its defaults, once its own validators have agreed."""
        for name, constant in self._constants:
            if name not in row and name not in kept:
                row[name] = constant
        for name, default in self._computed:
            if name not in row and name not in kept:
                row[name] = default(row)
        if self.resource.validators:
            self.check(row, at)
        return row

    def _read(
        self,
        fields: Sequence[Field],
        document: Any,
        at: str,
        given: Collection[str],
        *,
        whole: bool,
    ) -> tuple[dict[str, Any], list[Fault]]:
        """The values of ``document`` and its faults; ``whole``: nothing may be missing."""
        faults: list[Fault] = []
        row: dict[str, Any] = {}
        if type(document) is not dict and not isinstance(document, Mapping):
            return row, [Fault(at, "must be an object")]
        found = 0
        get = document.get
        for name, accept, test, nullable, required, _ in fields:
            value = get(name, _MISSING)
            if value is _MISSING:
                if required and whole and name not in given:
                    faults.append(Fault(pointer(at, name), "is required"))
                continue
            found += 1
            if value is None:
                row[name] = None
                if not nullable:
                    faults.append(Fault(pointer(at, name), "must not be null"))
                continue
            try:
                value = accept(value)
                row[name] = value if test is None else test(value)
            except ValueError as error:
                faults.append(Fault(pointer(at, name), str(error)))
        if found != len(document) or given:
            faults.extend(self._strangers(fields, document, at, given))
        return row, faults

    def _strangers(
        self, fields: Sequence[Field], document: Mapping[Any, Any], at: str, given: Collection[str]
    ) -> list[Fault]:
        """A fault for each field of ``document`` that may not be in it."""
        known = {field.name for field in fields}.difference(given)
        unknown = [name for name in document if name not in known]
        faults = []
        hints = 0
        for name in unknown[:_MOST_UNKNOWN]:
            message = self._reason(name, given)
            if message is None:
                message = "there is no such field"
                if hints < _MOST_HINTS and len(name) <= _LONGEST_HINTED:
                    hints += 1
                    names = [each for each in known if each in self._readable]
                    message += nearest(name, sorted([*names, *self.relations]))
            faults.append(Fault(pointer(at, name), message))
        if len(unknown) > _MOST_UNKNOWN:
            more = len(unknown) - _MOST_UNKNOWN
            faults.append(Fault(at, f"has {more} more fields that it may not have"))
        return faults

    def _reason(self, name: str, given: Collection[str]) -> str | None:
        """Why a column that the actor may know cannot be given; None if there is none."""
        if name in self.relations:
            return "is a relation, which cannot be written here"
        column = self.resource.columns.get(name)
        if column is None or (name not in self._readable and name not in self._columns):
            return None
        if name in given:
            return "is set by where the row is written"
        if column.generated:
            return "is computed by the database"
        if column.read_only or column.stamp:
            return "is read-only"
        if not column.type.writable:
            return "cannot be written, its type is not known"
        if name not in self._columns:
            return "may not be written by you"
        return "may be given only when the row is created"

    def _split(self, document: Any) -> tuple[Any, dict[str, Any]]:
        """A document without its relations, and those."""
        if not isinstance(document, Mapping):
            return document, {}
        nested = {name: document[name] for name in self.relations if name in document}
        if not nested:
            return document, nested
        return {name: value for name, value in document.items() if name not in nested}, nested


def pointer(at: str, name: str) -> str:
    """The JSON pointer of the member ``name`` of what is at ``at`` (RFC 6901, section 3)."""
    return f"{at}/{name.replace('~', '~0').replace('/', '~1')}"


def tested(column: Column, value: Any) -> Any:
    """``value`` as the checks and validators of the column give it; raises ValueError."""
    test = None if value is None else _test(column)
    return value if test is None else test(value)


def _refuse(faults: Sequence[Fault]) -> NoReturn:
    first = faults[0]
    detail = f"{first.location or 'The document'}: {first.message}"
    if len(faults) > 1:
        detail += f" (and {len(faults) - 1} more)"
    if not detail.endswith("?"):
        detail += "."
    raise Problem(VALIDATION_FAILED, detail, errors=faults)


def _field(column: Column, accept: Accept) -> Field:
    exactly = column.type.exactly() if accept == column.type.accept else None
    return Field(column.name, accept, _test(column), column.nullable, column.required, exactly)


def _test(column: Column) -> Accept | None:
    """All that is asked of a value beyond its type, as one function; it gives the value."""
    checks, validators = column.checks, column.validators
    if not checks and not validators:
        return None
    if len(checks) == 1 and not validators:
        return _only(checks[0])

    def test(value: Any) -> Any:
        for check in checks:
            check(value)
        for validate in validators:
            value = validate(value)
        if value is None and not column.nullable:
            name = getattr(validators[-1], "__name__", validators[-1])
            raise TypeError(
                f"the validator {name} of {column.name} gave None, which the column does not take"
            )
        return value

    return test


def _merging(field: Field, column: Column) -> Field:
    """The field in a merge patch, where an object is no value yet if the column is of JSON."""
    test = field.test
    if test is None or column.type.name != "json":
        return field

    def test_value(value: Any) -> Any:
        return value if type(value) is dict else test(value)

    return field._replace(test=test_value)


def _only(check: Check) -> Accept:
    passes, message = check.test, check.message

    def test(value: Any) -> Any:
        if passes(value):
            return value
        raise ValueError(message)

    return test
