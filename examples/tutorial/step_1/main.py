import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

app = FastAPI()


@app.get("/")
async def home() -> HTMLResponse:
    return HTMLResponse("<h1>Hello world</h1>")


if __name__ == "__main__":
    uvicorn.run(app, port=3000)
