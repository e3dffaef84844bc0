"""The limit: fixed SQL behind a bare Granian RSGI callable. It has no feature at all.

It is meant as an honest ceiling for any server that answers from SQLite, so it takes every
shortcut that leaves the answers right:

* the database writes the whole body, as a BLOB, so that no text is decoded and encoded again;
* embedded objects are joined as text: `json()` around a subquery would parse it once more;
* one connection and cursor for all short statements, prepared once (apsw keeps them by their
  text), and a thread for each core for the long one;
* the query planner's stability guarantee is on: without it SQLite prepares a statement again
  for each new value of a bind that its statistics know;
* a path is told apart by its first letter and holds nothing but a number.
"""

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import apsw

from benchmarks.work import database_path

Headers = list[tuple[str, str]]


def moment(column: str) -> str:
    """Return SQL for a stored datetime as RFC 3339 in UTC; NULL stays NULL."""
    return f"replace({column},' ','T')||'Z'"


TASK_FORMAT = (
    '{"id":%d,"title":%s,"description":%s,"completed":%s,"priority":%d,'
    '"due_at":%s,"created_at":"%s","owner_id":%s'
)
TASK_VALUES = (
    "t.id,json_quote(t.title),json_quote(t.description),iif(t.completed,'true','false'),"
    f"t.priority,ifnull('\"'||{moment('t.due_at')}||'\"','null'),{moment('t.created_at')},"
    "ifnull(t.owner_id,'null')"
)
USER = "json_object('id',u.id,'name',u.name,'email',u.email)"
COMMENT = (
    "'id',c.id,'task_id',c.task_id,'author_id',c.author_id,'body',c.body,"
    f"'created_at',{moment('c.created_at')}"
)

TASK = f"printf('{TASK_FORMAT}}}',{TASK_VALUES})"
OWNER = f"ifnull((select {USER} from users u where u.id=t.owner_id),'null')"
COMMENTS = (
    f"(select json_group_array(json_object({COMMENT},'author',{USER}))"
    " from comments c join users u on u.id=c.author_id where c.task_id=t.id order by c.id)"
)
LAST_COMMENTS = (
    f"(select json_group_array(json_object({COMMENT}))"
    " from (select * from comments where task_id=t.id order by id desc limit 3) c)"
)


def embed(comments: str) -> str:
    """Return SQL for a task with its owner and with `comments`."""
    form = f'{TASK_FORMAT},"owner":%s,"comments":%s}}'
    return f"printf('{form}',{TASK_VALUES},{OWNER},{comments})"


def array(element: str, rows: str) -> str:
    """Return a statement that answers `element` of each of `rows` as one JSON array."""
    return f"select cast('['||ifnull(group_concat({element},','),'')||']' as blob) from {rows}"


POINT = f"select cast({TASK} as blob) from tasks t where t.id=?"
OFFSET = array(
    TASK,
    "(select * from tasks where completed=0 and priority>=3"
    " order by created_at desc,id limit 50 offset ?) t",
)
CURSOR = array(TASK, "(select * from tasks where completed=0 and id>? order by id limit 50) t")
DETAIL = f"select cast({embed(COMMENTS)} as blob) from tasks t where t.id=?"
PAGE = array(embed(LAST_COMMENTS), "(select * from tasks order by id limit 20 offset ?) t")
AGGREGATE = (
    "select cast(json_group_array(json_object("
    "'completed',json(iif(completed,'true','false')),'priority',priority,"
    "'count',number,'avg_priority',average)) as blob) from ("
    "select completed,priority,count(*) number,avg(priority) average from tasks"
    " group by completed,priority order by completed,priority)"
)
# The second letter of the path is the key.
STATEMENTS = {
    "p": POINT,
    "o": OFFSET,
    "c": CURSOR,
    "d": DETAIL,
    "g": PAGE,
}
JSON: Headers = [("content-type", "application/json")]


def open_database() -> apsw.Connection:
    """Return the one connection, read-only and tuned for reading."""
    connection = apsw.Connection(str(database_path()))
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    for pragma in (
        "journal_mode=wal",
        "mmap_size=1073741824",
        "cache_size=-65536",
        "query_only=on",
    ):
        connection.execute(f"pragma {pragma}").fetchall()
    return connection


class Limit:
    """An RSGI application of six statements."""

    def __init__(self) -> None:
        self.execute = open_database().cursor().execute
        self.threads = ThreadPoolExecutor(os.cpu_count(), initializer=self.start_thread)
        self.thread = threading.local()

    def start_thread(self) -> None:
        """Give a thread its own connection."""
        self.thread.execute = open_database().cursor().execute

    def aggregate(self) -> Any:
        """Run the one long statement, on a thread."""
        return self.thread.execute(AGGREGATE).get

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer `/{letter}/{number}`."""
        path = scope.path
        letter = path[1]
        if letter == "a":
            body = await asyncio.get_running_loop().run_in_executor(self.threads, self.aggregate)
        else:
            body = self.execute(STATEMENTS[letter], (int(path[3:]),)).get
        if body is None:
            protocol.response_empty(404, [])
        else:
            protocol.response_bytes(200, JSON, body)


app = Limit()
