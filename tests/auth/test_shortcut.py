"""The shortcut for reading a row knows who asks, and for no longer than anybody else does."""

from __future__ import annotations

from hekla import Hekla
from tests.auth.world import Client


async def test_a_token_is_known_until_its_session_ends(app: Hekla) -> None:
    """What the owner reads is nobody else's, and signing out ends it there as well."""
    owner, other = Client(app), Client(app)
    await owner.register("owner@example.com")
    await other.register("other@example.com")
    made = await owner.post("/tasks", {"title": "mine"})
    assert made.status == 201
    path = made.headers["location"]
    shortcut = app.shortcut
    assert shortcut is not None
    sent = [("authorization", f"Bearer {owner.token}")]

    # Nobody has asked yet: how a row is read is still to be worked out.
    assert shortcut(path, "", sent) is None
    whole = await owner.get(path)
    assert whole.status == 200
    quick = shortcut(path, "", sent)
    assert quick is not None
    assert quick.body == whole.body
    assert dict(quick.headers)["etag"] == whole.headers["etag"]

    assert (await other.get(path)).status == 404
    for theirs in ([], [("authorization", f"Bearer {other.token}")], [("cookie", "a=b")]):
        assert shortcut(path, "", theirs) is None
    assert shortcut(path, "", [("authorization", f"Bearer {owner.token}x")]) is None

    assert (await owner.post("/auth/logout", {})).status in (200, 204)
    assert shortcut(path, "", sent) is None
    assert (await owner.get(path)).status == 401
