"""What administrators do with users, from wherever: the API, and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hekla.actor import ANONYMOUS, Actor
from hekla.auth.hashes import UnknownHash, check_hash
from hekla.auth.origin import Origin
from hekla.errors import VALIDATION_FAILED, Fault, Problem
from hekla.query.ast import Compare, Order, Path, Select
from hekla.query.shape import parameterize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hekla.auth.accounts import Kind
    from hekla.auth.core import Auth
    from hekla.auth.users import Found, UserId
    from hekla.store.protocol import Transaction
    from hekla.writing.work import Work

__all__ = ["Management"]


class Management:
    """Adds, changes and removes users. ``origin`` is who does it, for the audit."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    async def find(self, name: str) -> Found | None:
        """The user of a login, or of a key."""
        users = self._auth.users
        return await users.find_login(name) or await users.find(name)

    async def list(self, after: str | None, limit: int) -> list[Found]:
        """Users in the order of their keys, behind one of them."""
        users = self._auth.users
        where = None
        if after is not None:
            where = Compare(users.key.name, "gt", users.key.type.parse(after))
        order = (Order(Path((), users.key.name)),)
        select = Select(users.resource.name, where=where, order_by=order, limit=limit)
        return await users.select(parameterize(select))

    async def shown(self, user: Found) -> dict[str, Any]:
        """What administrators are told of a user: the row, the account, the roles."""
        auth = self._auth
        account = await auth.accounts.find(user.text)
        return {
            **{name: user.row[name] for name in auth.users.shown},
            "kind": account.kind,
            "disabled": account.disabled,
            "confirmed": account.confirmed == user.login,
            "has_password": account.password is not None,
            "second_factor": await auth.factors.has_totp(user.text),
            "roles": sorted(await auth.roles.of(user.text)),
            "groups": await auth.roles.groups_of(user.text),
        }

    async def add(
        self,
        document: Mapping[str, Any],
        origin: Origin,
        *,
        password: str | None = None,
        hashed: str | None = None,
        roles: Sequence[str] = (),
        kind: Kind = "person",
        actor: Actor = ANONYMOUS,
        request: str | None = None,
    ) -> UserId:
        """Make a user of a row's columns, with a password or the hash of one, if any.

        Raises Problem for what is not valid, or there already.
        """
        auth = self._auth
        new = auth.users.read_new(document)
        if password is not None:
            about = [str(each) for each in new.row.values() if isinstance(each, str)]
            fault = auth.strength.fault(password, about)
            if fault is not None:
                raise _invalid("/password", fault)
            hashed = await auth.passwords.hash(password)
        elif hashed is not None:
            try:
                check_hash(hashed)
            except UnknownHash as error:
                raise _invalid("/password", f"is no hash that can be verified: {error}") from None

        async def then(work: Work, user_id: UserId) -> None:
            key = str(user_id)
            await auth.accounts.create(work.tx, key, hashed, kind=kind)
            for role in roles:
                await auth.roles.grant(work.tx, key, role, origin.by)
            await auth.audit.write(
                work.tx, "user_added", origin, user_id=key, roles=list(roles), kind=kind
            )

        return await auth.users.create(new, then, actor=actor, request=request)

    async def set_password(self, user: Found, password: str, origin: Origin) -> None:
        """Give a user another password; all their sign-ins end."""
        auth = self._auth
        about = [str(user.row[name]) for name in auth.users.shown if user.row[name]]
        fault = auth.strength.fault(password, about)
        if fault is not None:
            raise _invalid("/password", fault)
        hashed = await auth.passwords.hash(password)

        async def work(tx: Transaction) -> None:
            await auth.accounts.set_password(tx, user.text, hashed)
            await self._end(tx, user)
            await auth.audit.write(tx, "password_set", origin, user_id=user.text)

        await auth.write(work)

    async def _end(self, tx: Transaction, user: Found) -> None:
        await self._auth.sessions.end_all(tx, user.text)
        await self._auth.codes.forget(tx, user.text)

    async def disable(self, user: Found, disabled: bool, origin: Origin) -> None:
        """Shut a user out at once, or let them in again."""
        auth = self._auth

        async def work(tx: Transaction) -> None:
            await auth.accounts.disable(tx, user.text, disabled)
            if disabled:
                await self._end(tx, user)
            event = "user_disabled" if disabled else "user_enabled"
            await auth.audit.write(tx, event, origin, user_id=user.text)

        await auth.write(work)

    async def remove_second_factor(self, user: Found, origin: Origin) -> None:
        """Let a user who lost both their app and their codes sign in without."""
        auth = self._auth

        async def work(tx: Transaction) -> None:
            await auth.factors.remove(tx, user.text)
            await auth.audit.write(tx, "second_factor_removed", origin, user_id=user.text)

        await auth.write(work)

    async def end_sessions(self, user: Found, origin: Origin) -> None:
        """End all sign-ins of a user."""
        auth = self._auth

        async def work(tx: Transaction) -> None:
            await auth.sessions.end_all(tx, user.text)
            await auth.audit.write(tx, "sessions_ended", origin, user_id=user.text)

        await auth.write(work)

    async def delete(
        self,
        user: Found,
        origin: Origin,
        *,
        actor: Actor = ANONYMOUS,
        request: str | None = None,
    ) -> None:
        """Delete a user's row, and with it all that is known of them but the audit."""
        auth = self._auth

        async def then(work: Work) -> None:
            await self._end(work.tx, user)
            await auth.audit.write(
                work.tx, "user_deleted", origin, user_id=user.text, login=user.login
            )

        await auth.users.delete(user.id, then, actor=actor, request=request)
        auth.beacon.light()

    async def change_roles(
        self, user: Found, grant: Sequence[str], revoke: Sequence[str], origin: Origin
    ) -> None:
        """Give a user roles, and take others away. ValueError for what is no name."""
        auth = self._auth

        async def work(tx: Transaction) -> None:
            for role in grant:
                if await auth.roles.grant(tx, user.text, role, origin.by):
                    await auth.audit.write(tx, "role_granted", origin, user_id=user.text, role=role)
            for role in revoke:
                if await auth.roles.revoke(tx, user.text, role):
                    await auth.audit.write(tx, "role_revoked", origin, user_id=user.text, role=role)

        await auth.write(work)

    async def change_group(
        self,
        group: str,
        origin: Origin,
        *,
        roles: Sequence[str] | None = None,
        add: Sequence[Found] = (),
        remove: Sequence[Found] = (),
    ) -> None:
        """Say which roles a group gives, and who is in it. ValueError for what is no name."""
        auth = self._auth

        async def work(tx: Transaction) -> None:
            if roles is not None:
                await auth.roles.set_group(tx, group, roles)
                await auth.audit.write(tx, "group_changed", origin, group=group, roles=list(roles))
            for user in add:
                if await auth.roles.join(tx, user.text, group, origin.by):
                    await auth.audit.write(
                        tx, "group_joined", origin, user_id=user.text, group=group
                    )
            for user in remove:
                if await auth.roles.leave(tx, user.text, group):
                    await auth.audit.write(tx, "group_left", origin, user_id=user.text, group=group)

        await auth.write(work)


def _invalid(place: str, fault: str) -> Problem:
    return Problem(
        VALIDATION_FAILED,
        f"The document is not valid: {place.removeprefix('/')} {fault}.",
        errors=[Fault(place, fault)],
    )
