"""Who runs when several processes share the tests: by module, and what measures time alone.

``pytest -n 2 --dist loadgroup`` gives a module to one process as a whole, since its tests share
what is slow to set up; the tests that ask one server, wherever they are, to one process as well.
A test that is marked ``slow`` goes its own way. What is marked ``alone`` comes last, when the
other processes have ended, so that nothing else competes for the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]

__all__ = ["AloneInTheEnd", "group_of", "in_turn"]

ALONE = "alone"


def group_of(item: pytest.Item) -> str | None:
    """What ``item`` is given to a process together with; None if with nothing."""
    if item.get_closest_marker(ALONE):
        return ALONE
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    if isinstance(parameters.get("server"), str):
        return f"server-{parameters['server']}"
    if item.get_closest_marker("slow"):
        return None
    return item.location[0]


def in_turn(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Slow tests first, lest one process be left with one in the end; then modules; then alone."""

    def place(item: pytest.Item) -> int:
        group = group_of(item)
        return 0 if group is None else 2 if group == ALONE else 1

    return sorted(items, key=place)


class AloneInTheEnd(LoadGroupScheduling):  # type: ignore[misc]
    """Gives out groups in the order of their tests, and ``alone`` when one process is left."""

    def _reschedule(self, node: Any) -> None:
        if list(self.workqueue) != [ALONE] or node.shutting_down:
            super()._reschedule(node)
            return
        others = [other for other in self.nodes if other is not node]
        if any(not other.shutting_down for other in others):
            if self._pending_of(self.assigned_work[node]) <= 2:
                # It does what it was given and ends; the one that is left then takes the rest.
                node.shutdown()
        elif not others:
            super()._reschedule(node)

    def remove_node(self, node: Any) -> str | None:
        crashed: str | None = super().remove_node(node)
        for other in self.nodes:
            self._reschedule(other)
        return crashed
