from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from antiphon import Server, Socket


async def home(request: object) -> PlainTextResponse:
    return PlainTextResponse("home")


io = Server()
app = io.wrap(Starlette(routes=[Route("/", home)]))


@io.event("sum")
async def total(socket: Socket, *numbers: float) -> float:
    return sum(numbers)
