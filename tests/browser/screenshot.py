"""Makes docs/images/chat.png again: two people in the chat, one at a desk and one on a phone.

Run it with ``python tests/browser/screenshot.py [--dark] [FILE]``.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from playwright.sync_api import Browser, Frame, expect

from chat_in_chromium import chromium, serving_chat, what_is_missing

IMAGE = Path(__file__).parents[2] / "docs" / "images" / "chat.png"

TWO_WINDOWS = """
<!doctype html>
<style>
  body { margin: 0; height: 700px; position: relative; overflow: hidden;
         background: linear-gradient(125deg, #c9c4f4, #e9dcf2 55%, #f8dfd6); }
  iframe { position: absolute; border: 0; box-shadow: 0 18px 50px #2b22603d, 0 2px 8px #2b22601f; }
  #desk { left: 48px; top: 44px; width: 748px; height: 612px; border-radius: 14px; }
  #phone { left: 832px; top: 44px; width: 320px; height: 612px; border-radius: 30px; }
</style>
<iframe id="desk" src="/" name="desk"></iframe><iframe id="phone" src="/" name="phone"></iframe>
"""


def enter(frame: Frame, nickname: str) -> None:
    frame.get_by_role("textbox", name="Nickname").fill(nickname)
    frame.get_by_role("button", name="Enter").click()
    expect(frame.locator("#online")).to_contain_text(f"{nickname} (you)")
    expect(frame.locator("#status")).to_have_text("connected over WebSocket")


def say(author: Frame, reader: Frame, text: str) -> None:
    author.get_by_role("textbox", name="Message").fill(text)
    author.get_by_role("button", name="Send").click()
    expect(reader.locator(".message:visible").last).to_contain_text(text)


def join(frame: Frame, room: str) -> None:
    field = frame.get_by_role("textbox", name="Name of a room to join")
    field.fill(room)
    field.press("Enter")
    expect(frame.locator("#rooms .current")).to_contain_text(room)


def show(frame: Frame, room: str) -> None:
    frame.locator("#rooms").get_by_role("button", name=room).first.click()


def take(browser: Browser, url: str, image: Path, *, dark: bool) -> None:
    """Play a conversation and take the picture."""
    context = browser.new_context(
        viewport={"width": 1200, "height": 700}, color_scheme="dark" if dark else "light", locale="en-GB"
    )
    context.clock.set_fixed_time(datetime.datetime(2026, 5, 4, 10, 42))
    page = context.new_page()
    page.route("**/two-windows", lambda route: route.fulfill(body=TWO_WINDOWS, content_type="text/html"))
    page.goto(f"{url}/two-windows")
    ada, ben = page.frame("desk"), page.frame("phone")
    assert ada is not None
    assert ben is not None
    elsewhere = context.new_page()
    elsewhere.goto(url)
    clara = elsewhere.main_frame

    enter(ada, "Ada")
    join(ada, "concert")
    show(ada, "#everyone")
    enter(ben, "Ben")
    enter(clara, "Clara")
    expect(ben.get_by_text("Clara joined the chat")).to_be_visible()
    say(ada, ben, "Good morning! Are we still rehearsing tonight?")
    say(ben, ada, "Yes, at seven.")
    say(ben, ada, "I sing the call, you answer.")
    say(ada, ben, "With pleasure. I have a new piece for two choirs.")
    say(clara, ada, "Then you need me, too!")
    join(clara, "concert")
    clara.get_by_role("textbox", name="Message").fill("The hall is booked.")
    clara.get_by_role("button", name="Send").click()
    expect(ada.locator(".unread:visible")).to_have_text("1")
    ben.get_by_role("textbox", name="Message").press_sequentially("We need every")
    expect(ada.locator("#typing")).to_have_text("Ben is typing…")
    image.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=image, caret="initial")
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the picture of the chat again.")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("file", nargs="?", type=Path, default=IMAGE)
    options = parser.parse_args()
    if missing := what_is_missing():
        parser.exit(1, f"{missing}\n")
    with serving_chat() as url, chromium() as browser:
        take(browser, url, options.file, dark=options.dark)
    print(f"{options.file}: {options.file.stat().st_size // 1024} kB")  # noqa: T201


if __name__ == "__main__":
    main()
