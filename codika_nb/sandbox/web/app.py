"""The HTTP face: one table of routes, and who may come in by which door."""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..rules.platform import Platform
from ..rules.signatures import SIGNATURE_HEADERS
from ..wire import Call, Caller, Refusal, Upload
from .answers import Envelope, failure, success
from .bodies import MEGABYTE, Bodies, parse_form, parse_json
from .hosts import Hosts
from .pages import Pages

__all__ = ["Application"]

logger = logging.getLogger("codika_nb.sandbox")

_LARGEST_BODY = 64 * MEGABYTE
# A file of 100 MB and the form around it.
_LARGEST_FORM = 101 * MEGABYTE
# An address and a name.
_LARGEST_SIGN_IN = MEGABYTE // 16
# All together, of those who have shown a key and of those of whom nothing is known yet.
_MOST_OF_MEMBERS, _MOST_OF_STRANGERS = 512 * MEGABYTE, 110 * MEGABYTE
# Who signs in is a stranger, too, and is not to wait for large bodies of others.
_MOST_OF_SIGN_INS = 64 * MEGABYTE
_IN_EVERY_ANSWER = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
_KEY_IN_TEXT = re.compile(r"(c(?:k|ko|kp|ka)_[A-Za-z0-9_-]{4})[A-Za-z0-9_-]+")


class Body(Enum):
    """What a call's body is."""

    NONE = "ignored"
    JSON = "a JSON object; for triggers any JSON"
    FORM = "a multipart form with a file"


class Door(Enum):
    """A way to say who calls, in the order in which they are tried."""

    KEY = "an organization, personal or admin key in X-Process-Manager-Key"
    INSTANCE_KEY = "an instance key in X-API-Key"
    SIGNATURE = "the webhook-id, webhook-timestamp and webhook-signature headers"
    QUERY = "an instance key in the query parameter api_key"


_CREDENTIALS = {
    Door.KEY: ("x-process-manager-key",),
    Door.INSTANCE_KEY: ("x-api-key",),
    Door.SIGNATURE: SIGNATURE_HEADERS,
    Door.QUERY: ("api_key",),
}


@dataclass(frozen=True)
class Endpoint:
    """One route: what it answers to, and what it takes to be let in."""

    method: str
    path: str
    handler: Callable[[Call], Mapping[str, Any]]
    scope: str | None = None
    envelope: Envelope = Envelope.STANDARD
    doors: tuple[Door, ...] = (Door.KEY,)
    kinds: tuple[str, ...] = ("organization", "personal", "admin")
    body: Body = Body.JSON

    @property
    def largest_body(self) -> int:
        """How many bytes its body may have."""
        if self.envelope is Envelope.CODE:
            return _LARGEST_SIGN_IN
        return _LARGEST_FORM if self.body is Body.FORM else _LARGEST_BODY


class Route(NamedTuple):
    """Where in a path the parameters of a call are, and what stands in the other places but the first."""

    endpoint: Endpoint
    places: list[int]
    words: list[tuple[int, str]]


def _endpoints(rules: Platform) -> list[Endpoint]:
    code: Any = {"envelope": Envelope.CODE, "doors": ()}
    trigger: Any = {"scope": "workflows:trigger", "envelope": Envelope.FLAT, "doors": tuple(Door)}
    status: Any = {**trigger, "doors": (Door.KEY, Door.INSTANCE_KEY, Door.QUERY)}
    details: Any = {"scope": "executions:read", "envelope": Envelope.FLAT_WITH_ID}
    skills: Any = {"scope": "skills:read", "doors": (Door.KEY, Door.INSTANCE_KEY)}
    callback: Any = {"envelope": Envelope.FLAT, "doors": ()}
    organizations: Any = {"scope": "organizations:create", "kinds": ("personal", "admin")}
    deploy, see, manage = "deploy:use-case", "instances:read", "instances:manage"
    connect = "integrations:manage"
    keys, instances, runs = rules.keys, rules.instances, rules.executions
    return [
        Endpoint("POST", "/clirequestsignupotp", rules.signin.request_signup_code, **code),
        Endpoint("POST", "/clicompletesignup", rules.signin.complete_signup, **code),
        Endpoint("POST", "/clirequestloginotp", rules.signin.request_login_code, **code),
        Endpoint("POST", "/clicompletelogin", rules.signin.complete_login, **code),
        Endpoint("POST", "/verifyapikey", keys.verify_key, body=Body.NONE),
        Endpoint("POST", "/createorganizationviaapikey", rules.organizations.create_new, **organizations),
        Endpoint("POST", "/createorganizationapikeypublic", keys.create_key, "api-keys:manage"),
        Endpoint("POST", "/updateorganizationapikeypublic", keys.update_key, "api-keys:manage"),
        # Not the platform's: what its dashboard does.
        Endpoint("POST", "/sandbox/keys/{key}/revoke", keys.revoke, "api-keys:manage", body=Body.NONE),
        Endpoint(
            "POST",
            "/sandbox/integrations/{integration}/{context}",
            rules.integrations.signed_in,
            connect,
            body=Body.NONE,
        ),
        Endpoint("POST", "/createprojectviaapikey", rules.projects.create_project, "projects:create"),
        Endpoint("GET", "/listprojectspublic", rules.projects.list_projects, "projects:read"),
        Endpoint("POST", "/getprojectpublic", rules.projects.get_project, "projects:read"),
        Endpoint("POST", "/deployprocessusecase", rules.deployments.deploy_use_case, deploy),
        Endpoint("POST", "/deployusecasedocuments", rules.notes.deploy_documents, deploy),
        Endpoint("POST", "/deploydataingestion", rules.documents.ingest, deploy, Envelope.INGESTION),
        Endpoint("POST", "/publishprocessdeploymentpublic", rules.deployments.publish, deploy),
        Endpoint("POST", "/redeploydeploymentinstancepublic", rules.deployments.redeploy, deploy),
        Endpoint("POST", "/getmetadatadocumentsendpoint", rules.documents.get_documents, deploy),
        Endpoint("POST", "/upsertprojectnote", rules.notes.upsert_note, deploy),
        Endpoint("POST", "/getprojectnotes", rules.notes.get_notes, deploy),
        Endpoint("POST", "/triggerwebhookpublic/{instance}/{workflow}", runs.trigger, **trigger),
        Endpoint("POST", "/webhook/{instance}/{workflow}", runs.trigger, **trigger),
        Endpoint("GET", "/getexecutionstatuspublic/{instance}/{execution}", runs.status, **status),
        Endpoint("GET", "/status/{instance}/{execution}", runs.status, **status),
        Endpoint("GET", "/getexecutiondetailspublic/{instance}/{execution}", runs.details, **details),
        Endpoint("GET", "/listexecutionspublic/{instance}", runs.list_executions, "executions:read"),
        Endpoint("POST", "/createworkflowexecution", runs.create_execution, **callback),
        Endpoint("POST", "/uploadworkflowoutput", runs.upload_output, **callback, body=Body.FORM),
        Endpoint("POST", "/submitworkflowresult", runs.submit_result, **callback),
        Endpoint("POST", "/submitworkflowerror", runs.submit_error, **callback),
        # Not the platform's: what an engine has to say of itself.
        Endpoint("POST", "/sandbox/engine", runs.told_by_engine, **callback),
        Endpoint("GET", "/listprocessinstancespublic", instances.list_instances, see),
        Endpoint("POST", "/getprocessinstancepublic", instances.get_instance, see),
        Endpoint("POST", "/activateprocessinstancepublic", rules.rollouts.activate, manage),
        Endpoint("POST", "/deactivateprocessinstancepublic", rules.rollouts.deactivate, manage),
        # Not the platform's: what its dashboard shows under "Public API Access".
        Endpoint("POST", "/sandbox/instances/{instance}/key", instances.make_key, manage, body=Body.NONE),
        Endpoint("GET", "/getprocessskillspublic/{instance}", instances.get_skills, **skills),
        Endpoint("POST", "/createintegrationpublic", rules.integrations.create, connect),
        Endpoint("POST", "/deleteintegrationpublic", rules.integrations.delete, connect),
        Endpoint("POST", "/listintegrationspublic", rules.integrations.list_integrations, connect),
        Endpoint("GET", "/getcredentialschemapublic", rules.integrations.credential_schema, connect),
    ]


class Application:
    """The sandbox as an ASGI application."""

    def __init__(
        self,
        *,
        platform: Platform,
        pages: Pages,
        hosts: Hosts,
        trusted_proxy: str | None,
    ) -> None:
        self._platform = platform
        self._pages = pages
        self._hosts = hosts
        self._trusted_proxy = trusted_proxy
        self._members, self._strangers = Bodies(_MOST_OF_MEMBERS), Bodies(_MOST_OF_STRANGERS)
        self._sign_ins = Bodies(_MOST_OF_SIGN_INS)
        # By their first segment and how many there are.
        self._routes: dict[tuple[str, int], list[Route]] = {}
        for endpoint in _endpoints(platform):
            segments = endpoint.path.strip("/").split("/")
            places = [n for n, segment in enumerate(segments) if segment.startswith("{")]
            words = [(n, segment) for n, segment in enumerate(segments) if n and n not in places]
            route = Route(endpoint, places, words)
            self._routes.setdefault((segments[0], len(segments)), []).append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        began = time.monotonic()
        path = scope.get("raw_path", b"").decode("latin-1").partition("?")[0]
        try:
            response = await self._respond(request, path)
        except ClientDisconnect:
            return
        response.raw_headers += _IN_EVERY_ANSWER
        await response(scope, receive, send)
        if not logger.isEnabledFor(logging.INFO):
            return
        # Neither query string nor headers: both may carry keys. A path should not, but people mistype.
        logger.info(
            "%s %s %d %.1f ms",
            request.method,
            _KEY_IN_TEXT.sub(r"\1...", path),
            response.status_code,
            (time.monotonic() - began) * 1000,
        )

    async def _respond(self, request: Request, path: str) -> Response:
        segments = [unquote(segment) for segment in path.lstrip("/").split("/")]
        segments[0] = segments[0].lower()
        envelope = Envelope.STANDARD
        try:
            if "content-length" in request.headers and "transfer-encoding" in request.headers:
                # Who stands between may have gone by the other one, and taken the rest for a next request.
                raise Refusal(
                    "INVALID_REQUEST",
                    "The request says its length twice: as Content-Length and as Transfer-Encoding.",
                    headers={"Connection": "close"},
                )
            ip, proxied = self._origin(request)
            self._hosts.check(request.method, request.headers, proxied=proxied)
            # Before anything is looked up: keys, too, may be another's.
            self._platform.store.refresh()
            if page := self._pages.find(segments):
                if request.method not in ("GET", "HEAD"):
                    raise _wrong_method(request.method, "GET")
                return page(request)
            endpoint, params = self._find(request.method, segments)
            envelope = endpoint.envelope
            if request.method != endpoint.method:
                raise _wrong_method(request.method, endpoint.method)
            query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
            # Strangers' bodies are not even read: only what is signed has to be known first.
            door = _door(endpoint, request.headers, query)
            caller = None if door is Door.SIGNATURE else self._let_in(endpoint, door, request.headers, query)
            strangers = self._sign_ins if envelope is Envelope.CODE else self._strangers
            bodies = self._members if caller and endpoint.doors else strangers
            body = b"" if request.method == "GET" else await bodies.read(request, endpoint.largest_body)
            # No await from here on: a transaction is never interleaved with another one.
            if caller is None:
                # A sender may give several signatures as several lines.
                joined = {name: " ".join(request.headers.getlist(name)) for name in SIGNATURE_HEADERS}
                caller = self._platform.signatures.authenticate(joined, params, body)
            value, upload = _parsed(endpoint, request.headers, body)
            call = Call(ip, params, query, value, caller, upload)
            store = self._platform.store
            # What only looks needs none: nothing else is written meanwhile.
            with store.transaction(Refusal) if endpoint.method != "GET" else nullcontext():
                result = endpoint.handler(call)
            for act in call.afterwards:
                await act()
            return _json(200, success(envelope, result))
        except Refusal as said:
            refusal = said
        except ClientDisconnect:
            raise
        except (UnicodeEncodeError, RecursionError):
            message = "The body has half a character in a text, or is nested too deeply."
            refusal = Refusal("INVALID_REQUEST", message)
        except Exception:
            logger.exception("%s /%s failed", request.method, segments[0])
            code = "INTERNAL" if envelope is Envelope.CODE else "INTERNAL_ERROR"
            refusal = Refusal(code, "The sandbox failed; its log says why.", "Retry in a few seconds.")
        return _json(refusal.status, failure(envelope, refusal), refusal.headers)

    def _find(self, method: str, segments: list[str]) -> tuple[Endpoint, tuple[str, ...]]:
        for endpoint, places, words in self._routes.get((segments[0], len(segments)), ()):
            if all(segments[n] == word for n, word in words):
                return endpoint, tuple(segments[n] for n in places)
        raise Refusal("NOT_FOUND", f"There is no {method} /{'/'.join(segments)} here.")

    def _let_in(
        self, endpoint: Endpoint, door: Door | None, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> Caller:
        """Who calls, by a key."""
        if door is None:
            return Caller("nobody")
        if door is not Door.KEY:
            key = query["api_key"] if door is Door.QUERY else headers["x-api-key"]
            return self._platform.keys.authenticate(key, ("instance",))
        key = headers["x-process-manager-key"]
        caller = self._platform.keys.authenticate(key, ("organization", "personal", "admin"))
        if endpoint.scope is not None and endpoint.scope not in caller.scopes:
            raise Refusal("FORBIDDEN", f"The API key lacks the scope {endpoint.scope}.")
        if caller.kind not in endpoint.kinds:
            raise Refusal("FORBIDDEN", f"This takes a {' or '.join(endpoint.kinds)} key.")
        return caller

    def _origin(self, request: Request) -> tuple[str, bool]:
        """The address that a request comes from, and whether through the trusted proxy."""
        peer = request.client.host if request.client else ""
        if peer != self._trusted_proxy or "x-forwarded-for" not in request.headers:
            return peer, False
        # Several such lines are one list. Its last address is the one the proxy itself has seen; those before
        # it are hearsay.
        last = ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2]
        return _address(last) or peer, True


def _address(text: str) -> str | None:
    """An address without its port, in one spelling; None if it is none."""
    text = text.strip().strip('"')
    alone = re.fullmatch(r"\[(.+)\](?::\d+)?|(\d+(?:\.\d+){3}):\d+", text)
    try:
        address = ipaddress.ip_address(alone[1] or alone[2] if alone else text)
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def _door(endpoint: Endpoint, headers: Mapping[str, str], query: Mapping[str, str]) -> Door | None:
    """By which door somebody comes; None where there are none.

    The first credential found decides: a wrong one is not made up for by a second.
    """
    for door in endpoint.doors:
        names, place = _CREDENTIALS[door], query if door is Door.QUERY else headers
        if any(name in place for name in names):
            return door
    if endpoint.doors:
        ways = "; or ".join(door.value for door in endpoint.doors)
        raise Refusal("UNAUTHORIZED", f"A credential is missing: {ways}.")
    return None


def _parsed(endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> tuple[Any, Upload | None]:
    if endpoint.body is Body.FORM:
        return parse_form(headers.get("content-type", ""), body)
    if endpoint.body is Body.NONE or endpoint.method != "POST":
        return None, None
    value = parse_json(body)
    # A triggered workflow has its own word for a payload that is no object.
    if not isinstance(value, dict) and endpoint.envelope is not Envelope.FLAT:
        raise Refusal("INVALID_REQUEST", "The body must be a JSON object.")
    return value, None


def _wrong_method(method: str, allowed: str) -> Refusal:
    message = f"{method} is not possible here, only {allowed}."
    return Refusal("METHOD_NOT_ALLOWED", message, headers={"Allow": allowed})


def _json(status: int, content: bytes, headers: Mapping[str, str] | None = None) -> Response:
    return Response(content, status, headers, media_type="application/json")
