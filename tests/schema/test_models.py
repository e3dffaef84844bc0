"""Models, however they are mapped, become resources as their authors think of them."""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey, orm
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hekla.errors import OperatorError
from hekla.schema.build import Declaration, build_schema
from hekla.schema.describe import describe, describe_resource
from hekla.schema.resource import Link, Schema


class Base(orm.DeclarativeBase):
    """The base of these models; its docstring is nobody's description."""


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


task_labels = sa.Table(
    "task_labels",
    Base.metadata,
    sa.Column("task_id", ForeignKey("tasks.id"), primary_key=True),
    sa.Column("label_id", ForeignKey("labels.id"), primary_key=True),
)


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80), comment="as it is written")
    # An attribute that is called otherwise than its column.
    login: Mapped[str] = mapped_column("user_login", unique=True)
    manager_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    manager: Mapped[User | None] = relationship(remote_side=[id], back_populates="reports")
    reports: Mapped[list[User]] = relationship(back_populates="manager")
    tasks: Mapped[list[Task]] = relationship(
        back_populates="owner", foreign_keys="Task.owner_id", order_by="Task.due_at.desc(), Task.id"
    )

    @hybrid_property
    def shout(self) -> str:
        return self.name + "!"


class Task(Base):
    """One thing to do.

    It has an owner.
    """

    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(200))
    color: Mapped[Color] = mapped_column(default=Color.RED)
    due_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=sa.func.now())
    loud: Mapped[str] = mapped_column(sa.Computed("upper(title)"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    owner: Mapped[User] = relationship(
        back_populates="tasks", foreign_keys=[owner_id], doc="who has to do it"
    )
    labels: Mapped[list[Label]] = relationship(secondary=task_labels, back_populates="tasks")
    comments: Mapped[list[Comment]] = relationship(backref="task", order_by="Comment.body")


class Label(Base):
    __tablename__ = "labels"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    tasks: Mapped[list[Task]] = relationship(secondary=task_labels, back_populates="labels")


class Comment(Base):
    __tablename__ = "comments"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


# A property that is computed by SQL, in a class of its own for the warning it makes.
class Counted(Base):
    __tablename__ = "counted"
    id: Mapped[int] = mapped_column(primary_key=True)
    twice: Mapped[int] = orm.column_property(sa.literal_column("id * 2", sa.Integer))


TASKS = (User, Task, Label, Comment)


def schema_of(*entities: Any, **options: Any) -> Schema:
    """A schema of these entities; ``options`` are the first one's."""
    first, *others = entities
    return build_schema(
        [Declaration(first, **options), *(Declaration(entity) for entity in others)], "sqlite"
    )


def relations(schema: Schema, resource: str) -> dict[str, tuple[str, bool]]:
    return {name: (r.target, r.many) for name, r in schema[resource].relations.items()}


def joins(links: tuple[Link, ...]) -> list[list[tuple[str, str]]]:
    return [[(str(near), str(far)) for near, far in link.pairs] for link in links]


def test_resources() -> None:
    """A model's resource is called as its table, in the order of declaration."""
    schema = schema_of(*TASKS)
    assert list(schema.resources) == ["users", "tasks", "labels", "comments"]
    task = schema["tasks"]
    assert task.table is Task.__table__
    assert (task.title, task.description) == ("Task", "One thing to do.\n\nIt has an owner.")
    assert (task.key, task.writable) == (("id",), True)
    assert (schema["users"].title, schema["users"].description) == ("User", "")


def test_columns() -> None:
    """Columns are called as the attributes, and say what the table says of them."""
    schema = schema_of(*TASKS)
    users = schema["users"].columns
    assert list(users) == ["id", "name", "login", "manager_id"]
    assert users["login"].source is User.__table__.c.user_login
    assert users["name"].description == "as it is written"
    told = {
        name: (c.nullable, c.in_key, c.generated, c.has_default, c.guarded)
        for name, c in schema["tasks"].columns.items()
    }
    assert told == {
        "id": (False, True, False, True, False),
        "title": (False, False, False, False, False),
        "color": (False, False, False, True, False),
        "due_at": (True, False, False, False, False),
        "created_at": (False, False, False, True, False),
        "loud": (False, False, True, False, False),
        "owner_id": (False, False, False, False, False),
        "reviewer_id": (True, False, False, False, False),
    }


def test_relationships_keep_their_names() -> None:
    """What a model calls a relation stands; foreign keys without one get both directions."""
    schema = schema_of(*TASKS)
    assert relations(schema, "users") == {
        "manager": ("users", False),
        "reports": ("users", True),
        "tasks": ("tasks", True),
        # Task.reviewer_id and Comment.author_id have no relationship().
        "tasks_by_reviewer": ("tasks", True),
        "comments": ("comments", True),
    }
    assert relations(schema, "tasks") == {
        "owner": ("users", False),
        "labels": ("labels", True),
        "comments": ("comments", True),
        "reviewer": ("users", False),
    }
    assert relations(schema, "labels") == {"tasks": ("tasks", True)}
    assert relations(schema, "comments") == {"task": ("tasks", False), "author": ("users", False)}
    assert schema.warnings == ()


def test_relationships_join_and_order() -> None:
    """A relation carries the columns it joins by, the order of its rows and its doc."""
    schema = schema_of(*TASKS)
    users, tasks = schema["users"].relations, schema["tasks"].relations
    assert joins(users["tasks"].links) == [[("users.id", "tasks.owner_id")]]
    assert joins(users["manager"].links) == [[("users.manager_id", "users.id")]]
    assert joins(users["reports"].links) == [[("users.id", "users.manager_id")]]
    assert users["tasks"].order == (("due_at", True), ("id", False))
    assert tasks["comments"].order == (("body", False),)
    assert tasks["labels"].order == ()
    assert tasks["owner"].description == "who has to do it"
    assert joins(tasks["labels"].links) == [
        [("tasks.id", "task_labels.task_id")],
        [("task_labels.label_id", "labels.id")],
    ]
    assert tasks["labels"].links[0].table is task_labels


def test_the_far_side_need_not_be_served() -> None:
    """A relationship to what is no resource is left out, and said so; a foreign key just is."""
    schema = schema_of(Task)
    assert relations(schema, "tasks") == {}
    assert schema.warnings == (
        "the relationship Task.owner is left out: User is not a resource",
        "the relationship Task.labels is left out: Label is not a resource",
        "the relationship Task.comments is left out: Comment is not a resource",
    )


def test_an_association_table_may_be_a_resource_too() -> None:
    """A plain Table between two models is served as any other, and is not found twice."""
    schema = schema_of(Task, Label, task_labels, User, Comment)
    assert schema["task_labels"].key == ("task_id", "label_id")
    assert schema["task_labels"].title == "Task label"
    assert relations(schema, "task_labels") == {
        "task": ("tasks", False),
        "label": ("labels", False),
    }
    assert relations(schema, "labels") == {
        "tasks": ("tasks", True),
        "task_labels": ("task_labels", True),
    }


def test_computed_attributes() -> None:
    """A hybrid is Python's own; a property computed in SQL is named as not served."""
    assert "shout" not in schema_of(*TASKS)["users"].columns
    schema = schema_of(Counted)
    assert list(schema["counted"].columns) == ["id"]
    assert schema.warnings == (
        "Counted.twice is left out: it is computed, not a column of a table",
    )


def test_only_and_hidden() -> None:
    """Columns can be chosen; the key is always there, and relations do not need their columns."""
    assert list(schema_of(*TASKS, only=["name"])["users"].columns) == ["id", "name"]
    schema = schema_of(Task, User, Label, Comment, hidden=["owner_id", "color"])
    assert list(schema["tasks"].columns) == [
        "id",
        "title",
        "due_at",
        "created_at",
        "loud",
        "reviewer_id",
    ]
    assert relations(schema, "tasks")["owner"] == ("users", False)
    assert joins(schema["users"].relations["tasks"].links) == [[("users.id", "tasks.owner_id")]]


def test_an_order_by_hidden_columns_is_left_out() -> None:
    """A relation is not ordered by what nobody may know."""
    schema = schema_of(Comment, Task, User, Label, hidden=["body"])
    assert schema["tasks"].relations["comments"].order == ()
    assert schema.warnings == (
        "the order of Task.comments is left out: it is not by columns that are served",
    )


def test_names_can_be_given() -> None:
    """A declaration names the resource, its relations and its columns to search in."""
    schema = schema_of(
        User,
        Task,
        Label,
        Comment,
        name="people",
        title="Somebody",
        description="Who works here.",
        relations={"tasks_by_reviewer": "reviews", "comments": None},
        search=["name", "login"],
        search_index="users_fts",
    )
    people = schema["people"]
    assert (people.title, people.description) == ("Somebody", "Who works here.")
    assert list(people.relations) == ["manager", "reports", "tasks", "reviews"]
    assert people.relations["reviews"].name == "reviews"
    assert people.search == ("name", "login")
    assert people.search_index == "users_fts"
    assert relations(schema, "tasks")["owner"] == ("people", False)


def test_names_can_be_exchanged() -> None:
    """Two relations can take each other's names."""
    schema = schema_of(
        *TASKS, relations={"tasks": "tasks_by_reviewer", "tasks_by_reviewer": "tasks"}
    )
    assert joins(schema["users"].relations["tasks"].links) == [[("users.id", "tasks.reviewer_id")]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"only": ["titel"]}, 'tasks has no column "titel" (only=), did you mean "title"?'),
        ({"hidden": ["zzz"]}, 'tasks has no column "zzz" (hidden=)'),
        (
            {"hidden": ["id"]},
            (
                'tasks: the column "id" cannot be hidden, it is part of the key by which a row '
                "is found"
            ),
        ),
        ({"search": ["tilte"]}, 'tasks has no column "tilte" (search=), did you mean "title"?'),
        ({"search": ["title"], "hidden": ["title"]}, 'tasks has no column "title" (search=)'),
        (
            {"relations": {"ovner": "x"}},
            'tasks has no relation "ovner" to rename, did you mean "owner"?',
        ),
        (
            {"relations": {"owner": "title"}},
            (
                'tasks: the relation "owner" cannot be named "title", a column or another relation '
                "has that name"
            ),
        ),
        (
            {"relations": {"owner": "labels"}},
            (
                'tasks: the relation "owner" cannot be named "labels", a column or another '
                "relation has that name"
            ),
        ),
    ],
)
def test_mistakes_are_told(options: dict[str, Any], message: str) -> None:
    """A declaration that speaks of what is not there stops the start, and names the nearest."""
    with pytest.raises(OperatorError) as caught:
        schema_of(Task, User, Label, Comment, **options)
    assert str(caught.value) == message


def test_what_is_no_model_is_told() -> None:
    """A class without a mapping, and a resource that is declared twice, stop the start."""
    with pytest.raises(OperatorError, match="'Color' is neither a mapped class nor a Table"):
        schema_of(Color)
    with pytest.raises(OperatorError, match="tasks is declared as a resource twice"):
        schema_of(Task, Task)
    with pytest.raises(OperatorError, match="needs name="):
        schema_of(sa.select(Task).subquery())


def test_a_model_that_cannot_be_mapped_is_told() -> None:
    """SQLAlchemy's complaint about a relationship is passed on in one line."""
    local = orm.registry()

    @local.mapped
    class Lost:
        __tablename__ = "lost"
        id = mapped_column(sa.Integer, primary_key=True)
        nowhere = relationship("NoSuchModel")

    with pytest.raises(OperatorError, match=r"Lost cannot be mapped: .*NoSuchModel"):
        schema_of(Lost)


def test_plain_tables() -> None:
    """Plain Tables are related by their foreign keys alone."""
    metadata = sa.MetaData()
    authors = sa.Table(
        "Authors",
        metadata,
        sa.Column("AuthorID", sa.Integer, primary_key=True),
        sa.Column("Full Name", sa.String),
        comment="Who wrote them.",
    )
    books = sa.Table(
        "books",
        metadata,
        sa.Column("isbn", sa.String, primary_key=True),
        sa.Column("AuthorID", ForeignKey("Authors.AuthorID")),
        sa.Column("translator", ForeignKey("Authors.AuthorID")),
        sa.Column("renamed", sa.Integer, key="other"),
        sa.Column("lost_id", ForeignKey("nowhere.id")),
    )
    log = sa.Table("log", metadata, sa.Column("line", sa.Text))
    schema = schema_of(authors, books, log)
    assert schema["Authors"].description == "Who wrote them."
    assert relations(schema, "books") == {
        "Author": ("Authors", False),
        "translator_Author": ("Authors", False),
    }
    assert relations(schema, "Authors") == {
        "books_by_Author": ("books", True),
        "books_by_translator": ("books", True),
    }
    assert list(schema["books"].columns)[-2:] == ["other", "lost_id"]
    assert schema["log"].key == ()
    (warning,) = schema.warnings
    assert warning.startswith("the foreign key lost_id of books is left out: ")


def test_a_subquery_is_read_only() -> None:
    """A query can be served under a name: to be read, without a key, each value looked at."""
    recent = sa.select(Task.id, Task.title, sa.func.upper(Task.title).label("loud")).subquery()
    schema = schema_of(recent, name="recent")
    assert (schema["recent"].key, schema["recent"].writable) == ((), False)
    assert list(schema["recent"].columns) == ["id", "title", "loud"]
    assert schema["recent"].columns["loud"].guarded


def test_dataclasses() -> None:
    """Models that are dataclasses are models; their made-up docstring is no description."""

    class Data(orm.MappedAsDataclass, orm.DeclarativeBase):
        pass

    class Point(Data):
        __tablename__ = "points"
        id: Mapped[int] = mapped_column(primary_key=True, init=False)
        x: Mapped[int] = mapped_column(default=0)

    schema = schema_of(Point)
    assert list(schema["points"].columns) == ["id", "x"]
    assert schema["points"].description == ""
    assert schema["points"].columns["x"].has_default


def test_imperative_mapping() -> None:
    """A plain class mapped by hand is a model; what is not mapped of the table is not served."""

    @dataclasses.dataclass
    class Song:
        title: str

    local = orm.registry()
    songs = sa.Table(
        "songs",
        local.metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("song_title", sa.String, nullable=False),
        sa.Column("secret", sa.String),
    )
    local.map_imperatively(
        Song, songs, properties={"title": songs.c.song_title}, exclude_properties=["secret"]
    )
    schema = schema_of(Song)
    assert list(schema["songs"].columns) == ["id", "title"]
    assert schema["songs"].title == "Song"


def test_association_object() -> None:
    """A model between two others gives them a direct way as well."""

    class Local(orm.DeclarativeBase):
        pass

    class Group(Local):
        __tablename__ = "groups"
        id: Mapped[int] = mapped_column(primary_key=True)
        memberships: Mapped[list[Membership]] = relationship(back_populates="group")

    class Person(Local):
        __tablename__ = "people"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Membership(Local):
        __tablename__ = "memberships"
        group_id: Mapped[int] = mapped_column(ForeignKey("groups.id"), primary_key=True)
        person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
        since: Mapped[datetime]
        group: Mapped[Group] = relationship(back_populates="memberships")

    Local.registry._class_registry["Membership"] = Membership
    schema = schema_of(Group, Person, Membership)
    assert relations(schema, "groups") == {
        "memberships": ("memberships", True),
        "people": ("people", True),
    }
    assert relations(schema, "people") == {
        "memberships": ("memberships", True),
        "groups": ("groups", True),
    }
    assert relations(schema, "memberships") == {
        "group": ("groups", False),
        "person": ("people", False),
    }


class Place(Base):
    __tablename__ = "places"
    country: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    active: Mapped[bool]
    visits: Mapped[list[Visit]] = relationship(back_populates="place")
    active_visits: Mapped[list[Visit]] = relationship(
        primaryjoin="and_(Place.country == Visit.country, Place.code == Visit.place_code, "
        "Visit.length > 3)",
        viewonly=True,
    )
    capital_of: Mapped[Place | None] = relationship(
        primaryjoin="and_(Place.country == remote(foreign(Place.country)), "
        "remote(Place.code) == 'capital')",
        viewonly=True,
        uselist=False,
    )
    same_code: Mapped[list[Visit]] = relationship(
        primaryjoin="Place.code == foreign(Visit.place_code)", viewonly=True
    )


class Visit(Base):
    __tablename__ = "visits"
    id: Mapped[int] = mapped_column(primary_key=True)
    country: Mapped[str]
    place_code: Mapped[str]
    length: Mapped[int]
    guide_id: Mapped[int] = mapped_column(unique=True)
    place: Mapped[Place] = relationship(back_populates="visits")
    __table_args__ = (
        sa.ForeignKeyConstraint(["country", "place_code"], ["places.country", "places.code"]),
    )


def test_composite_relationships() -> None:
    """A relationship over several columns joins by all of them."""
    schema = schema_of(Place, Visit)
    assert joins(schema["visits"].relations["place"].links) == [
        [("visits.country", "places.country"), ("visits.place_code", "places.code")]
    ]
    assert joins(schema["places"].relations["visits"].links) == [
        [("places.country", "visits.country"), ("places.code", "visits.place_code")]
    ]


def test_joins_by_more_than_equal_columns() -> None:
    """A custom join of equal columns is served; one that asks for more is named as left out."""
    schema = schema_of(Place, Visit)
    assert list(schema["places"].relations) == ["visits", "same_code"]
    assert joins(schema["places"].relations["same_code"].links) == [
        [("places.code", "visits.place_code")]
    ]
    assert schema.warnings == (
        (
            "the relationship Place.active_visits is left out: "
            "it asks for more than equal columns of the two sides"
        ),
        (
            "the relationship Place.capital_of is left out: "
            "it asks for more than equal columns of the two sides"
        ),
    )


class Company(Base):
    __tablename__ = "companies"
    id: Mapped[int] = mapped_column(primary_key=True)
    staff: Mapped[list[Employee]] = relationship(back_populates="company")


class Employee(Base):
    __tablename__ = "employees"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    company_id: Mapped[int] = mapped_column(ForeignKey("companies.id"))
    company: Mapped[Company] = relationship(back_populates="staff")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "employee"}


class Manager(Employee):
    """Shares the table of all employees."""

    budget: Mapped[int | None] = mapped_column()
    __mapper_args__ = {"polymorphic_identity": "100% 'manager'"}


class Engineer(Employee):
    """Has a table of its own beside that of all employees."""

    __tablename__ = "engineers"
    id: Mapped[int] = mapped_column(ForeignKey("employees.id"), primary_key=True)
    language: Mapped[str]
    mentor_id: Mapped[int | None] = mapped_column(ForeignKey("engineers.id"))
    __mapper_args__ = {
        "polymorphic_identity": "engineer",
        "inherit_condition": id == Employee.id,
    }


def test_single_table_inheritance() -> None:
    """A subclass in its parent's table serves its own rows, read-only, under its own name."""
    schema = schema_of(Company, Employee, Manager)
    managers = schema["managers"]
    assert (managers.title, managers.key, managers.writable) == ("Manager", ("id",), False)
    assert list(managers.columns) == ["id", "kind", "name", "company_id", "budget"]
    assert list(schema["employees"].columns) == ["id", "kind", "name", "company_id"]
    engine = sa.create_engine("sqlite+apsw://")
    with orm.Session(engine) as session:
        Base.metadata.create_all(session.connection())
        company = Company(id=1)
        session.add_all(
            [Employee(id=1, name="e", company=company), Manager(id=2, name="m", company=company)]
        )
        session.flush()
        query = sa.select(managers.columns["name"].source)
        assert session.connection().execute(query).all() == [("m",)]
    engine.dispose()


def test_joined_table_inheritance() -> None:
    """A subclass with a table of its own serves what it inherits as well, read-only."""
    schema = schema_of(Company, Employee, Engineer)
    engineers = schema["engineers"]
    assert (engineers.key, engineers.writable) == (("id",), False)
    assert list(engineers.columns) == ["id", "kind", "name", "company_id", "language", "mentor_id"]
    assert relations(schema, "engineers") == {
        "company": ("companies", False),
        "mentor": ("engineers", False),
        "engineers_by_mentor": ("engineers", True),
    }
    # The row of the parent's table is the same thing, not a related one.
    assert relations(schema, "employees") == {"company": ("companies", False)}
    assert relations(schema, "companies") == {
        "staff": ("employees", True),
        "engineers": ("engineers", True),
    }
    engine = sa.create_engine("sqlite+apsw://")
    with orm.Session(engine) as session:
        Base.metadata.create_all(session.connection())
        session.add(Engineer(id=5, name="x", language="Python", company=Company(id=1)))
        session.flush()
        alias = engineers.table.alias("t1")
        row = session.connection().execute(sa.select(alias)).one()._mapping
        assert dict(row) == {
            "id": 5,
            "kind": "engineer",
            "name": "x",
            "company_id": 1,
            "language": "Python",
            "mentor_id": None,
        }
    engine.dispose()


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ("sqlite", "('100% ''manager''')"),
        ("postgresql", "('100% ''manager''')"),
        ("mysql", "('100%% ''manager''')"),
    ],
)
def test_the_kind_of_a_subclass_is_written_out(dialect: Any, expected: str) -> None:
    """No request has a say in the kind, so it is part of the text and no parameter."""
    drivers = {
        "sqlite": "sqlite+apsw",
        "postgresql": "postgresql+asyncpg",
        "mysql": "mysql+asyncmy",
    }
    schema = build_schema([Declaration(Manager)], dialect)
    compiled = sa.select(schema["managers"].table).compile(
        dialect=sa.make_url(f"{drivers[dialect]}://").get_dialect()()
    )
    assert str(compiled).endswith(f"WHERE employees.kind IN {expected}) AS managers")
    assert compiled.params == {}


def test_describe() -> None:
    """A resource in short is what / and `hekla inspect` show."""
    schema = schema_of(Task, User, Label, Comment, name="to do")
    assert [entry["name"] for entry in describe(schema)] == ["to do", "users", "labels", "comments"]
    assert describe_resource(schema["to do"]) == {
        "name": "to do",
        "url": "/to%20do",
        "table": "tasks",
        "key": ["id"],
        "relations": ["owner", "labels", "comments", "reviewer"],
        "writable": True,
    }


def test_tables_of_several_schemas() -> None:
    """Two tables of one name get their schema's name in front, all but the first."""
    metadata = sa.MetaData()
    first = sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
    second = sa.Table("users", metadata, sa.Column("id", sa.Integer), schema="archive")
    schema = schema_of(first, second)
    assert list(schema.resources) == ["users", "archive_users"]
    assert describe_resource(schema["archive_users"])["table"] == "archive.users"
    assert schema.warnings == ('"users" is served as "archive_users": that name is taken',)
