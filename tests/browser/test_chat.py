"""The chat of the examples, in two pages of a real browser: over WebSocket, and where WebSocket is blocked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import Browser, Locator, Page, expect

from chat_in_chromium import chromium, serving_chat, what_is_missing

if missing := what_is_missing():
    pytest.skip(missing, allow_module_level=True)

expect.set_options(timeout=15_000)

TRANSPORT_IN_USE = "socket.io.engine.transport.name"

BLOCK_WEBSOCKET = """
    // As behind a proxy that lets no WebSocket through: the constructor works, the connection fails.
    window.failedWebSockets = 0;
    window.WebSocket = class extends WebSocket {
      constructor() {
        super("ws://127.0.0.1:1/");
        this.addEventListener("error", () => { window.failedWebSockets += 1; });
      }
    };
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def chat() -> Iterator[str]:
    with serving_chat() as url:
        yield url


class Visitor:
    """Somebody at a page of the chat."""

    def __init__(self, browser: Browser, url: str, script: str = "") -> None:
        self.errors: list[str] = []
        self.page: Page = browser.new_context().new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.add_init_script(script)
        self.page.goto(url)
        self.status = self.page.locator("#status")

    def enter(self, nickname: str) -> None:
        self.page.get_by_role("textbox", name="Nickname").fill(nickname)
        self.page.get_by_role("button", name="Enter").click()

    def say(self, text: str) -> None:
        self.page.get_by_role("textbox", name="Message").fill(text)
        self.page.get_by_role("button", name="Send").click()

    def join(self, room: str) -> None:
        field = self.page.get_by_role("textbox", name="Name of a room to join")
        field.fill(room)
        field.press("Enter")
        expect(self.notices(f"#{room}")).to_have_text([f"You joined #{room}"])

    def show(self, room: str) -> None:
        self.page.locator("#rooms").get_by_role("button", name=room).first.click()

    def notices(self, room: str = "#everyone") -> Locator:
        return self.page.locator(f"[data-room='{room}'] .notice")

    def messages(self, room: str = "#everyone") -> Locator:
        return self.page.locator(f"[data-room='{room}'] .message .text")

    def online(self) -> Locator:
        return self.page.locator("#online li")

    def leave(self) -> None:
        assert self.errors == []
        self.page.context.close()


@pytest.mark.parametrize("blocked", [False, True], ids=["websocket", "websocket-blocked"])
def test_two_people_talk(browser: Browser, chat: str, blocked: bool) -> None:
    script = BLOCK_WEBSOCKET if blocked else ""
    ada, ben = Visitor(browser, chat, script), Visitor(browser, chat, script)
    ada.enter("Ada")
    expect(ada.online()).to_contain_text(["Ada (you)"])
    ben.enter("Ben")
    expect(ada.notices()).to_have_text(["Ben joined the chat"])
    expect(ada.online()).to_contain_text(["Ada (you)", "Ben"])
    expect(ben.online()).to_contain_text(["Ada", "Ben (you)"])

    for visitor in (ada, ben):
        if blocked:
            visitor.page.wait_for_function("window.failedWebSockets === 1")
            expect(visitor.status).to_have_text("connected over polling")
        else:
            visitor.page.wait_for_function(f"{TRANSPORT_IN_USE} === 'websocket'")
            expect(visitor.status).to_have_text("connected over WebSocket")

    ada.say("Hello, Ben! <b>Not bold.</b>")
    expect(ben.messages()).to_have_text(["Hello, Ben! <b>Not bold.</b>"])
    ben.say("Hello, Ada. Grüße, 你好")
    expect(ada.messages()).to_have_text(["Hello, Ben! <b>Not bold.</b>", "Hello, Ada. Grüße, 你好"])
    expect(ada.page.locator(".pending, .failed")).to_have_count(0)

    assert ada.page.evaluate(TRANSPORT_IN_USE) == ("polling" if blocked else "websocket")
    ben.leave()
    expect(ada.notices()).to_have_text(["Ben joined the chat", "Ben left the chat"])
    expect(ada.online()).to_contain_text(["Ada (you)"])
    ada.leave()


def test_messages_of_a_room_reach_only_the_room(browser: Browser, chat: str) -> None:
    ada, ben, eve = (Visitor(browser, chat) for _ in range(3))
    for visitor, nickname in ((ada, "Ada"), (ben, "Ben"), (eve, "Eve")):
        visitor.enter(nickname)
        expect(visitor.online()).to_contain_text([f"{nickname} (you)"])
    ada.join("garden")
    ben.join("garden")
    expect(ada.notices("#garden")).to_have_text(["You joined #garden", "Ben joined #garden"])

    ada.say("Only for the garden")
    expect(ben.messages("#garden")).to_have_text(["Only for the garden"])
    # What comes later has come: what was sent before it would be there.
    ada.show("#everyone")
    ada.say("For everyone")
    expect(eve.messages()).to_have_text(["For everyone"])
    assert "garden" not in (eve.page.text_content("body .chat") or "")
    expect(ben.page.locator("#rooms [data-room='#everyone'] .unread")).to_have_text("1")

    ben.page.get_by_role("button", name="Leave #garden").click()
    expect(ada.notices("#garden")).to_have_text(["You joined #garden", "Ben joined #garden", "Ben left #garden"])
    ada.show("#garden")
    ada.say("Nobody here?")
    expect(ada.page.locator(".pending, .failed")).to_have_count(0)
    ada.show("#everyone")
    ada.say("Bye")
    expect(ben.messages()).to_have_text(["For everyone", "Bye"])
    assert "Nobody here?" not in (ben.page.text_content("body .chat") or "")
    for visitor in (ada, ben, eve):
        visitor.leave()


def test_a_nickname_is_given_once(browser: Browser, chat: str) -> None:
    ada, other = Visitor(browser, chat), Visitor(browser, chat)
    ada.enter("Ada")
    expect(ada.online()).to_contain_text(["Ada (you)"])
    other.enter("Ada")
    expect(other.page.get_by_role("alert")).to_have_text("Somebody is called Ada already.")
    other.enter("  ")
    expect(other.page.get_by_role("alert")).to_have_text("Please type a nickname.")
    other.enter("Ben")
    expect(other.online()).to_contain_text(["Ada", "Ben (you)"])
    ada.leave()
    other.leave()


def test_others_see_who_is_typing(browser: Browser, chat: str) -> None:
    ada, ben = Visitor(browser, chat), Visitor(browser, chat)
    ada.enter("Ada")
    expect(ada.online()).to_contain_text(["Ada (you)"])
    ben.enter("Ben")
    expect(ada.notices()).to_have_text(["Ben joined the chat"])
    field = ben.page.get_by_role("textbox", name="Message")
    expect(field).to_be_enabled()
    field.press_sequentially("Well")
    expect(ada.page.locator("#typing")).to_have_text("Ben is typing…")
    ben.page.get_by_role("button", name="Send").click()
    expect(ada.messages()).to_have_text(["Well"])
    expect(ada.page.locator("#typing")).to_have_text("")
    ada.leave()
    ben.leave()


def test_a_page_comes_back_after_its_connection_broke(browser: Browser, chat: str) -> None:
    ada, ben = Visitor(browser, chat), Visitor(browser, chat)
    for visitor, nickname in ((ada, "Ada"), (ben, "Ben")):
        visitor.enter(nickname)
        expect(visitor.online()).to_contain_text([f"{nickname} (you)"])
    ada.join("garden")
    ben.join("garden")
    ada.page.evaluate("socket.io.engine.close()")
    expect(ada.status).to_contain_text("reconnecting")
    expect(ben.notices("#garden").last).to_have_text("Ada joined #garden")
    ada.say("Here again")
    expect(ben.messages("#garden")).to_have_text(["Here again"])
    ada.leave()
    ben.leave()


def test_transports_in_the_address_limit_the_client(browser: Browser, chat: str) -> None:
    ada = Visitor(browser, f"{chat}/?transports=polling")
    ada.enter("Ada")
    expect(ada.online()).to_contain_text(["Ada (you)"])
    expect(ada.status).to_have_text("connected over polling")
    assert ada.page.evaluate("socket.io.engine.transports") == ["polling"]
    ada.leave()
