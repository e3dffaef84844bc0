"""``hekla clients``: the systems that sign users in by an app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hekla.cli.arguments import source_argument, target_argument
from hekla.cli.output import echo_json, echo_table
from hekla.cli.target import Target
from hekla.errors import OperatorError

if TYPE_CHECKING:
    from hekla.auth.oauth.client import Client
    from hekla.auth.oauth.provider import Provider

__all__ = ["clients"]

T = TypeVar("T")
_GRANTS = {
    "code": "authorization_code",
    "refresh": "refresh_token",
    "client-credentials": "client_credentials",
    "device": "urn:ietf:params:oauth:grant-type:device_code",
}


@click.group(short_help="Look after the clients of an app that is an OAuth provider.")
def clients() -> None:
    """Look after the systems that sign users in by an app (app.oauth()).

    \b
    Example:
      hekla clients add app.py "Web shop" --redirect https://shop.example.com/callback
    """


def _run(target: Target, do: Callable[[Provider], Awaitable[T]]) -> T:
    """Do something with the provider of an app. Raises OperatorError if it is none."""
    import asyncio

    app = target.load()

    async def run() -> T:
        provider = app.parts.provider
        if provider is None:
            raise OperatorError(f"{target.label} is no provider: it does not call app.oauth()")
        await app.startup()
        try:
            return await do(provider)
        finally:
            await app.shutdown()

    return asyncio.run(run())


async def _find(provider: Provider, client_id: str) -> Client:
    client = await provider.clients.find(client_id)
    if client is None:
        raise OperatorError(f"there is no client {client_id!r}; hekla clients list shows all")
    return client


@clients.command(short_help="Register a client.")
@source_argument
@click.argument("name")
@click.option("--redirect", "redirects", multiple=True, help="Where users may be sent back to.")
@click.option("--scope", "scopes", multiple=True, help="A scope that it may ask for.")
@click.option(
    "--grant", "grants", multiple=True, type=click.Choice(list(_GRANTS)), help="How it gets tokens."
)
@click.option("--public", is_flag=True, help="It can keep no secret: an app, a page of scripts.")
@click.option("--trusted", is_flag=True, help="Users are not asked for their consent.")
@click.option("--inspects", is_flag=True, help="It may introspect the tokens of all clients.")
@click.option("--acts-as", metavar="LOGIN", help="The user that it is with client-credentials.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def add(
    target: Target,
    name: str,
    redirects: tuple[str, ...],
    scopes: tuple[str, ...],
    grants: tuple[str, ...],
    public: bool,
    trusted: bool,
    inspects: bool,
    acts_as: str | None,
    as_json: bool,
) -> None:
    """Register a client. Its secret is shown once, and kept nowhere but as a digest.

    \b
    Examples:
      hekla clients add "Web shop" --redirect https://shop.example.com/callback --scope email
      hekla clients add "Terminal" --public --grant device --grant refresh --scope read
      hekla clients add "Robot" --grant client-credentials --acts-as robot@example.com --scope read
    """
    from hekla.auth.oauth.client import shown
    from hekla.auth.oauth.clients import new_client

    async def do(provider: Provider) -> tuple[Client, str | None]:
        user_id = None
        if acts_as is not None:
            user = await provider.auth.users.find_login(acts_as)
            if user is None:
                raise OperatorError(f"there is no user {acts_as!r}")
            user_id = user.text
        asked = scopes
        if "client-credentials" not in grants:
            asked = ("openid", *scopes)
        client, secret = new_client(
            name,
            at=provider.clients.now(),
            redirect_uris=redirects,
            grants=[_GRANTS[grant] for grant in grants],
            scopes=asked,
            known_scopes=provider.known_scopes,
            public=public,
            trusted=trusted,
            inspects=inspects,
            acts_as=user_id,
        )
        await provider.clients.add(client)
        return client, secret

    client, secret = _run(target, do)
    if as_json:
        echo_json({**shown(client), "secret": secret})
        return
    _echo(client.id, secret)


def _echo(client_id: str, secret: str | None) -> None:
    rows = [("client_id", client_id)]
    if secret is not None:
        rows.append(("client_secret", secret))
    echo_table(rows)
    if secret is not None:
        click.echo("The secret is shown this once.")


@clients.command("list", short_help="List all clients.")
@target_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def list_clients(target: Target, as_json: bool) -> None:
    """List all clients, without their secrets.

    \b
    Example:
      hekla clients list app.py
    """
    from hekla.auth.oauth.client import shown

    async def do(provider: Provider) -> list[Client]:
        return await provider.clients.list()

    found = _run(target, do)
    if as_json:
        echo_json([shown(client) for client in found])
        return
    echo_table(
        (client.id, client.name, "public" if client.public else "", ", ".join(client.redirect_uris))
        for client in found
    )


@clients.command(short_help="Give a client another secret.")
@source_argument
@click.argument("client_id")
@click.option(
    "--keep",
    default=0,
    show_default=True,
    metavar="SECONDS",
    type=click.IntRange(0, 30 * 86_400),
    help="How long the old secret is good yet.",
)
def rotate(target: Target, client_id: str, keep: int) -> None:
    """Give a client another secret, which is shown once.

    \b
    Example:
      hekla clients rotate app.py 5f1c2d… --keep 3600
    """

    async def do(provider: Provider) -> str:
        return await provider.clients.rotate(await _find(provider, client_id), keep)

    _echo(client_id, _run(target, do))


@clients.command(short_help="Remove a client, with all that it was given.")
@source_argument
@click.argument("client_id")
def remove(target: Target, client_id: str) -> None:
    """Remove a client. Its tokens, and the consents to it, are gone at once.

    \b
    Example:
      hekla clients remove app.py 5f1c2d…
    """

    async def do(provider: Provider) -> Any:
        client = await _find(provider, client_id)
        return await provider.auth.write(lambda tx: provider.clients.remove(tx, client.id))

    _run(target, do)
    click.echo(f"{client_id} is removed.")
