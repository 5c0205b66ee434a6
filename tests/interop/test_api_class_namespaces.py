"""Namespaces as classes: handlers as methods, for one name, for many, and for the main namespace.

Source: ours; what they do is what server-api.md says of "Namespace".
"""

from __future__ import annotations

import asyncio
import re

import pytest

from antiphon import Ack, Adapter, ConfigurationError, ConnectionRefused, Namespace, on
from interop_driver import until


class Chat(Namespace):
    """What a user would write."""

    greeting = "welcome"

    def __init__(self, server, name):
        super().__init__(server, name)
        self.history: list[str] = []
        self.left: list[tuple[str, str | None]] = []

    def on_connection(self, socket):
        socket.emit(self.greeting, socket.nsp.name, len(self.sockets))

    def on_connect(self, socket):
        socket.emit("on_connect")

    async def on_disconnect(self, socket, reason):
        await asyncio.sleep(0)
        self.left.append((socket.id, reason))

    async def on_message(self, socket, text):
        await asyncio.sleep(0)
        self.history.append(text)
        self.emit("message", text)
        return len(self.history)

    def on_two_words(self, socket):
        return "with an underscore"

    @on("two words")
    def say(self, socket, *args):
        return "with a space", *args

    @on("by hand")
    def answer(self, socket, value, ack: Ack):
        ack(value, "by hand")

    @on("*")
    def anything(self, socket, event, *args):
        return self.helper(event), *args

    def helper(self, event):
        return f"nobody handles {event}"


def test_methods_are_the_handlers(stage, connect):
    chat = stage.io.of("/chat", Chat)
    assert stage.io.of("chat") is chat
    assert isinstance(chat, Chat)
    client = connect(stage, "/chat")
    client.expect_event("on_connect")
    assert client.expect_event("welcome") == ["/chat", 1]
    assert client.call("message", "one") == [1]
    assert client.call("message", "two") == [2]
    assert client.call("two_words") == ["with an underscore"]
    assert client.call("two words", b"binary") == ["with a space", b"binary"]
    assert client.call("by hand", 1) == [1, "by hand"]
    assert client.call("unknown", 1) == ["nobody handles unknown", 1]
    assert client.call("helper") == ["nobody handles helper"]
    assert client.call("say") == ["nobody handles say"]
    assert client.seen.events() == ["on_connect", "welcome", "message", "message"]
    assert chat.history == ["one", "two"]
    client.disconnect()
    until(lambda: chat.left == [(client.id, "client namespace disconnect")])


def test_methods_of_the_namespace_itself_are_no_handlers(stage, connect):
    @on("own")
    def own(self, socket):
        return "own"

    stage.io.of("/a", type("Bare", (Namespace,), {"own": own}))
    client = connect(stage, "/a")
    assert client.call("own") == ["own"]
    for event in ("server_side_emit", "emit", "use"):
        assert client.call(event, timeout=10) == ["operation has timed out"]


def test_handlers_and_middlewares_may_be_added_to_a_class(stage, connect, start):
    chat = stage.io.of("/chat", Chat)
    chat.event("more")(lambda socket: "more")

    @chat.use
    def check(socket):
        if "token" not in socket.handshake.auth:
            raise ConnectionRefused("not authorized")

    assert start(stage, "/chat").expect("connect_error")["message"] == "not authorized"
    client = connect(stage, "/chat", auth={"token": 1})
    assert client.call("more") == ["more"]
    assert client.call("message", "text") == [1]
    chat.off("message")
    assert client.call("message", "text") == ["nobody handles message", "text"]


def test_what_a_method_raises_is_given_to_the_exception_handler(stage, connect):
    @stage.io.exception_handler
    def failed(error, event, socket):
        stage.seen.add("failed", error=str(error), event=event, id=socket.id)

    class Broken(Namespace):
        def on_plain(self, socket):
            raise ValueError("plain")

        async def on_later(self, socket):
            await asyncio.sleep(0)
            raise ValueError("later")

    stage.io.of("/broken", Broken)
    client = connect(stage, "/broken")
    for event in ("plain", "later"):
        client.emit(event)
        stage.seen.expect("failed", error=event, event=event, id=client.id)
    assert client.state()["connected"]


def test_a_class_inherits_and_replaces_handlers(stage, connect):
    class Quiet(Chat):
        greeting = "hush"

        def on_message(self, socket, text):
            return "not a word"

        @on("*")
        def nothing(self, socket, event, *args):
            return "nothing"

    Quiet.anything = None
    stage.io.of("/quiet", Quiet)
    client = connect(stage, "/quiet")
    client.expect_event("hush")
    assert client.call("message", "text") == ["not a word"]
    assert client.call("two words") == ["with a space"]
    assert client.call("unknown") == ["nothing"]


def test_each_name_has_an_object_of_its_own(stage, connect):
    one, two = stage.io.of("/one", Chat), stage.io.of("/two", Chat)
    connect(stage, "/one").call("message", "x")
    assert (one.history, two.history) == (["x"], [])


def test_a_pattern_makes_objects_of_a_class(stage, connect):
    parent = stage.io.of(re.compile(r"^/chat-\d$"), Chat)
    parent.event("more")(lambda socket: "more")
    parent.use(lambda socket: socket.emit("middleware"))
    one, two = connect(stage, "/chat-1"), connect(stage, "/chat-2")
    for client, name in ((one, "/chat-1"), (two, "/chat-2")):
        client.expect_event("middleware")
        assert client.expect_event("welcome") == [name, 1]
        assert client.call("message", name) == [1]
        assert client.call("more") == ["more"]
        assert client.call("two words") == ["with a space"]
    children = {child.name: child for child in parent.children}
    assert {name: child.history for name, child in children.items()} == {
        "/chat-1": ["/chat-1"],
        "/chat-2": ["/chat-2"],
    }
    stage.running.call(lambda: parent.emit("to all"))
    one.expect_event("to all")
    two.expect_event("to all")


def test_a_function_and_an_asterisk_make_objects_of_a_class(stage, connect):
    stage.io.of("*", Chat)
    stage.io.of(lambda name, auth: name == "/other", type("Other", (Chat,), {"greeting": "other"}))
    assert connect(stage, "/other").expect_event("other") == ["/other", 1]
    assert connect(stage, "/any").expect_event("welcome") == ["/any", 1]


def test_the_main_namespace_may_be_of_a_class(stage, connect):
    stage.io.event("before")(lambda socket: "before")
    stage.io.use(lambda socket: socket.emit("middleware"))
    stage.io.on("new_namespace", lambda namespace: stage.seen.add("new_namespace"))
    chat = stage.running.call(lambda: stage.io.of("/", Chat))
    assert stage.io.sockets is stage.io.of("/") is chat
    assert stage.seen.count("new_namespace") == 0
    stage.io.event("after")(lambda socket: "after")
    client = connect(stage)
    client.expect_event("middleware")
    assert client.expect_event("welcome") == ["/", 1]
    assert client.call("message", "text") == [1]
    assert client.call("before") == ["before"]
    assert client.call("after") == ["after"]
    assert client.call("unknown") == ["nobody handles unknown"]
    stage.running.call(lambda: stage.io.to(client.id).emit("by the server"))
    client.expect_event("by the server")


def test_a_namespace_that_is_there_already_gets_its_class_as_long_as_it_is_empty(stage, connect):
    plain = stage.io.of("/chat")
    plain.event("before")(lambda socket: "before")
    chat = stage.running.call(lambda: stage.io.of("/chat", Chat))
    assert stage.io.of("/chat", Chat) is stage.io.of("/chat") is chat is not plain
    client = connect(stage, "/chat")
    assert client.call("before") == ["before"]
    assert client.call("message", "text") == [1]
    with pytest.raises(ConfigurationError, match="/chat has clients already, and is no Other"):
        stage.io.of("/chat", type("Other", (Namespace,), {}))
    assert client.call("message", "text") == [2]


def test_the_adapter_of_a_namespace_that_gets_its_class_later_is_closed(serve):
    told = []

    class NotedAdapter(Adapter):
        def init(self):
            told.append(("init", type(self.nsp).__name__))

        def close(self):
            told.append(("close", type(self.nsp).__name__))

    stage = serve(adapter=NotedAdapter)
    stage.running.call(lambda: stage.io.of("/chat", lambda socket: None))
    # The server begins with the first client, or with whatever needs its loop.
    stage.running.call(stage.io.begin)
    assert told == [("init", "Namespace")] * 2
    stage.running.call(lambda: stage.io.of("/chat", Chat))
    assert sorted(told[2:]) == [("close", "Namespace"), ("init", "Chat")]


def test_a_method_that_cannot_be_a_handler_is_refused_at_once(stage):
    class Wrong(Namespace):
        def on_message(self):
            pass

    with pytest.raises(ConfigurationError, match="must take the socket"):
        stage.io.of("/wrong", Wrong)
    assert stage.io.find_namespace("/wrong") is None


@pytest.mark.parametrize("kind", ["pattern", "async function"])
def test_a_class_whose_object_cannot_be_made_makes_no_namespace_and_harms_nobody(stage, connect, node, kind):
    @stage.io.exception_handler
    def failed(error, event, socket):
        stage.seen.add("failed", error=str(error), socket=socket)

    class Broken(Namespace):
        def __init__(self, server, name):
            super().__init__(server, name)
            raise ValueError("the database is away")

    async def allow(name, auth):
        await asyncio.sleep(0)
        return True

    stage.io.of(re.compile("^/a$") if kind == "pattern" else allow, Broken)
    stage.io.event("ask")(lambda socket: "answer")
    root = connect(stage)
    error = node.client("/a", share=root).expect("connect_error", 5)
    assert (error["message"], error["data"]) == ("Invalid namespace", None)
    stage.seen.expect("failed", error="the database is away", socket=None)
    assert root.call("ask") == ["answer"]
    assert stage.io.find_namespace("/a") is None
