"""Relations that follow from foreign keys, and the names of all relations.

The rules, in the order in which names are given:

1. A model's ``relationship()`` keeps its name.
2. To one, from a foreign key: the column without its word for a key (``owner_id`` -> ``owner``,
   ``AlbumId`` -> ``Album``); ``ReportsTo`` has none: ``ReportsTo_Employee``, with the target
   in the singular. Of a composite key, columns called the same on both sides do not count; if
   one is left it names the relation as above, else the target does.
3. Back from a foreign key: the other resource's name (``comments``, ``Track``), in the singular
   where at most one row can be there; with several foreign keys between the two, and for a
   self-reference, ``tasks_by_owner``; the way back of ``parent`` is ``children``.
4. Many to many: the far resource's name; between a resource and itself the table in between
   and the far column, ``follows_followed``.

A name that a column or an earlier relation has, or that two relations of the same step want,
is given to neither: they go on to a longer one, and a warning says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from hekla.errors import OperatorError
from hekla.schema.draft import Draft, DraftKey, link
from hekla.schema.names import child_name, nearest, relation_name, singular, stem
from hekla.schema.resource import Link, Relation

__all__ = ["relate"]


@dataclass(frozen=True, slots=True, eq=False)
class _Proposal:
    """A relation that follows from foreign keys; ``names`` it would take, the best first."""

    names: tuple[str, ...]
    target: Draft
    many: bool
    links: tuple[Link, ...]
    reason: str


def relate(drafts: Sequence[Draft], warnings: list[str]) -> list[Mapping[str, Relation]]:
    """The relations of each of ``drafts``, by name; their own names must be final.

    Raises OperatorError where a draft's ``renames`` speak of relations that are not there.
    """
    toward: dict[Draft, list[tuple[Draft, DraftKey]]] = {draft: [] for draft in drafts}
    for draft in drafts:
        for key in draft.foreign_keys:
            toward[key.target].append((draft, key))
    return [_relations_of(draft, toward[draft], warnings) for draft in drafts]


def _relations_of(
    draft: Draft, toward: Sequence[tuple[Draft, DraftKey]], warnings: list[str]
) -> Mapping[str, Relation]:
    relations: dict[str, Relation] = {}
    known = set()
    for declared in draft.relations:
        relations[declared.name] = Relation(
            declared.name,
            declared.target.name,
            declared.many,
            declared.links,
            declared.description,
            declared.order,
        )
        known.add(_identity(declared.target, declared.links))
    steps = (
        [_to_one(key) for key in draft.foreign_keys],
        list(_back(draft, toward)),
        list(_many_to_many(draft, toward)),
    )
    for step in steps:
        fresh = [p for p in step if _identity(p.target, p.links) not in known]
        wishes = Counter(proposal.names[0] for proposal in fresh)
        for proposal in fresh:
            taken = draft.columns.keys() | relations.keys()
            name = _free_name(proposal.names, wishes, taken)
            if name != proposal.names[0]:
                warnings.append(
                    f"{draft.name}: the relation to {proposal.target.name} {proposal.reason} is "
                    f'named "{name}", because "{proposal.names[0]}" is not free'
                )
            relations[name] = Relation(name, proposal.target.name, proposal.many, proposal.links)
    return MappingProxyType(_renamed(draft, relations))


def _identity(target: Draft, links: Sequence[Link]) -> tuple[object, ...]:
    """Equal for two relations that lead over the same columns to the same resource."""
    steps = (frozenset((id(near), id(far)) for near, far in step.pairs) for step in links)
    return (id(target), *steps)


def _free_name(names: Sequence[str], wishes: Mapping[str, int], taken: set[str]) -> str:
    first, *others = names
    if first not in taken and wishes[first] == 1:
        return first
    for name in others:
        # What is another's first wish is left to it.
        if name not in taken and name not in wishes:
            return name
    number = 2
    while f"{names[-1]}_{number}" in taken or f"{names[-1]}_{number}" in wishes:
        number += 1
    return f"{names[-1]}_{number}"


def _renamed(draft: Draft, relations: Mapping[str, Relation]) -> dict[str, Relation]:
    for old in draft.renames:
        if old not in relations:
            raise OperatorError(
                f'{draft.name} has no relation "{old}" to rename{nearest(old, relations)}'
            )
    final = {old: draft.renames.get(old, old) for old in relations}
    given = Counter(final.values())
    for old in draft.renames:
        new = final[old]
        if new is not None and (given[new] > 1 or new in draft.columns):
            raise OperatorError(
                f'{draft.name}: the relation "{old}" cannot be named "{new}", '
                "a column or another relation has that name"
            )
    result: dict[str, Relation] = {}
    for old, new in final.items():
        if new is None:
            continue
        relation = relations[old]
        result[new] = Relation(
            new,
            relation.target,
            relation.many,
            relation.links,
            relation.description,
            relation.order,
        )
    return result


def _telling(key: DraftKey) -> list[tuple[str, str]]:
    """The columns of a foreign key that say what it is about, with what they refer to."""
    both = list(zip(key.names, key.target_names, strict=True))
    if len(both) == 1:
        return both
    different = [pair for pair in both if pair[0] != pair[1]]
    return different if len(different) == 1 else []


def _stem(key: DraftKey) -> str:
    """What a foreign key is about, in a word that can stand within a name."""
    for column, target_column in _telling(key):
        return stem(column, key.target.name, target_column) or column
    return "_".join(key.names)


def _to_one(key: DraftKey) -> _Proposal:
    one = singular(key.target.name)
    long = f"{'_'.join(key.names)}_{one}"
    telling = _telling(key)
    if telling:
        about = stem(telling[0][0], key.target.name, telling[0][1])
        names = [one, long] if about == "" else [about or f"{telling[0][0]}_{one}", long]
    else:
        names = [one, long]
    return _Proposal(
        tuple(relation_name(name) for name in names),
        key.target,
        False,
        (link(key.target.table, key.pairs),),
        f"by {', '.join(key.names)}",
    )


def _back(draft: Draft, toward: Sequence[tuple[Draft, DraftKey]]) -> Iterator[_Proposal]:
    several = Counter(other for other, _ in toward)
    for other, key in toward:
        many = not any(unique <= set(key.names) for unique in other.uniques)
        base = other.name if many else singular(other.name)
        long = f"{base}_by_{_stem(key)}"
        children = child_name(_stem(key))
        if other is draft and many and children:
            names = [children, long]
        elif other is draft or several[other] > 1:
            names = [long]
        else:
            names = [base, long]
        yield _Proposal(
            tuple(relation_name(name) for name in names),
            other,
            many,
            (link(other.table, ((far, near) for near, far in key.pairs)),),
            f"by its {', '.join(key.names)}",
        )


def _many_to_many(draft: Draft, toward: Sequence[tuple[Draft, DraftKey]]) -> Iterator[_Proposal]:
    for between, near in toward:
        ends = _ends(between)
        if near not in ends:
            continue
        far = ends[1] if ends[0] is near else ends[0]
        via = f"{far.target.name}_via_{between.name}"
        if far.target is draft:
            names = [f"{between.name}_{_stem(far)}", f"{via}_by_{_stem(far)}"]
        else:
            names = [far.target.name, via, f"{via}_by_{_stem(far)}"]
        yield _Proposal(
            tuple(relation_name(name) for name in names),
            far.target,
            True,
            (
                link(between.table, ((there, here) for here, there in near.pairs)),
                link(far.target.table, far.pairs),
            ),
            f"through {between.name}",
        )


def _ends(between: Draft) -> Sequence[DraftKey]:
    """The two foreign keys of an association table, or nothing if it is no such table.

    Its primary key is made of exactly the two; or it has a key of its own, the two together
    are unique, and there is no other column.
    """
    inside = [key for key in between.foreign_keys if key.target is not between]
    for unique in between.uniques:
        ends = [key for key in inside if set(key.names) <= unique]
        if len(ends) != 2 or any(set(key.names) == unique for key in ends):
            continue
        if unique != set(ends[0].names) | set(ends[1].names):
            continue
        if unique == set(between.key) or between.extent == unique | set(between.key):
            return ends
    return ()
