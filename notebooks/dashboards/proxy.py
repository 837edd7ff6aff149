"""The server side of a dashboard: the browser asks this, this asks Codika, and the key stays here.

    pip install "codika-nb[sandbox]"     # Starlette and uvicorn
    cp .env.example .env                 # and fill it in
    uvicorn proxy:app

It answers under the names in ALLOWED_HOSTS (127.0.0.1,localhost if that is not set): no other site can reach
it under a name of its own. Whoever reaches this page can run its workflow: in production put your own sign-in
in front of it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse
from starlette.routing import Route

from codika_nb import AsyncClient, CodikaError

HERE = Path(__file__).parent
LARGEST = 10_000  # bytes
NAMES = [name.strip() for name in os.environ.get("ALLOWED_HOSTS", "127.0.0.1,localhost").split(",")]
#: No other page may show this one within itself, where people would not know what they click on.
ALONE = {"Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff"}
logger = logging.getLogger("uvicorn.error")


class Greeting(BaseModel, extra="forbid", str_strip_whitespace=True):
    """What the workflow takes."""

    name: str = Field(min_length=1, max_length=100)
    language: Literal["en", "fr", "de", "es"] = "en"


class Wanted(BaseModel, extra="forbid"):
    """What the page may ask for: of all the workflows that the key opens, this one."""

    workflow: Literal["greet"] = Field(alias="workflowId")
    payload: Greeting


async def trigger(request: Request) -> JSONResponse:
    try:
        wanted = Wanted.model_validate_json(await sent(request))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return JSONResponse({"error": f"{'.'.join(map(str, first['loc']))}: {first['msg']}"}, 422)
    try:
        run = await request.state.client.run_workflow(
            wanted.workflow, wanted.payload.model_dump(), timeout=30
        )
        return JSONResponse({"result": run.result})
    except CodikaError as error:
        logger.error("%s", error)  # the reason is for whoever runs this server, not for the browser
        return JSONResponse({"error": "That did not work. Please try again later."}, 502)


async def sent(request: Request) -> bytes:
    """The body, if it is of a kind that pages of other sites cannot send, and not too long."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise HTTPException(415)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise HTTPException(413)
    return body


async def page(request: Request) -> FileResponse:
    return FileResponse(HERE / "index.html", headers=ALONE)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    async with AsyncClient(env_file=HERE / ".env") as client:
        yield {"client": client}


routes = [Route("/", page), Route("/api/trigger", trigger, methods=["POST"])]
names = Middleware(TrustedHostMiddleware, allowed_hosts=NAMES)
app = Starlette(routes=routes, lifespan=lifespan, middleware=[names])
