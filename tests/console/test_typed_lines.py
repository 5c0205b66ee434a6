"""What a typed line means."""

from __future__ import annotations

import pytest

from antiphon._console.input import Command, FileArgument, InputError, TypedEvent, parse_argument, parse_line


def event(name: str, *args: object, asks: bool = False) -> TypedEvent:
    return TypedEvent(name, args, asks)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("chat", event("chat")),
        ("  chat  ", event("chat")),
        ("chat hello", event("chat", "hello")),
        ('chat {"json": 1}', event("chat", {"json": 1})),
        ('chat {"json": 1} [1, 2] "a b" plain', event("chat", {"json": 1}, [1, 2], "a b", "plain")),
        ('chat {"a": {"b": [1, {"c": "} ]"}]}} x', event("chat", {"a": {"b": [1, {"c": "} ]"}]}}, "x")),
        ("n 1 -2 3.5 1e3 true false null", event("n", 1, -2, 3.5, 1000.0, True, False, None)),
        ("n 12abc 1.2.3 - +1 01", event("n", "12abc", "1.2.3", "-", "+1", "01")),
        ("n NaN Infinity -Infinity 1e999", event("n", "NaN", "Infinity", "-Infinity", "1e999")),
        ('n "1" "true"', event("n", "1", "true")),
        ('"two words" x', event("two words", "x")),
        ('"/slash" x', event("/slash", "x")),
        ('"?"', event("?")),
        (r'n "say \"hi\" \u00e9"', event("n", 'say "hi" é')),
        ("n it's ü 日本", event("n", "it's", "ü", "日本")),
        ("n\ta\tb", event("n", "a", "b")),
        ("42 x", event("42", "x")),
        ("get ?", event("get", asks=True)),
        ('get {"a": 1} ?', event("get", {"a": 1}, asks=True)),
        ('get "?"', event("get", "?")),
        ("get ? x", event("get", "?", "x")),
        ("get what?", event("get", "what?")),
        ("get ? ?", event("get", "?", asks=True)),
        ("n @cat.png", event("n", FileArgument("cat.png"))),
        ("n @ a@b", event("n", "@", "a@b")),
        ('n "@cat"', event("n", "@cat")),
        ("/help", Command("help")),
        ("  /quit ", Command("quit")),
        ("", None),
        ("   \t", None),
    ],
)
def test_a_line_means(line: str, meant: object) -> None:
    assert parse_line(line) == meant


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('chat {"json": 1', "is no JSON: expecting ',' delimiter at its end"),
        ("chat {json: 1}", "at 'json: 1}'"),
        ("chat [1, 2", "[1, 2 is no JSON"),
        ('chat "open', '"open is no JSON: unterminated string'),
        ("chat [INFO] started", "text that begins like JSON goes in double quotes"),
        ("chat [NaN]", "[NaN] is no JSON: NaN is no JSON"),
        ('chat {"a": 1}x', 'a space is missing after {"a": 1}'),
        ('chat "a""b"', 'a space is missing after "a"'),
        ('"open', "unterminated string"),
        ('{"json": 1}', "a line begins with the name of an event"),
        ("[1]", "a line begins with the name of an event"),
        ("?", "a line begins with the name of an event"),
        ("/help me", 'goes in quotes: "/help"'),
        ("chat " + "[" * 100_000, "nested too deeply"),
    ],
)
def test_what_means_nothing_is_explained_in_one_line(line: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_line(line)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ('{"a": 1}', {"a": 1}),
        ("two words", "two words"),
        ("5", 5),
        ('"5"', "5"),
        ("", ""),
        ("?", "?"),
        ("@file", FileArgument("file")),
    ],
)
def test_a_word_of_the_shell_means(word: str, meant: object) -> None:
    assert parse_argument(word) == meant


def test_a_word_of_the_shell_that_begins_like_json_and_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="is no JSON"):
        parse_argument('{"a": 1')
