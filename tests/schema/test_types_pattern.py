"""The regular expressions of the regex lookup mean the same in Python and in every database."""

from __future__ import annotations

import re
import time
from functools import cache

import pytest
import sqlalchemy as sa
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hekla.schema.types.pattern import check_pattern, pattern_for
from tests.schema.columns import SqliteColumn, mariadb_columns, postgresql_columns

# Pattern, a text in which it is found, and one in which it is not.
FOUND: list[tuple[str, str, str]] = [
    ("ab", "xaby", "xby"),
    ("", "anything", ""),
    ("^a|b$", "xb", "xbx"),
    ("a.c", "a\nc", "ac"),
    ("a$", "ba", "a\n"),
    ("^$", "", "x"),
    ("^[A-C]+$", "ABC", "ABD"),
    ("^[^A-C]+$", "xyz", "xBz"),
    ("^[]a]$", "]", "b"),
    ("^[-a]$", "-", "b"),
    ("^[a-]$", "-", "b"),
    ("^[+--]$", ",", "*"),
    (r"^[\]\\^]$", "^", "a"),
    (r"^[\d\-x]+$", "1-x", "1_x"),
    (r"^[\W]$", "é", "a"),
    (r"^\d\w\s$", "1_\t", "1__"),
    (r"^\D\W\S$", "a-b", "1-b"),
    (r"^\S$", "é", "\v"),
    (r"\bcat\b", "a cat!", "concat"),
    (r"^\$\(\.\)$", "$(.)", "$(x)"),
    (r"^\xe9\u20AC$", "é€", "e€"),
    (r"^\t\n\r\f\v$", "\t\n\r\f\v", "tnrfv"),
    ("^a{2}$", "aa", "a"),
    ("^a{2,}$", "aaa", "a"),
    ("^a{1,2}$", "aa", "aaa"),
    ("^a{0,}$", "aaa", "b"),
    ("^a{0,2}$", "", "aaa"),
    ("^(?:ab)+?$", "abab", "aba"),
    ("^(ab|c)*$", "abcab", "abb"),
    ("^a|$", "b", ""),
    ("^(a|)$", "", "b"),
    ("^()$", "", "b"),
    ("^😀.$", "😀é", "😀"),
    ("^%_'\"`;:,=@#&~!<>/-$", "%_'\"`;:,=@#&~!<>/-", "x"),
    (r"^\%\_\'\-\/\ $", "%_'-/ ", "x"),
]
# In these the second text is one in which the pattern is found too.
BOTH = {"", "^a|$"}


@pytest.mark.parametrize("case", range(len(FOUND)))
def test_a_pattern_is_found_on_sqlite(case: int) -> None:
    """A pattern finds what it says in SQLite."""
    pattern, inside, outside = FOUND[case]
    column = SqliteColumn(sa.Text())
    column.keep(inside, outside, None)
    assert column.find("regex", pattern) == ([1, 2] if pattern in BOTH else [1])


@pytest.mark.anyio
async def test_patterns_are_found_on_postgresql() -> None:
    """The same patterns find the same in PostgreSQL."""
    async with postgresql_columns() as make:
        for pattern, inside, outside in FOUND:
            column = await make(sa.Text(), _literal(inside), _literal(outside), "NULL")
            expected = [1, 2] if pattern in BOTH else [1]
            assert await column.find("regex", pattern) == expected, pattern


@pytest.mark.anyio
async def test_patterns_are_found_on_mariadb() -> None:
    """The same patterns find the same in MariaDB."""
    async with mariadb_columns() as make:
        for pattern, inside, outside in FOUND:
            column = await make(sa.Text(), _hexadecimal(inside), _hexadecimal(outside), "NULL")
            expected = [1, 2] if pattern in BOTH else [1]
            assert await column.find("regex", pattern) == expected, pattern


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _hexadecimal(text: str) -> str:
    return f"x'{text.encode().hex()}'"


REFUSED = {
    "$a": "goes on after $",
    "(a|$)b": "goes on after $",
    "($)*": "goes on after $",
    "(": "has a ( without its )",
    "a)": "has a ) without its (",
    "[a": "has a [ without its ]",
    "[]": "has a [ without its ]",
    "[^": "has a [ without its ]",
    "*a": "has nothing for * to repeat",
    "a||*": "has nothing for * to repeat",
    "^*": "repeats a place",
    r"\b+": "repeats a place",
    "a**": "repeats a repetition",
    "a*+": "repeats a repetition",
    "a{2}{3}": "repeats a repetition",
    "a{": "has a { that counts nothing",
    "a{,2}": "has a { that counts nothing",
    "a{2,1}": "counts from 2 down to 1",
    "a{0}": "repeats something no times",
    "a{0,0}": "repeats something no times",
    "a{81}": "repeats something more than 80 times",
    "[z-a]": "has a range from z down to a",
    "[[:alpha:]]": "has a class by name",
    "\\": "has an unknown escape",
    r"\p{L}": "has an unknown escape \\p",
    r"\1": "has an unknown escape \\1",
    r"\x4": "has no hexadecimal digits",
    r"\u123": "has no hexadecimal digits",
    r"\ud800": "names a character that no text has",
    r"\x00": "names a character that no text has",
    "(?=a)": "has nothing for ? to repeat",
    "(?i)a": "has nothing for ? to repeat",
    "(a{20}){20}": "repeats more than 80 characters",
    "a" * 501: "must be a pattern of 500 characters at most",
    "(" * 40 + ")" * 40: "nests too deep",
}


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    """A mistake in a pattern is named with its place."""
    with pytest.raises(ValueError, match=re.escape(REFUSED[pattern])):
        check_pattern(pattern)


ATOMS = st.sampled_from(
    ["a", "b", "-", "é", ".", r"\d", r"\W", "[ab]", "[^a]", "[a-c]", r"[\s1]", r"\.", "1", " "]
)
QUANTIFIERS = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,2}", "{0,}", "*?"])
PATTERNS = st.recursive(
    st.lists(
        st.one_of(st.builds(str.__add__, ATOMS, QUANTIFIERS), st.sampled_from(["^", "$", r"\b"])),
        max_size=3,
    ).map("".join),
    lambda inner: st.one_of(
        st.builds("({}){}".format, inner, QUANTIFIERS),
        st.builds("{}|{}".format, inner, inner),
        st.builds("{}{}".format, inner, inner),
    ),
    max_leaves=5,
)


@cache
def text_column() -> SqliteColumn:
    return SqliteColumn(sa.Text())


@settings(max_examples=200, deadline=None)
@given(pattern=PATTERNS, texts=st.lists(st.text("aab1 -é.\n\0", max_size=6), max_size=4))
def test_sqlite_finds_what_python_finds(pattern: str, texts: list[str]) -> None:
    """Every pattern of the language finds on SQLite what Python's re finds."""
    try:
        check_pattern(pattern)
    except ValueError:
        assume(False)
    python = re.compile(_as_python(pattern), re.DOTALL | re.ASCII)
    column = text_column()
    column.keep(*texts)
    expected = [place for place, text in enumerate(texts, 1) if python.search(text)]
    assert column.find("regex", pattern) == expected


def _as_python(pattern: str) -> str:
    # Python's $ also matches before a newline at the end.
    return pattern.replace("$", r"\Z")


# What a NUL in a text is to a pattern, which cannot name it: the second text has none of these.
BY_NUL: list[tuple[str, str, str]] = [
    ("^a.b$", "a\0b", "ab"),
    ("b$", "a\0b", "b\0a"),
    ("a$", "\0a", "a\0b"),
    ("c", "\0\0c", "\0\0"),
    (r"^\W\D\S$", "\0\0\0", "\0\0 "),
    (r"^[^a][^\x01-\x03][\W]$", "\0\0\0", "a\0\0"),
    (r"\bb\b", "a\0b\0c", "a\0bc"),
    (r"^.$", "\0", "\0\0"),
    ("a.b", "é\0a\0b", "a\0\0b"),
    # These it is not, whatever character stands in for it.
    ("[\x01-~]", "\0a", "\0\0"),
    (r"\x01", "\x01", "\0"),
    (r"[\s\w]", "\0_", "\0"),
    ("[\x01-\ud7ff\ue000-\U0010fffe]", "\0\ue000", "\0"),
    ("\U0010ffff", "\0\U0010ffff", "\0"),
]


@pytest.mark.parametrize("case", range(len(BY_NUL)))
def test_a_nul_ends_no_text_and_is_no_letter(case: int) -> None:
    """A text that holds a NUL is looked through to its end."""
    pattern, inside, outside = BY_NUL[case]
    column = SqliteColumn(sa.Text())
    column.keep(inside, outside)
    assert column.find("regex", pattern) == [1]


def test_hostile_patterns_take_little_time() -> None:
    """Patterns that blow a backtracking matcher up are done in no time."""
    column = SqliteColumn(sa.Text())
    column.keep("a" * 5_000)
    for pattern in ("(a*)*b", "(a|a)*b", "(a?){20}a{20}b", "((a?){5}){5}b", "(.*.*.*){19}z"):
        start = time.perf_counter()
        assert column.find("regex", pattern) == []
        assert time.perf_counter() - start < 2, pattern


def test_the_words_of_each_database_differ() -> None:
    """What a database spells in its own way is spelt so."""
    assert pattern_for("sqlite", r"^a.\b$") == r"(^a.\b$)"
    assert pattern_for("postgresql", r"^a.\b$") == r"(^a.\y$)"
    assert pattern_for("mysql", r"^a.\b$") == r"(?s)^a.\b\z"
