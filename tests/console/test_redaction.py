"""Secrets are left out; what is none stays as it is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm.console.redaction import redact


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("call a login user=me password=hunter2", "call a login user=me password=***"),
        ("call a login password='two words' x=1", "call a login password=*** x=1"),
        ("call a b api_key:=\"abc\" c=1", "call a b api_key:=*** c=1"),
        ("call a b dbPassword=abc", "call a b dbPassword=***"),
        ("call a b userpass=abc new_passwords=x", "call a b userpass=*** new_passwords=***"),
        ('request a {"password2": ["x"]}', 'request a {"password2": ["***"]}'),
        ('request a b {"token": "abc", "x": 1}', 'request a b {"token": "***", "x": 1}'),
        ("request a b '{\"token\": \"abc\"}'", "request a b '{\"token\": \"***\"}'"),
        ('request a {"auth": {"a": "u", "b": 1}}', 'request a {"auth": {"a": "***", "b": ***}}'),
        ("call a b x:='{\"auth\": \"u\"}'", "call a b x:='{\"auth\": \"***\"}'"),
        ('request a {"secrets": ["x", "y"]}', 'request a {"secrets": ["***", "***"]}'),
        ('request a {"password": "unfinis', 'request a {"password": "***'),
        ('request a {"pin": "12', 'request a {"pin": "***'),
        ("run x --password hunter2 -n 3", "run x --password *** -n 3"),
        ("run x --password=hunter2", "run x --password=***"),
        ("ps | x -H 'Authorization: Bearer a.b' y", "ps | x -H 'Authorization: Bearer ***' y"),
        ("ps | curl https://me:hunter2@host/x", "ps | curl https://me:***@host/x"),
        ("call a b text=ghp_abcdefghijklmnop", "call a b text=***"),
        ("call a b text=ghp_abcdefghijklmnop pin=12", "call a b text=*** pin=***"),
        ("call a b key=AKIAABCDEFGHIJKLMNOP", "call a b key=***"),
        ("call a b x=eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abc-_1", "call a b x=***"),
    ],
)  # fmt: skip
def test_secrets(text: str, kept: str) -> None:
    assert redact(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "call store search text=fork limit=5",
        'request store search {"text": "password"}',
        'request a {"author": "x", "key": "y"}',
        "call store search text=passwords",
        "call a login password=",
        "call a pinned spin=1",
        "call a go compass=north bypass=true",
        "describe store authors",
        "ps -o csv | grep token",
        "tail -n 5",
    ],
)
def test_what_is_no_secret(text: str) -> None:
    assert redact(text) == text


def test_patterns_of_the_user() -> None:
    assert redact("call a b id=x-1234", [re.compile(r"x-\d+")]) == "call a b id=***"
    both = [re.compile("c more and"), re.compile("more")]
    assert redact("call a password=abc more and on", both) == "call a password=*** on"
    named = re.compile(r"id=(?P<secret>\S+)")
    assert redact("call a b id=x-1234", [named]) == "call a b id=***"


@given(st.text("ab{}[]\"':=,| \n-", max_size=30), st.text("xyz0123456789", min_size=6, max_size=9))
def test_a_secret_is_never_kept(before: str, secret: str) -> None:
    for start in ("password=", "token:=", '{"secret": "', "--api-key "):
        assert secret not in redact(f"call a {start}{secret}")
    assert secret not in redact(f"{before}\ncall a password={secret}") or before
    redact(before)
