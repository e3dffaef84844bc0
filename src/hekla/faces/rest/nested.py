"""What a document says of the rows at the far end of a relation, read from JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from hekla.errors import LIMIT_EXCEEDED, VALIDATION_FAILED, Fault, Problem
from hekla.policy.access import Access
from hekla.query.mutation import Create, Existing, Nested, Row
from hekla.schema.names import nearest
from hekla.settings import Settings
from hekla.writing.rows import pointer
from hekla.writing.ties import Tie

if TYPE_CHECKING:
    from hekla.faces.rest.row_documents import Documents, RowDocuments

__all__ = ["Budget", "NestedReader"]

_LISTS: Final = ("create", "link", "unlink", "update", "delete", "set")
"""What can be done with rows of a relation to many."""
_ONES: Final = ("create", "link", "update")
"""The same of a relation to one."""


class Budget:
    """How many rows the documents of one request may speak of."""

    def __init__(self, settings: Settings) -> None:
        self.most = settings.max_bulk_rows
        self.deepest = settings.max_embed_depth
        self.spent = 0

    def spend(self, number: int, at: str) -> None:
        self.spent += number
        if self.spent > self.most:
            raise _over(f"One request may write {self.most} rows", "max_bulk_rows", at)

    def descend(self, depth: int, at: str) -> None:
        if depth > self.deepest:
            raise _over(f"Documents may nest {self.deepest} deep", "max_embed_depth", at)


def _over(limit: str, setting: str, at: str) -> Problem:
    message = f"{limit} (setting {setting})."
    return Problem(LIMIT_EXCEEDED, message, errors=[Fault(at, message)])


class NestedReader:
    """Reads what one document says of one relation; ``faults`` collects what is wrong with it."""

    def __init__(
        self, documents: Documents, access: Access, tie: Tie, budget: Budget, depth: int
    ) -> None:
        self.documents = documents
        self.access = access
        self.tie = tie
        self.budget = budget
        self.depth = depth
        self.faults: list[Fault] = []
        self._target = tie.target
        self._far: RowDocuments = documents.of(access, tie.target)
        known = access.columns(tie.target)
        # Rows whose key the actor may not know of cannot be named.
        self._key = tie.own_key if all(name in known for name in tie.target.key) else ()
        self._named = bool(tie.target.key) and (bool(self._key) or not tie.own_key)
        self._seen: set[str] = set()

    def read(self, name: str, value: Any, at: str) -> Nested:
        """The meaning of ``value``, which stands at ``at``."""
        self.budget.descend(self.depth, at)
        if self.tie.relation.many:
            return self._many(name, value, at)
        return self._one(name, value, at)

    def _one(self, name: str, value: Any, at: str) -> Nested:
        if value is None:
            return self._nested(name, at, (), exact=True)
        if type(value) is not dict or not self._is_control(value):
            return self._nested(name, at, self._rows([value], lambda _: at), exact=True)
        if len(value) != 1:
            self._fault(at, f"may hold only one of {_words(_ONES)}")
        if "create" in value:
            place = pointer(at, "create")
            rows = self._each([value["create"]], lambda _: place, self._create)
            return self._nested(name, at, rows, exact=True)
        if "link" in value:
            place = pointer(at, "link")
            rows = self._each([value["link"]], lambda _: place, self._existing)
            return self._nested(name, at, rows, exact=True)
        place = pointer(at, "update")
        change = self._each([value["update"]], lambda _: place, self._changed)
        return Nested(name, update=tuple(change), at=at)

    def _is_control(self, value: Mapping[str, Any]) -> bool:
        """Whether the object says what to do, and is not a row itself."""
        far = self._far
        return bool(value) and all(
            member in _ONES and member not in far.resource.columns and member not in far.ties
            for member in value
        )

    def _many(self, name: str, value: Any, at: str) -> Nested:
        if type(value) is list:
            return self._nested(name, at, self._rows(value, _places(at)), exact=True)
        if type(value) is not dict:
            self._fault(at, f"must be an array of rows, or an object with {_words(_LISTS)}")
            return Nested(name, at=at)
        lists: dict[str, list[Any]] = {}
        for member, items in value.items():
            if member not in _LISTS:
                hint = nearest(member, _LISTS) if len(member) < 20 else ""
                self._fault(pointer(at, member), f"is none of {_words(_LISTS)}{hint}")
            elif type(items) is not list:
                self._fault(pointer(at, member), "must be an array")
            else:
                lists[member] = items

        def each(member: str, read: Callable[[Any, str], Any]) -> list[Any]:
            return self._each(lists.get(member, ()), _places(pointer(at, member)), read)

        if not self._named and lists.keys() - {"create", "set"}:
            self._fault(at, f"rows of {self._target.name} cannot be named here")
            return Nested(name, at=at)
        rows = self._rows(lists.get("set", ()), _places(pointer(at, "set")))
        rows += each("link", self._existing)
        rows += each("create", self._create)
        return self._nested(
            name,
            at,
            rows,
            exact="set" in lists,
            update=tuple(each("update", self._existing)),
            unlink=tuple(each("unlink", self._only_key)),
            delete=tuple(each("delete", self._only_key)),
        )

    def _nested(
        self, name: str, at: str, rows: Iterable[Create | Existing], **other: Any
    ) -> Nested:
        rows = tuple(rows)
        through = self._through(rows) if self.tie.between is not None else ()
        return Nested(name, rows, through=through, at=at, **other)

    # Elements

    def _rows(self, items: Iterable[Any], place: Callable[[int], str]) -> list[Create | Existing]:
        return self._each(items, place, self._row)

    def _each(
        self, items: Iterable[Any], place: Callable[[int], str], read: Callable[[Any, str], Any]
    ) -> list[Any]:
        found = []
        for number, item in enumerate(items):
            at = place(number)
            self.budget.spend(1, at)
            try:
                one = read(item, at)
            except Problem as problem:
                if problem.code is not VALIDATION_FAILED:
                    raise
                self.faults += problem.errors
                if len(self.faults) > 100:
                    break
                continue
            if one is not None:
                found.append(one)
        return found

    def _row(self, item: Any, at: str) -> Create | Existing | None:
        """A row of an array: a new one, or one that exists."""
        if type(item) is not dict:
            return self._bare(item, at)
        if not self._named or not all(item.get(name) is not None for name in self._key):
            return self._create(item, at)
        if self.tie.depends:
            return self._dependent(item, at)
        return self._existing(item, at)

    def _create(self, item: Any, at: str) -> Create:
        return self._far.create_at(item, at, self.budget, self.depth, self.tie.given)

    def _existing(self, item: Any, at: str) -> Existing | None:
        """A row that exists, by its key, with the columns that are to be changed."""
        if type(item) is not dict:
            return self._bare(item, at)
        if not self._named:
            self._fault(at, f"rows of {self._target.name} cannot be named here")
            return None
        key = self._take_key(item, at)
        if key is None:
            return None
        rest = {name: value for name, value in item.items() if name not in key}
        if not rest:
            return Existing(key, at=at)
        return self._with(key, rest, at)

    def _changed(self, item: Any, at: str) -> Existing | None:
        """The change of the one row at the far end, whichever it is."""
        if type(item) is not dict:
            self._fault(at, "must be an object")
            return None
        return self._with({}, item, at)

    def _with(self, key: Row, rest: dict[str, Any], at: str) -> Existing:
        change = self._far.update(rest, None, at, self.budget, self.depth, self.tie.given)
        return Existing(key, change.row, change.nested, change.merge, change.version, at=at)

    def _dependent(self, item: dict[str, Any], at: str) -> Existing | None:
        """A row whose key is in part that of the near row: changed, or made if it is not there."""
        key = self._take_key(item, at)
        if key is None:
            return None
        otherwise: Create | Problem
        before = self.budget.spent
        try:
            otherwise = self._far.create_at(item, at, self.budget, self.depth, self.tie.given)
        except Problem as problem:
            if problem.code is not VALIDATION_FAILED:
                raise
            otherwise = problem
        # It is one row, be it changed or made.
        self.budget.spent = before
        rest = {name: value for name, value in item.items() if name not in key}
        if not rest:
            return Existing(key, otherwise=otherwise, at=at)
        change = self._far.update(rest, None, at, self.budget, self.depth, self.tie.given)
        return Existing(key, change.row, change.nested, change.merge, change.version, otherwise, at)

    def _only_key(self, item: Any, at: str) -> Existing | None:
        if type(item) is dict and self._named:
            strangers = [name for name in item if name not in self._key]
            for name in strangers[:10]:
                self._fault(pointer(at, name), "is no part of the key")
            if strangers:
                return None
        return self._existing(item, at)

    def _bare(self, item: Any, at: str) -> Existing | None:
        """The value of a key of one column."""
        if not self._named or len(self._key) != 1 or item is None or type(item) is list:
            alone = self._named and len(self._key) == 1
            self._fault(at, f"must be an object{' or a key' if alone else ''}")
            return None
        (name,) = self._key
        key = {name: self._accept(name, item, at)}
        return Existing(key, at=at) if self._is_new(key, at) else None

    def _take_key(self, item: Mapping[str, Any], at: str) -> Row | None:
        key = {}
        for name in self._key:
            place = pointer(at, name)
            if item.get(name) is None:
                self._fault(place, "is required, to tell which row it is")
                return None
            key[name] = self._accept(name, item[name], place)
        return key if self._is_new(key, at) else None

    def _accept(self, name: str, value: Any, at: str) -> Any:
        try:
            return self._target.columns[name].type.accept(value)
        except ValueError as error:
            raise Problem(VALIDATION_FAILED, errors=[Fault(at, str(error))]) from error

    def _is_new(self, key: Row, at: str) -> bool:
        """Whether no other element names the row: there would be two wishes for one row."""
        mark = repr(key)
        if mark in self._seen:
            self._fault(at, "is named twice")
            return False
        self._seen.add(mark)
        return True

    def _fault(self, at: str, message: str) -> None:
        self.faults.append(Fault(at, message))

    # A table in between that is a resource

    def _through(self, rows: tuple[Create | Existing, ...]) -> tuple[Row, ...]:
        """For each row what else is in the row that ties it; a fault if more has to be given."""
        between = self.tie.between
        assert between is not None
        reader = self.documents.of(self.access, between).parts
        found: list[Row] = []
        for row in rows:
            try:
                found.append(reader.create({}, row.at, given=self.tie.held))
            except Problem as problem:
                names = " and ".join(fault.location.rpartition("/")[2] for fault in problem.errors)
                self._fault(
                    row.at,
                    f"cannot be tied here: {between.name}, in between, needs {names}; "
                    f"write rows of {between.name} instead",
                )
                break
        return tuple(found)


def _places(at: str) -> Callable[[int], str]:
    return lambda number: f"{at}/{number}"


def _words(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}"
