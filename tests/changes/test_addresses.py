"""The addresses of changes: parameters, pages, forms, and what else HTTP asks of them."""

from __future__ import annotations

import json

import pytest

from hekla import Hekla
from hekla.settings import Settings
from tests.changes.application import ADMIN, ANN, BOB, changes_of, make, must, running
from tests.databases import NewUrl
from tests.scenarios.client import Scenario, ask, check

pytestmark = pytest.mark.anyio


async def fill(app: Hekla, rows: int = 3) -> None:
    documents = [{"word": f"w{n}", "times": n} for n in range(rows)]
    await must(app, ANN, "POST", "/words", documents)


def problem(target: str, code: str, location: str, **more: str) -> Scenario:
    return Scenario(target, 400, code=code, location=location, **more)  # type: ignore[arg-type]


SCENARIOS = [
    problem("/words/changes?afetr=1", "unknown_parameter", "query.afetr", says="“after”"),
    problem("/words/changes?resource=words", "unknown_parameter", "query.resource"),
    problem("/changes?fields=word", "unknown_parameter", "query.fields"),
    problem("/words/changes?after=x", "invalid_value", "query.after", says="latest"),
    problem("/words/changes?after=-1", "invalid_value", "query.after"),
    problem("/words/changes?after=1&after=2", "invalid_syntax", "query.after"),
    problem("/words/changes?limit=0", "invalid_value", "query.limit", says="at least 1"),
    problem("/words/changes?limit=1001", "limit_exceeded", "query.limit", says="max_page_size"),
    problem("/words/changes?fields=wrd", "unknown_column", "query.fields", says="“word”"),
    problem("/words/changes?fields=", "invalid_value", "query.fields"),
    problem("/changes?resource=wrds", "invalid_value", "query.resource", says="“words”"),
    problem("/changes?action=insert", "invalid_value", "query.action"),
    problem("/changes?since=yesterday", "invalid_value", "query.since"),
    Scenario("/words/changes?after=9", 410, code="changes_gone", headers={"x-next-cursor": "3"}),
    Scenario("/changes?after=9", 410, code="changes_gone", headers={"x-next-cursor": "3"}),
    Scenario("/words/nope/history", 404, code="not_found"),
    Scenario("/words/changes?after=3", json=[], headers={"x-next-cursor": "3", "link": None}),
    Scenario("/words/changes?after=latest", json=[], headers={"x-next-cursor": "3"}),
    Scenario("/changes?after=latest", json=[], headers={"x-next-cursor": "3"}),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
async def test_what_is_asked_wrongly_is_said(new_url: NewUrl, scenario: Scenario) -> None:
    """A parameter that cannot be right is named, with the nearest right word."""
    async with running(new_url()) as app:
        await fill(app)
        answer = await ask(app, scenario.target, actor=ADMIN)
        check(scenario, answer)
        assert answer.status == scenario.status


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("target", ["/changes", "/words/changes", "/words/w0/history"])
async def test_changes_are_only_read(new_url: NewUrl, method: str, target: str) -> None:
    """Every other method is answered with 405 and what is allowed."""
    async with running(new_url()) as app:
        await fill(app)
        answer = await ask(app, target, method=method, actor=ADMIN, document={})
        assert answer.status == 405
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
        assert len(await changes_of(app, ADMIN, "/changes")) == 3


async def test_a_change_looks_as_documented(new_url: NewUrl) -> None:
    """The members of a change, in their order."""
    async with running(new_url()) as app:
        await must(app, ANN, "POST", "/words", {"word": "a"}, x_request_id="q")
        (change,) = (await ask(app, "/words/changes", actor=ANN)).json()
        assert change.pop("at").endswith("Z")
        assert change == {
            "seq": 1,
            "actor": 1,
            "resource": "words",
            "key": ["a"],
            "action": "create",
            "changed": ["word", "times"],
            "before": None,
            "after": {"word": "a", "times": 0},
            "request": "q",
        }


async def test_pages_lead_on_to_the_end(new_url: NewUrl) -> None:
    """Link leads from page to page, and X-Next-Cursor is there with the last one too."""
    async with running(new_url()) as app:
        await fill(app, 5)
        first = await ask(app, "/words/changes?limit=2&fields=times", actor=ANN)
        assert [change["seq"] for change in first.json()] == [1, 2]
        assert first.headers["x-next-cursor"] == "2"
        assert first.link("next") == "/words/changes?limit=2&fields=times&after=2"
        rest = await changes_of(app, ANN, first.link("next") or "")
        assert [change["after"] for change in rest] == [{"times": n} for n in (2, 3, 4)]
        last = await ask(app, "/words/changes?limit=2&after=4", actor=ANN)
        assert last.link("next") is None
        assert last.headers["x-next-cursor"] == "5"


async def test_a_reader_gets_past_what_is_hidden(new_url: NewUrl) -> None:
    """Where a page finds nothing that may be seen, its cursor still goes on, in bounded steps."""
    async with running(new_url()) as app:
        with app.session() as session:
            session.connection().exec_driver_sql(
                "with recursive n(i) as (select 1 union all select i + 1 from n where i < 2500) "
                "insert into tasks (title, shared, owner_id) select 'hidden', false, 1 from n"
            )
            session.commit()
        await must(app, ANN, "POST", "/tasks", {"title": "open", "shared": True})
        page = await ask(app, "/tasks/changes?limit=5", actor=BOB)
        assert page.json() == []
        assert page.headers["x-next-cursor"] == "1000"
        (change,) = await changes_of(app, BOB, "/tasks/changes?limit=5")
        assert (change["seq"], change["after"]["title"]) == (2501, "open")
        # Other tables' changes are passed over without being looked at.
        assert await changes_of(app, BOB, "/words/changes") == []


async def test_fields_choose_columns_and_changes(new_url: NewUrl) -> None:
    """With ``fields`` an update is told only if one of these columns changed."""
    async with running(new_url()) as app:
        await must(app, ANN, "POST", "/tasks", {"id": 1, "title": "a", "shared": True})
        await must(app, ANN, "PATCH", "/tasks/1", {"title": "b"})
        await must(app, ANN, "PATCH", "/tasks/1", {"owner_id": 2})
        changes = await changes_of(app, BOB, "/tasks/changes?fields=title")
        assert [(c["before"], c["after"]) for c in changes] == [
            (None, {"title": "a"}),
            ({"title": "a"}, {"title": "b"}),
        ]


async def test_the_tag_names_the_cursor_too(new_url: NewUrl) -> None:
    """An unchanged page is answered with 304; one that only leads further is not."""
    async with running(new_url()) as app:
        await fill(app, 1)
        first = await ask(app, "/tasks/changes", actor=ANN)
        assert first.json() == []
        tag = {"if-none-match": first.headers["etag"]}
        again = await ask(app, "/tasks/changes", tag, actor=ANN)
        assert (again.status, again.headers["x-next-cursor"]) == (304, "1")
        await must(app, ANN, "POST", "/words", {"word": "x"})
        further = await ask(app, "/tasks/changes", tag, actor=ANN)
        assert (further.status, further.headers["x-next-cursor"]) == (200, "2")


async def test_head_says_what_get_says(new_url: NewUrl) -> None:
    """HEAD has the headers of GET and no body."""
    async with running(new_url()) as app:
        await fill(app)
        got = await ask(app, "/words/changes?limit=1", actor=ANN)
        head = await ask(app, "/words/changes?limit=1", method="HEAD", actor=ANN)
        assert head.body == b""
        for name in ("etag", "link", "x-next-cursor", "content-type"):
            assert head.headers[name] == got.headers[name]


async def test_everything_can_be_streamed(new_url: NewUrl) -> None:
    """As NDJSON all changes come, one a line, in pages that nobody sees; a limit ends it."""
    settings = Settings(default_page_size=2, max_page_size=2)
    async with running(new_url(), settings) as app:
        await fill(app, 7)
        wanted = {"accept": "application/x-ndjson"}
        for target in ("/changes", "/words/changes"):
            answer = await ask(app, target, wanted, actor=ADMIN)
            assert answer.headers["content-type"] == "application/x-ndjson"
            lines = [json.loads(line) for line in answer.body.splitlines()]
            assert [line["seq"] for line in lines] == [1, 2, 3, 4, 5, 6, 7]
        gone = await ask(app, "/words/changes?after=99", wanted, actor=ADMIN)
        assert gone.status == 410


async def test_the_log_is_filtered(new_url: NewUrl) -> None:
    """Administrators choose by resource, table, actor, action and time."""
    async with running(new_url()) as app:
        await must(app, ANN, "POST", "/words", {"word": "a"})
        await must(app, BOB, "PATCH", "/words/a", {"times": 1})
        await must(app, ANN, "POST", "/labels", {"name": "l"})
        await must(app, BOB, "DELETE", "/words/a")

        async def seqs(query: str) -> list[int]:
            return [c["seq"] for c in await changes_of(app, ADMIN, f"/changes?{query}")]

        assert await seqs("resource=words") == [1, 2, 4]
        assert await seqs("resource=labels,task_labels") == [3]
        assert await seqs("actor=1") == [1, 3]
        assert await seqs("action=delete") == [4]
        assert await seqs("actor=2&resource=words&action=update") == [2]
        assert await seqs("since=2001-01-01T00:00:00Z") == [1, 2, 3, 4]
        assert await seqs("since=2999-01-01T00:00:00Z") == []
        everything = await changes_of(app, ADMIN, "/changes")
        third = everything[2]["at"].replace("Z", "%2B00:00")
        assert await seqs(f"since={third}") == [3, 4]
        assert await seqs(f"since={third}&after=3") == [4]


async def test_tables_between_two_others_are_on_record(new_url: NewUrl) -> None:
    """Their rows are told as they are stored, those that a cascade removed as well."""
    async with running(new_url()) as app:
        await must(app, ANN, "POST", "/tasks", {"id": 1, "title": "a", "owner_id": 1})
        await must(app, ANN, "POST", "/labels", {"name": "l"})
        await must(app, ANN, "POST", "/things", {"id": 5, "task_id": 1})
        with app.session() as session:
            connection = session.connection()
            connection.exec_driver_sql("insert into task_labels values (1, 'l')")
            connection.exec_driver_sql("delete from tasks")
            session.commit()
        changes = await changes_of(app, ADMIN, "/changes?after=3")
        told = {(c["resource"], c["action"], json.dumps(c["key"])): c for c in changes}
        assert told.keys() == {
            ("task_labels", "create", '[1, "l"]'),
            ("task_labels", "delete", '[1, "l"]'),
            ("things", "update", "[5]"),
            ("tasks", "delete", "[1]"),
        }
        made = told["task_labels", "create", '[1, "l"]']
        assert made["after"] == {"task_id": 1, "label_name": "l"}
        assert (made["actor"], made["request"]) == (None, None)
        loosened = told["things", "update", "[5]"]
        assert loosened["changed"] == ["task_id"]


async def test_keys_that_are_words_here_are_reached(new_url: NewUrl) -> None:
    """``=changes`` is the row, and has a history of its own."""
    async with running(new_url()) as app:
        made = await must(app, ANN, "POST", "/words", {"word": "changes"})
        assert made.headers["location"] == "/words/=changes"
        assert (await ask(app, "/words/=changes")).json() == {"word": "changes", "times": 0}
        await must(app, ANN, "PATCH", "/words/=changes", {"times": 4})
        history = await changes_of(app, ANN, "/words/=changes/history")
        assert [change["action"] for change in history] == ["create", "update"]
        assert len(await changes_of(app, ANN, "/words/changes")) == 2
        # A slash inside a key is encoded, so this is no history.
        await must(app, ANN, "POST", "/words", {"word": "a/history"})
        found = await ask(app, "/words/a%2Fhistory")
        assert found.json() == {"word": "a/history", "times": 0}


async def test_history_of_rows_that_are_gone_and_of_composite_keys(new_url: NewUrl) -> None:
    """A deleted row still has a history; a key of several columns has one as well."""
    async with running(new_url()) as app:
        await must(app, ANN, "POST", "/members", {"project_id": 3, "user_id": 4})
        await must(app, ANN, "PATCH", "/members/3,4", {"role": "owner"})
        await must(app, ANN, "DELETE", "/members/3,4")
        history = await changes_of(app, ANN, "/members/3,4/history?limit=1")
        assert [change["action"] for change in history] == ["create", "update", "delete"]
        assert {json.dumps(change["key"]) for change in history} == {"[3, 4]"}
        end = await ask(app, "/members/3,4/history?after=3", actor=ANN)
        assert (end.status, end.json()) == (200, [])


async def test_a_key_that_changes_ends_one_history_and_begins_another(new_url: NewUrl) -> None:
    """It is told as the end of one row and the beginning of another."""
    async with running(new_url()) as app:
        await must(app, ANN, "POST", "/words", {"word": "old", "times": 2})
        with app.session() as session:
            session.connection().exec_driver_sql("update words set word = 'new'")
            session.commit()
        changes = await changes_of(app, ANN, "/words/changes")
        assert [(c["action"], c["key"]) for c in changes] == [
            ("create", ["old"]),
            ("delete", ["old"]),
            ("create", ["new"]),
        ]
        (begun,) = await changes_of(app, ANN, "/words/new/history")
        assert begun["after"] == {"word": "new", "times": 2}


async def test_an_app_that_writes_nothing_keeps_no_log(new_url: NewUrl) -> None:
    """Without a rule for writing there is neither a log nor an address for it."""
    from hekla import Hekla, everyone

    url = new_url()
    await (app := make(url)).startup()
    await app.shutdown()
    reader = Hekla(url + ("&" if "?" in url else "?") + "mode=ro")
    reader.reflect(read=everyone)
    await reader.startup()
    try:
        assert (await ask(reader, "/changes", actor=ADMIN)).status == 404
        assert (await ask(reader, "/words/changes")).status == 404
        assert (await ask(reader, "/words")).json() == []
        assert not [each.path for each in reader.routes() if "changes" in each.path.split("/")[2:]]
    finally:
        await reader.shutdown()
