from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import FileResponse

PAGE = Path(__file__).parent / "index.html"

app = FastAPI()


@app.get("/")
async def home() -> FileResponse:
    return FileResponse(PAGE)


if __name__ == "__main__":
    uvicorn.run(app, port=3000)
