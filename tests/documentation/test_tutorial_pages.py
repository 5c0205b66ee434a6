"""The pages of the tutorial, and what other pages of the documentation have for a browser, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import Browser, Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from antiphon import Server
from running_examples import CHROMIUM, EXAMPLES, load
from support import Running, serving

if CHROMIUM is None:
    pytest.skip("there is no Chromium on this machine", allow_module_level=True)

expect.set_options(timeout=15_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    flags = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags, chromium_sandbox=False)
        yield browser
        browser.close()


class Visitor:
    """Somebody at a page."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.errors: list[str] = []
        self.page: Page = browser.new_context().new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)

    def say(self, text: str) -> None:
        self.page.get_by_role("textbox", name="Message").fill(text)
        self.page.get_by_role("button", name="Send").click()

    def sees(self, *messages: str) -> None:
        expect(self.page.locator("#messages li")).to_have_text(list(messages))

    def cut(self) -> None:
        self.page.get_by_role("button", name="Cut the connection").click()

    def leave(self) -> None:
        assert self.errors == []
        self.page.context.close()


@pytest.fixture
def module(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.chdir(tmp_path)
    loaded = load(step)
    yield loaded
    if hasattr(loaded, "db"):
        loaded.db.close()


@pytest.fixture
def running(module: ModuleType) -> Iterator[Running]:
    with serving(module.io, "fast") as running:
        yield running


def of_step(*numbers: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("step", [f"tutorial/step_{number}" for number in numbers])


@of_step(3)
def test_the_page_of_step_3_connects(step: str, running: Running, browser: Browser) -> None:
    ada = Visitor(browser, running.url)
    ada.page.wait_for_function("socket.connected")
    ada.leave()


@of_step(5, 6)
def test_two_pages_share_what_is_said(step: str, running: Running, browser: Browser) -> None:
    ada, ben = Visitor(browser, running.url), Visitor(browser, running.url)
    for one in (ada, ben):
        one.page.wait_for_function("socket.connected")
    ada.say("Hello <b>Ben</b>")
    ben.sees("Hello <b>Ben</b>")
    ben.say("Hello Ada")
    for one in (ada, ben):
        one.sees("Hello <b>Ben</b>", "Hello Ada")
        one.leave()


@of_step(6)
def test_the_page_of_step_6_can_be_asked(step: str, running: Running, browser: Browser) -> None:
    ada, ben = Visitor(browser, running.url), Visitor(browser, running.url)
    for one in (ada, ben):
        one.page.wait_for_function("socket.connected")
    ben.page.on("dialog", lambda dialog: dialog.accept())
    assert ada.page.evaluate('socket.emitWithAck("add", 1, 2, 3)') == 6
    assert ada.page.evaluate('socket.emitWithAck("ask the others", "ready?")') == {"answers": [True], "silent": 0}
    for one in (ada, ben):
        one.leave()


@of_step(6)
def test_what_step_6_says_for_the_console_works(step: str, running: Running, browser: Browser) -> None:
    ada, ben = Visitor(browser, running.url), Visitor(browser, running.url)
    for one in (ada, ben):
        one.page.wait_for_function("socket.connected")
    ben.page.on("dialog", lambda dialog: dialog.accept())
    lines = [line for line in (EXAMPLES / step / "console.js").read_text().splitlines() if line]
    answers = [ada.page.evaluate(line.removeprefix("await ").partition(" //")[0]) for line in lines if "await" in line]
    assert answers == [6, {"answers": [True], "silent": 0}, ["garden"], "nobody listens to 'no such event'"]
    ada.page.evaluate(f"{{ {next(line for line in lines if 'await' not in line)} }}")
    ada.sees("garden: Only who has joined sees this")
    for one in (ada, ben):
        one.leave()


@of_step(7, 8, 9, 10, 11)
def test_a_page_that_was_cut_off_gets_what_it_missed(step: str, running: Running, browser: Browser) -> None:
    ada, ben = Visitor(browser, f"{running.url}/?name=Ada"), Visitor(browser, f"{running.url}/?name=Ben")
    told = "Ben: " if step.endswith("11") else ""
    for one in (ada, ben):
        one.sees("[connected]")
    ben.say("first")
    ada.sees("[connected]", f"{told}first")
    # It must not come back before the others have spoken.
    ada.page.evaluate("socket.io.reconnection(false)")
    ada.cut()
    ada.sees("[connected]", f"{told}first", "[cut off]")
    ben.say("second")
    ben.sees("[connected]", f"{told}first", f"{told}second")
    ada.page.evaluate("socket.connect()")
    # The client hands over what it missed before it says that it is back.
    ada.sees("[connected]", f"{told}first", "[cut off]", f"{told}second", "[back again]")
    for one in (ada, ben):
        one.leave()


@of_step(8, 9, 10, 11)
def test_a_page_that_cannot_be_recovered_gets_what_it_missed(
    step: str, running: Running, module: ModuleType, browser: Browser
) -> None:
    ada, ben = Visitor(browser, f"{running.url}/?name=Ada"), Visitor(browser, f"{running.url}/?name=Ben")
    told = "Ben: " if step.endswith("11") else ""
    ben.say("first")
    ada.sees("[connected]", f"{told}first")
    # Says goodbye: nothing is kept for it.
    ada.page.evaluate("socket.disconnect()")
    ben.say("second")
    ben.sees("[connected]", f"{told}first", f"{told}second")
    ada.page.evaluate("socket.connect()")
    ada.sees("[connected]", f"{told}first", "[cut off]", "[connected]", f"{told}second")
    for one in (ada, ben):
        one.leave()


@of_step(9, 10, 11)
def test_what_is_said_while_cut_off_arrives_once(
    step: str, running: Running, module: ModuleType, browser: Browser
) -> None:
    ada, ben = Visitor(browser, f"{running.url}/?name=Ada"), Visitor(browser, f"{running.url}/?name=Ben")
    told = "Ada: " if step.endswith("11") else ""
    for one in (ada, ben):
        one.sees("[connected]")
    ada.page.evaluate("socket.io.reconnection(false)")
    ada.cut()
    ada.sees("[connected]", "[cut off]")
    ada.say("first")
    ada.say("second")
    ada.page.evaluate("socket.connect()")
    ben.sees("[connected]", f"{told}first", f"{told}second")
    ada.sees("[connected]", "[cut off]", "[back again]", f"{told}first", f"{told}second")
    for one in (ada, ben):
        one.leave()


@of_step(11)
def test_the_page_of_step_11_says_why_it_was_refused(step: str, running: Running, browser: Browser) -> None:
    ada = Visitor(browser, f"{running.url}/?name=")
    ada.sees("[a name has 1 to 20 letters]")
    ada.leave()


@of_step(12)
def test_the_page_of_step_12_has_what_the_homework_asked_for(step: str, running: Running, browser: Browser) -> None:
    ada = Visitor(browser, f"{running.url}/?name=Ada")
    expect(ada.page.locator("#online")).to_have_text("Online: Ada")
    ben = Visitor(browser, f"{running.url}/?name=Ben")
    expect(ada.page.locator("#online")).to_have_text("Online: Ada, Ben")
    ben.say("hello")
    expect(ada.page.locator("#typing")).to_have_text("Ben is typing…")
    ada.say("@Ben psst")
    ada.say("@Eve psst")
    ada.sees("[Ben is here]", "Ben: hello", "You (to Ben): psst", "[Eve is not here]")
    ben.sees("You: hello", "Ada (to you): psst")
    for one in (ada, ben):
        one.leave()


# Other pages


def with_page(io: Server, html: str) -> Server:
    """Let a server send a page, which connects to where it came from."""

    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(html.replace("http://localhost:3000", str(request.base_url).rstrip("/")))

    return io.wrap(Starlette(routes=[Route("/", page)]))


def test_the_page_of_get_started_talks_to_its_server(browser: Browser) -> None:
    html = (EXAMPLES / "hello/page.html").read_text()
    assert "http://localhost:3000" in html
    printed: list[str] = []
    with serving(with_page(load("hello").io, html), "fast") as running:
        visitor = Visitor(browser, "about:blank")
        # Not what the browser says itself: it looks for an icon.
        visitor.page.on("console", lambda message: message.type == "log" and printed.append(message.text))
        visitor.page.goto(running.url)
        visitor.page.wait_for_function("socket.connected")
        assert visitor.page.evaluate('socket.emitWithAck("chat message", "again")') == "received"
        visitor.leave()
    assert printed == ["hello", "received", "again"]


def test_a_client_that_tries_again_is_acknowledged(browser: Browser) -> None:
    script = (EXAMPLES / "delivery/client.js").read_text()
    html = f'<script src="/socket.io/socket.io.min.js"></script><script>{script}</script>'
    with serving(with_page(load("delivery").io, html), "fast") as running:
        visitor = Visitor(browser, running.url)
        # It waits for the acknowledgement of each event before it sends the next.
        for number in range(3):
            assert visitor.page.evaluate(f'socket.emitWithAck("move", {number}, 2)') is None
        visitor.leave()


def test_the_examples_of_the_browser_client_run(browser: Browser) -> None:
    folder = EXAMPLES / "browser_client"
    html = (folder / "page.html").read_text()
    html += f"<script>{(folder / 'upload.js').read_text()}</script>"
    html += (
        f"<script type=module>{(folder / 'module.js').read_text()} Object.assign(window, {{ news, admin }});</script>"
    )
    printed: list[str] = []
    with serving(with_page(load("browser_client").io, html), "fast") as running:
        visitor = Visitor(browser, "about:blank")
        visitor.page.on("console", lambda message: message.type == "log" and printed.append(message.text))
        visitor.page.goto(running.url)
        visitor.page.wait_for_function("socket.connected && news.connected && admin.connected")
        visitor.page.wait_for_function("socket.io.engine.transport.name === 'websocket'")
        assert visitor.page.evaluate("news.io === admin.io")
        assert visitor.page.evaluate("upload(new File(['a file'], 'name.txt'))") == "6 bytes"
        assert visitor.page.evaluate("upload(new Uint8Array(100001))") == "at most 100000 bytes"
        visitor.leave()
    # The upgrade may be faster than the namespace.
    assert sorted(printed)[1:] == ["now by websocket"]
    assert sorted(printed)[0] in ("connected by polling", "connected by websocket")
