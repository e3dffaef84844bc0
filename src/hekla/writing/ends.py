"""The far ends of relations: how their rows are found, changed, tied and let go of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hekla.errors import FORBIDDEN, LIMIT_EXCEEDED, UNSUPPORTED, Fault, Problem
from hekla.query.ast import And, Compare
from hekla.query.mutation import Create, Existing, Nested, Row, Update
from hekla.query.shape import Which, which
from hekla.schema.resource import Resource
from hekla.store.constraints import ConstraintFailed
from hekla.writing.places import invalid, located, missing_row
from hekla.writing.refusals import explain
from hekla.writing.rows import pointer
from hekla.writing.ties import Tie

if TYPE_CHECKING:
    from hekla.writing.work import StoredKey, Work

__all__ = ["Between", "End", "Referring", "typed_values"]

# Types whose stored value is the value itself.
_PLAIN = ("integer", "text")


class End:
    """The far end of one relation of one row."""

    def __init__(
        self, work: Work, resource: Resource, tie: Tie, nested: Nested, key: StoredKey | None
    ) -> None:
        self.work = work
        self.resource = resource
        self.tie = tie
        self.target = tie.target
        self.nested = nested
        self.key = key

    def check_open(self, *, created: bool, at: str = "") -> None:
        """Refuse to set the columns that tie where the actor may not set them."""
        tie, place = self.tie, at or self.nested.at
        if tie.closed:
            message = f"{self.nested.relation} cannot be written here: {tie.closed}."
            raise Problem(FORBIDDEN, message, errors=[Fault(place, message)])
        if tie.once and not created:
            raise invalid(place, "can be given only when the row is created")

    def loose(self) -> tuple[str, ...]:
        """The columns to set to NULL so that the two rows are tied no more."""
        tie, relation = self.tie, self.nested.relation
        if tie.loose:
            return tie.loose
        names = " and ".join(tie.held)
        if tie.holder == "near":
            raise invalid(self.nested.at, f"must not be null: {names} cannot be")
        raise invalid(
            self.nested.at,
            f"rows of {relation} that are not named would be let go of, but their {names} cannot "
            f'be null: delete them instead, by {{"delete": [their keys]}}',
        )

    def convert(self, values: dict[str, Any], pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """Values of one side as the other side's columns take them."""
        holder = self.target if self.tie.holder == "far" else self.resource
        if self.tie.holder == "between" and self.tie.between is not None:
            holder = self.tie.between
        other = self.resource if pairs is self.tie.near else self.target
        for name, own in pairs:
            column, source = holder.column(name), other.column(own)
            value = values[name]
            if value is not None and type(column.type) is not type(source.type):
                try:
                    values[name] = column.type.parse(str(value))
                except ValueError:
                    message = f"{name} of {holder.name} cannot hold what it would refer to."
                    raise Problem(
                        UNSUPPORTED, message, errors=[Fault(self.nested.at, message)]
                    ) from None
        return values

    async def created(self, new: Create, values: Row) -> StoredKey:
        """The stored key of a new row at the far end, which has ``values`` as well."""
        row = {**new.row, **values}
        places = {pointer(new.at, name): new.at for name in values}
        with located(new.at, places):
            if self.target.validators and not new.nested:
                self.work.writer.check(self.target, row, new.at)
            create = Create(new.resource, row, new.nested, new.at)
            return (await self.work.create(self.target, create, None)).key

    async def change(self, key: StoredKey, existing: Existing, values: Row) -> StoredKey:
        """Change a row at the far end, if there is anything to change."""
        if not existing.changes and not values:
            return key
        row = {**existing.row, **values}
        places = {pointer(existing.at, name): existing.at for name in values}
        change = Update(
            self.target.name,
            None,
            row,
            existing.nested,
            existing.merge,
            existing.version,
            at=existing.at,
        )
        with located(existing.at, places):
            return (await self.work._update(self.target, change, None, key, None)).key

    async def sought(self, existing: Existing, values: Row | None = None) -> StoredKey | None:
        """The stored key of a row at the far end, if it may be seen.

        ``values`` complete the key of rows that have part of it from the near row.
        """
        key = {**(values or {}), **existing.key}
        named = {name: key[name] for name in self.target.key}
        with located(existing.at):
            return await self.work._seek(self.target, _equal(named))

    async def belonging(self, existing: Existing, values: Row | None = None) -> StoredKey:
        """The stored key of a row that is tied to the near row, and may be seen."""
        if self.key is not None:
            key = await self.sought(existing, values) if existing.key else await self.only()
            if key is not None and await self.is_tied(key, existing.at):
                return key
        raise missing_row(self.target, existing.at, f" that belongs to {self.nested.relation}")

    async def only(self) -> StoredKey | None:
        """The stored key of the row at the far end of a relation to one, if there is one."""
        found = await self.all_tied()
        return found[0] if found else None

    async def is_tied(self, key: StoredKey, at: str) -> bool:
        assert self.key is not None
        with located(at):
            plan = self.work.writer.tied(self.work.access, self.resource, self.tie, one=True)
            args = plan.bind((*self.key, *key), self.work.actor)
            return await self.work.tx.fetch(plan.sql, args) is not None

    async def all_tied(self) -> list[StoredKey]:
        """The stored keys of all rows that are tied to the near row, and may be seen."""
        assert self.key is not None
        at = self.nested.at
        if not self.target.key:
            message = f"Rows of {self.target.name} have no key to tell them apart by."
            raise Problem(UNSUPPORTED, message, errors=[Fault(at, message)])
        most = self.work.writer.settings.max_write_rows
        with located(at):
            plan = self.work.writer.tied(self.work.access, self.resource, self.tie, one=False)
            args = plan.bind((*self.key, most + 1), self.work.actor)
            found = await self.work.tx.fetch_all(plan.sql, args)
            if len(found) > most:
                raise Problem(
                    LIMIT_EXCEEDED,
                    f"More than {most} rows belong to {self.nested.relation} "
                    "(setting max_write_rows): write them by their own address.",
                )
        return [tuple(each) for each in found]

    async def sort(
        self, values: Row | None = None
    ) -> list[tuple[Create, None] | tuple[Existing, StoredKey]]:
        """The rows of the document; of those that have to be there, the stored keys."""
        found: list[tuple[Create, None] | tuple[Existing, StoredKey]] = []
        for each in self.nested.rows:
            if isinstance(each, Create):
                found.append((each, None))
                continue
            key = await self.sought(each, values)
            if key is not None:
                found.append((each, key))
            elif isinstance(each.otherwise, Create):
                found.append((each.otherwise, None))
            elif each.otherwise is not None:
                raise Problem(
                    each.otherwise.code, each.otherwise.detail, errors=each.otherwise.errors
                )
            else:
                raise missing_row(self.target, each.at)
        return found


class Referring(End):
    """Rows at the far end that hold the foreign key."""

    async def attach(self, *, fresh: bool) -> None:
        work, tie, nested = self.work, self.tie, self.nested
        assert self.key is not None
        known = await typed_values(work, self.resource, self.key, [near for _, near in tie.near])
        values = self.convert({far: known[near] for far, near in tie.near}, tie.near)
        for each in nested.delete:
            key = await self.belonging(each, values)
            with located(each.at):
                await work._delete(self.target, None, key, each.at)
        for each in nested.unlink:
            await self.let_go(await self.belonging(each, values), each.at)
        rows = await self.sort(values)
        tied: set[StoredKey] | None = None
        if nested.exact and not fresh:
            tied = set(await self.all_tied())
            for key in sorted(tied - {key for _, key in rows if key is not None}, key=repr):
                await self.let_go(key, nested.at)
        for each in nested.update:
            await self.change(await self.belonging(each, values), each, {})
        for row, found in rows:
            if isinstance(row, Create):
                self.check_open(created=True, at=row.at)
                await self.created(row, values)
                continue
            assert found is not None
            key = found
            if tied is not None:
                belongs = key in tied
            else:
                belongs = not fresh and await self.is_tied(key, row.at)
            if not belongs:
                self.check_open(created=False, at=row.at)
            await self.change(key, row, {} if belongs else values)

    async def let_go(self, key: StoredKey, at: str) -> None:
        loose = dict.fromkeys(self.loose())
        self.check_open(created=False, at=at)
        await self.change(key, Existing({}, at=at), loose)


class Between(End):
    """Rows at the far end that a row of a table in between ties to the near one."""

    async def attach(self, *, fresh: bool) -> None:
        nested = self.nested
        assert self.key is not None
        self._near = await typed_values(
            self.work, self.resource, self.key, [own for _, own in self.tie.near]
        )
        for each in nested.delete:
            key = await self.belonging(each)
            await self.untie(key, each.at)
            with located(each.at):
                await self.work._delete(self.target, None, key, each.at)
        for each in nested.unlink:
            await self.untie(await self.belonging(each), each.at)
        rows = await self.sort()
        if nested.exact and not fresh:
            named = {key for _, key in rows if key is not None}
            for key in await self.all_tied():
                if key not in named:
                    await self.untie(key, nested.at)
        for each in nested.update:
            await self.change(await self.belonging(each), each, {})
        for place, (row, found) in enumerate(rows):
            through = nested.through[place] if nested.through else {}
            if isinstance(row, Create):
                key = await self.created(row, {})
            else:
                assert found is not None
                key = await self.change(found, row, {})
            await self.tie_to(key, through, row.at)

    async def _ends(self, key: StoredKey) -> dict[str, Any]:
        """The values of the columns that tie the near row to the far row of ``key``."""
        tie = self.tie
        far = await typed_values(self.work, self.target, key, [own for _, own in tie.far])
        values = {name: self._near[own] for name, own in tie.near}
        values |= {name: far[own] for name, own in tie.far}
        if tie.between is None:
            return values
        return self.convert(self.convert(values, tie.near), tie.far)

    async def tie_to(self, key: StoredKey, through: Row, at: str) -> None:
        """Tie the two unless they are tied already."""
        work, tie = self.work, self.tie
        values = await self._ends(key)
        if tie.between is None:
            plan, fills = work.writer.tie(work.access, self.resource, tie)
            args = [*values.values(), *(fill() for fill in fills)]
            await self._execute(plan.sql, plan.bind(args, work.actor), at)
            return
        self.check_open(created=True, at=at)
        row = {**through, **values}
        places = {pointer(at, name): at for name in row}
        with located(at, places):
            seen = work.access.rows(tie.between) is not False
            if seen and await work._seek(tie.between, _equal(values)) is not None:
                return
            if tie.between.validators:
                work.writer.check(tie.between, row, at)
            await work.create(tie.between, Create(tie.between.name, row, (), at), None)

    async def untie(self, key: StoredKey, at: str) -> None:
        work, tie = self.work, self.tie
        values = await self._ends(key)
        if tie.between is None:
            plan = work.writer.untie(work.access, self.resource, tie)
            await self._execute(plan.sql, plan.bind(list(values.values()), work.actor), at)
            return
        self.check_open(created=True, at=at)
        where = _equal(values)
        with located(at):
            await work._delete(tie.between, where.pattern, where.values, at)

    async def _execute(self, sql: str, args: Sequence[Any], at: str) -> None:
        with located(at):
            try:
                await self.work.tx.fetch(sql, args)
            except ConstraintFailed as failure:
                work = self.work
                raise await explain(
                    failure, work.tx, self.resource, None, at, work.writer, work.access
                ) from failure


async def typed_values(
    work: Work, resource: Resource, key: StoredKey, names: Sequence[str]
) -> dict[str, Any]:
    """Typed values of some columns of the row of a stored key, whoever asks."""
    if all(name in resource.key and resource.columns[name].type.name in _PLAIN for name in names):
        stored = dict(zip(resource.key, key, strict=True))
        return {name: stored[name] for name in names}
    whole = await work.current(resource, key)
    return {name: whole[name] for name in names}


def _equal(values: Row) -> Which:
    parts = tuple(
        Compare(name, "isnull", True) if value is None else Compare(name, "exact", value)
        for name, value in values.items()
    )
    return which(parts[0] if len(parts) == 1 else And(parts))
