"""The application's own functions on writes, and the order of events that holds nobody up.

A hook sees a write as it stands in its transaction: the values, the row before, the row after.
It may alter what is written, or refuse it. It may also take its time, which a transaction on
SQLite may not: all other writers would wait. So a write with hooks is rehearsed first:

1. The write is run in a transaction, up to where hooks have to be asked, and rolled back.
2. The hooks are asked, outside of any transaction: coroutines on the event loop, plain
   functions on a thread. What they alter is kept, and what they raise ends the write.
3. The write is run again. Wherever a hook has been asked before and would now be shown the
   same, its answer holds; the row that hooks after a write were shown is written as it was
   shown, with its generated key and defaults. Where something has changed in between (somebody
   else wrote the row), the hooks are asked again about what is there now.
4. When a run meets nothing that is not settled it is committed. So what a hook was shown last
   is exactly what is in the transaction, and nobody waited for a hook but its own request.

Hooks before a write are settled first, then those after it. A hook may be asked more than once
about one write, and about a write that fails in the end: what must happen once, and only if
the write does, belongs into a hook ``on_commit``.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

from hekla.actor import Actor
from hekla.errors import REFUSED, STORE_BUSY, Fault, Problem
from hekla.policy.rules import Action
from hekla.query.mutation import Row
from hekla.schema.resource import Resource
from hekla.writing.rows import pointer

__all__ = ["Event", "Hook", "Hooks", "Moment", "Rehearsal", "Unsettled"]

logger = logging.getLogger("hekla")

Moment = Literal["before", "after", "on_commit"]
"""When a hook is asked: before the row is written, after it, or once it is durable."""

Hook = Callable[["Event"], Any]
"""A function of an event, plain or a coroutine; what it returns means nothing."""

# How many times hooks are asked before a write is given up, since others change its rows.
_MOST_ROUNDS = 10


@dataclass(slots=True)
class Event:
    """One row that is being written, as a hook sees it.

    ``values`` are what will be set (of a new row or of a change): a hook before the write may
    alter them. ``before`` is the row as it was, None if there was none; ``after`` the row as it
    is written, None before that and if it was deleted. Values are Python's, by column name.
    ``request`` is the id of the request.
    """

    action: Action
    resource: str
    actor: Actor
    values: dict[str, Any] = field(default_factory=dict)
    before: Row | None = None
    after: Row | None = None
    request: str | None = None
    at: str = ""

    def refuse(self, message: str, column: str | None = None) -> Problem:
        """The Problem that refuses the write, to be raised: ``raise event.refuse("…")``."""
        place = self.at if column is None else pointer(self.at, column)
        return Problem(REFUSED, message, errors=[Fault(place, message)])


class Hooks:
    """All hooks of an application, by what they are asked about."""

    def __init__(self) -> None:
        self._hooks: dict[tuple[Moment, Action, str], list[Hook]] = {}

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def add(self, moment: Moment, action: Action, resource: str, hook: Hook) -> None:
        self._hooks.setdefault((moment, action, resource), []).append(hook)

    def of(self, moment: Moment, action: Action, resource: Resource) -> Sequence[Hook]:
        return self._hooks.get((moment, action, resource.name), ())

    def watches(self, action: Action, resource: Resource) -> bool:
        """Whether anybody wants to know how the row was before or after."""
        return any(self.of(moment, action, resource) for moment in _MOMENTS)


_MOMENTS: tuple[Moment, ...] = ("before", "after", "on_commit")


class Unsettled(Exception):
    """Raised at the end of a run in which hooks have yet to be asked: it has to be undone."""


@dataclass(slots=True)
class _Question:
    """Something that hooks are asked, once; ``answer`` is what they made of the values."""

    moment: Moment
    hooks: Sequence[Hook]
    event: Event
    answer: dict[str, Any] | None = None

    def is_about(self, moment: Moment, event: Event) -> bool:
        asked = self.event
        return (
            moment == self.moment
            and event.action == asked.action
            and event.resource == asked.resource
            and event.before == asked.before
            and event.after == asked.after
            and event.values == asked.values
        )


class Rehearsal:
    """One write with hooks, over all its runs."""

    def __init__(self, hooks: Hooks, actor: Actor, request: str | None) -> None:
        self.hooks = hooks
        self.actor = actor
        self.request = request
        # The same in every run, or else a stamp would make each look new.
        self.now = datetime.now(UTC)
        self._questions: list[_Question] = []
        self._place = 0
        self._open: list[_Question] = []
        self._news: list[Event] = []
        self._rounds = 0
        # Keys of new rows that are kept free for this write, in the order of its creations.
        self.reserved: list[tuple[str, int]] = []
        self.used = 0

    # In the transaction

    def begin(self) -> None:
        """A run begins."""
        self._place = self.used = 0
        self._open = []
        self._news = []

    def end(self) -> None:
        """The run is over. Raises Unsettled if it must not be committed yet."""
        if self._open:
            raise Unsettled

    @property
    def is_open(self) -> bool:
        """Whether this run has met something that is not settled: it is a rehearsal only."""
        return bool(self._open)

    def before(
        self,
        resource: Resource,
        action: Action,
        values: Row,
        row: Row | None,
        at: str,
    ) -> Row:
        """What the hooks before the write make of its ``values``."""
        hooks = self.hooks.of("before", action, resource)
        if not hooks:
            return values
        event = self._event(resource, action, values, row, None, at)
        answer = self._ask("before", hooks, event)
        if answer is None:
            return values
        return {
            name: None if value is None else resource.column(name).type.adapt(value)
            for name, value in answer.items()
        }

    def pinned(self, resource: Resource, values: Row) -> Row | None:
        """The new row exactly as the hooks after it were shown it, if they were."""
        place = self._place
        if place >= len(self._questions):
            return None
        question = self._questions[place]
        event = question.event
        shown = (
            question.moment == "after"
            and event.action == "create"
            and event.resource == resource.name
            and event.values == values
        )
        if not shown or event.after is None:
            return None
        columns = {**resource.columns, **resource.hidden}
        return {
            name: value
            for name, value in event.after.items()
            if not columns[name].generated and columns[name].type.writable
        }

    def unpin(self) -> None:
        """Forget what hooks were shown from here on: it cannot be written any more."""
        del self._questions[self._place :]

    def after(
        self,
        resource: Resource,
        action: Action,
        values: Row,
        before: Row | None,
        after: Row | None,
        at: str,
    ) -> None:
        """Show the row to the hooks after the write, and keep it for those on commit."""
        event = self._event(resource, action, values, before, after, at)
        hooks = self.hooks.of("after", action, resource)
        # What hooks before it have not settled is not worth showing.
        if hooks and not any(question.moment == "before" for question in self._open):
            self._ask("after", hooks, event)
        if self.hooks.of("on_commit", action, resource):
            self._news.append(event)

    def _event(
        self,
        resource: Resource,
        action: Action,
        values: Row,
        before: Row | None,
        after: Row | None,
        at: str,
    ) -> Event:
        return Event(
            action, resource.name, self.actor, dict(values), before, after, self.request, at
        )

    def _ask(self, moment: Moment, hooks: Sequence[Hook], event: Event) -> dict[str, Any] | None:
        place = self._place
        self._place += 1
        if place < len(self._questions):
            question = self._questions[place]
            if question.is_about(moment, event) and question.answer is not None:
                return question.answer
            del self._questions[place:]
        question = _Question(moment, hooks, event)
        self._questions.append(question)
        self._open.append(question)
        return None

    # Outside of it

    async def settle(self) -> None:
        """Ask the hooks what the last run left open. Raises what they raise.

        Raises Problem ``store_busy`` once that was done too often.
        """
        self._rounds += 1
        if self._rounds > _MOST_ROUNDS:
            raise Problem(
                STORE_BUSY,
                "Others keep changing the same rows. Try again.",
                headers={"Retry-After": "1"},
            )
        for question in self._open:
            asked = question.event
            shown = Event(
                asked.action,
                asked.resource,
                asked.actor,
                dict(asked.values),
                _read_only(asked.before),
                _read_only(asked.after),
                asked.request,
                asked.at,
            )
            for hook in question.hooks:
                await call(hook, shown)
            question.answer = shown.values

    async def tell(self) -> None:
        """Tell the hooks on commit what became durable; what they raise is logged."""
        # Nobody waits for these: what they write is a new beginning.
        _depth.set(0)
        for event in self._news:
            for number, hook in enumerate(self._told(event)):
                try:
                    await call(hook, event)
                except Exception:
                    logger.exception(
                        "hook %d on commit of a %s of %s failed",
                        number,
                        event.action,
                        event.resource,
                    )

    def _told(self, event: Event) -> Sequence[Hook]:
        return self.hooks._hooks.get(("on_commit", event.action, event.resource), ())

    @property
    def news(self) -> int:
        """How many writes hooks on commit would be told of."""
        return len(self._news)

    def forget(self, news: int) -> None:
        """Keep only the first ``news`` of them: the others were undone."""
        del self._news[news:]

    @property
    def has_news(self) -> bool:
        return bool(self._news)


def _read_only(row: Row | None) -> Row | None:
    return None if row is None else MappingProxyType(dict(row))


# How deep hooks may write, whose hooks write in turn, before it is taken for a circle.
_DEEPEST = 32
_depth: ContextVar[int] = ContextVar("hekla_hook_depth", default=0)


async def call(hook: Callable[[Any], Any], event: Any) -> None:
    """Ask one hook: a coroutine here, a plain function on a thread, where it may wait."""
    depth = _depth.get()
    if depth >= _DEEPEST:
        raise RuntimeError(f"{_DEEPEST} hooks write, each asked about what another one writes")
    token = _depth.set(depth + 1)
    try:
        if inspect.iscoroutinefunction(hook):
            await hook(event)
            return
        result = await asyncio.to_thread(hook, event)
        if inspect.isawaitable(result):
            await result
    finally:
        _depth.reset(token)
