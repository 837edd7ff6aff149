"""``codika-nb mcp``: workflows as tools for agents, on standard input and output (Model Context Protocol)."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import time
from collections.abc import Sequence
from typing import Any

from .. import __version__
from ..client.client import AsyncClient
from ..client.offers import Offer
from ..client.workflow import AsyncWorkflow, described
from ..errors import CodikaError, ConfigError

#: Seconds between two words about a run that is still under way.
_TELL_EVERY = 2.0
_INSTRUCTIONS = (
    "Each tool runs a deployed workflow and waits for its result. A call starts a real run, which may cost "
    "credits and act in other systems. An error says what to mend; a run that failed may be tried again."
)


def run(arguments: argparse.Namespace) -> None:
    """Serve until standard input ends."""
    if importlib.util.find_spec("mcp") is None:
        raise ConfigError("Serving tools needs the package mcp.", next_action="pip install 'codika-nb[mcp]'")
    only = [name.strip() for name in arguments.only.split(",") if name.strip()]
    asyncio.run(_serve(arguments.instance, only, arguments.profile))


async def _serve(instance: str | None, only: Sequence[str], profile: str | None) -> None:
    from mcp import types  # noqa: PLC0415 - an extra
    from mcp.server.lowlevel import Server  # noqa: PLC0415
    from mcp.server.stdio import stdio_server  # noqa: PLC0415

    async with AsyncClient(profile=profile) as client:
        found = await _found(client, instance, only)
        flows = [AsyncWorkflow(client, *about, timeout=None) for about in found]
        offered = _by_tool(flows)

        async def list_tools(_context: Any, _params: Any) -> types.ListToolsResult:
            tools = [
                types.Tool(name=name, title=flow.name, description=flow.about, input_schema=flow.schema)
                for name, flow in offered.items()
            ]
            return types.ListToolsResult(tools=tools)

        async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
            try:
                if (flow := offered.get(params.name)) is None:
                    there = f"There is: {', '.join(offered)}."
                    raise ConfigError(f"There is no tool {params.name!r}.", next_action=there)
                result = await _run(client, flow, params.arguments or {}, context)
            except (CodikaError, TypeError) as error:
                said = types.TextContent(text=str(error))
                return types.CallToolResult(content=[said], is_error=True)
            text = types.TextContent(text=json.dumps(result, ensure_ascii=False))
            structured = result if isinstance(result, dict) else {"result": result}
            return types.CallToolResult(content=[text], structured_content=structured)

        server: Server[Any] = Server(
            "codika",
            version=__version__,
            instructions=_INSTRUCTIONS,
            on_list_tools=list_tools,
            on_call_tool=call_tool,
        )
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())


async def _found(
    client: AsyncClient, instance: str | None, only: Sequence[str]
) -> list[tuple[Offer, str, str]]:
    """What is to be offered: what was chosen, wherever it is, or all that the account has."""
    if only:
        return [
            each
            for name in dict.fromkeys(only)
            for each in await client.perform(described(client, name, instance))
        ]
    try:
        return await client.perform(described(client, None, instance))
    except ConfigError as unclear:
        if "instances" not in unclear.details:
            raise
        several = unclear.details["instances"]
        return [each for one in several for each in await client.perform(described(client, None, one))]


def _by_tool(flows: Sequence[AsyncWorkflow]) -> dict[str, AsyncWorkflow]:
    """Workflows by the names of their tools; ``a-b`` and ``a_b`` do not hide each other."""
    offered: dict[str, AsyncWorkflow] = {}
    for flow in flows:
        name, n = flow.tool_name, 1
        while name in offered:
            n += 1
            name = f"{flow.tool_name[:60]}_{n}"
        offered[name] = flow
    return offered


async def _run(client: AsyncClient, flow: AsyncWorkflow, arguments: dict[str, Any], context: Any) -> Any:
    """Run a workflow, saying now and then that it is still under way."""
    # A model must not have files of this machine sent by their names.
    sent, began = flow.tool_payload(arguments), time.monotonic()
    run = await client.trigger_workflow(flow.name, sent, instance=flow.instance)
    waiting = asyncio.ensure_future(client.wait_for(run, timeout=None))
    try:
        while not (await asyncio.wait({waiting}, timeout=_TELL_EVERY))[0]:
            waited = time.monotonic() - began
            await context.session.report_progress(waited, message=f"{flow.name} has run for {waited:.0f} s")
        return (await waiting).result
    finally:
        waiting.cancel()
