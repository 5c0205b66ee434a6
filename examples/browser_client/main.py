from antiphon import Server

io = Server(max_http_buffer_size=100_000)


@io.event("upload")
def upload(_socket: object, data: bytes) -> str:
    return f"{len(data)} bytes"


io.of("/news")
io.of("/admin")


if __name__ == "__main__":
    io.run(port=3000)
