"""The HTTP face: one table of routes, five shapes of answers, and who may come in by which door."""

from __future__ import annotations

import ipaddress
import json
import logging
import math
import re
import socket
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import h11
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..rules.deployments import Deployments
from ..rules.documents import Documents
from ..rules.executions import Executions
from ..rules.instances import Instances
from ..rules.integrations import Integrations
from ..rules.keys import Keys
from ..rules.notes import Notes
from ..rules.organizations import Organizations
from ..rules.projects import Projects
from ..rules.signatures import SIGNATURE_HEADERS, Signatures
from ..rules.signin import SignIn
from ..store import Store
from ..wire import Call, Caller, Refusal
from .bodies import parse_form
from .pages import Pages

__all__ = ["Application", "Protocol"]

logger = logging.getLogger("codika_nb.sandbox")

_MEGABYTE = 1024**2
_LARGEST_BODY = 64 * _MEGABYTE
# A file of 100 MB and the form around it.
_LARGEST_FORM = 101 * _MEGABYTE
_KEY_HEADER = "x-process-manager-key"
_INSTANCE_KEY_HEADER = "x-api-key"
_KEY_IN_TEXT = re.compile(r"(c(?:k|ko|kp|ka)_[A-Za-z0-9_-]{4})[A-Za-z0-9_-]+")


class Envelope(Enum):
    """How an answer is wrapped; the names are the kinds of calls that use it."""

    STANDARD = "data and error objects, with a request id"
    CODE = "as the standard one without a request id, and with the next action"
    FLAT = "members beside success; the error is a text, the code stands beside it"
    FLAT_WITH_ID = "as the flat one; a success has a request id"
    INGESTION = "as the flat one; a failure has a request id and no code"


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
        return _LARGEST_FORM if self.body is Body.FORM else _LARGEST_BODY


def _endpoints(
    *,
    signin: SignIn,
    organizations: Organizations,
    keys: Keys,
    projects: Projects,
    deployments: Deployments,
    documents: Documents,
    instances: Instances,
    executions: Executions,
    integrations: Integrations,
    notes: Notes,
) -> list[Endpoint]:
    code: Any = {"envelope": Envelope.CODE, "doors": ()}
    trigger: Any = {"scope": "workflows:trigger", "envelope": Envelope.FLAT, "doors": tuple(Door)}
    status: Any = {**trigger, "doors": (Door.KEY, Door.INSTANCE_KEY, Door.QUERY)}
    callback: Any = {"envelope": Envelope.FLAT, "doors": ()}
    deploy, manage, connect = "deploy:use-case", "instances:manage", "integrations:manage"
    return [
        Endpoint("POST", "/clirequestsignupotp", signin.request_signup_code, **code),
        Endpoint("POST", "/clicompletesignup", signin.complete_signup, **code),
        Endpoint("POST", "/clirequestloginotp", signin.request_login_code, **code),
        Endpoint("POST", "/clicompletelogin", signin.complete_login, **code),
        Endpoint("POST", "/verifyapikey", keys.verify_key, body=Body.NONE),
        Endpoint(
            "POST",
            "/createorganizationviaapikey",
            organizations.create_organization,
            "organizations:create",
            kinds=("personal", "admin"),
        ),
        Endpoint("POST", "/createorganizationapikeypublic", keys.create_key, "api-keys:manage"),
        Endpoint("POST", "/updateorganizationapikeypublic", keys.update_key, "api-keys:manage"),
        Endpoint("POST", "/createprojectviaapikey", projects.create_project, "projects:create"),
        Endpoint("GET", "/listprojectspublic", projects.list_projects, "projects:read"),
        Endpoint("POST", "/getprojectpublic", projects.get_project, "projects:read"),
        Endpoint("POST", "/deployprocessusecase", deployments.deploy_use_case, deploy),
        Endpoint("POST", "/deployusecasedocuments", notes.deploy_documents, deploy),
        Endpoint("POST", "/deploydataingestion", documents.deploy_ingestion, deploy, Envelope.INGESTION),
        Endpoint("POST", "/publishprocessdeploymentpublic", deployments.publish, deploy),
        Endpoint("POST", "/redeploydeploymentinstancepublic", deployments.redeploy, deploy),
        Endpoint("POST", "/getmetadatadocumentsendpoint", documents.get_documents, deploy),
        Endpoint("POST", "/upsertprojectnote", notes.upsert_note, deploy),
        Endpoint("POST", "/getprojectnotes", notes.get_notes, deploy),
        Endpoint("POST", "/triggerwebhookpublic/{instance}/{workflow}", executions.trigger, **trigger),
        Endpoint("POST", "/webhook/{instance}/{workflow}", executions.trigger, **trigger),
        Endpoint("GET", "/getexecutionstatuspublic/{instance}/{execution}", executions.status, **status),
        Endpoint("GET", "/status/{instance}/{execution}", executions.status, **status),
        Endpoint(
            "GET",
            "/getexecutiondetailspublic/{instance}/{execution}",
            executions.details,
            "executions:read",
            Envelope.FLAT_WITH_ID,
        ),
        Endpoint("GET", "/listexecutionspublic/{instance}", executions.list_executions, "executions:read"),
        Endpoint("POST", "/createworkflowexecution", executions.create_execution, **callback),
        Endpoint("POST", "/uploadworkflowoutput", executions.upload_output, **callback, body=Body.FORM),
        Endpoint("POST", "/submitworkflowresult", executions.submit_result, **callback),
        Endpoint("POST", "/submitworkflowerror", executions.submit_error, **callback),
        Endpoint("GET", "/listprocessinstancespublic", instances.list_instances, "instances:read"),
        Endpoint("POST", "/getprocessinstancepublic", instances.get_instance, "instances:read"),
        Endpoint("POST", "/activateprocessinstancepublic", instances.activate, manage),
        Endpoint("POST", "/deactivateprocessinstancepublic", instances.deactivate, manage),
        # Not the platform's: what its dashboard shows under "Public API Access".
        Endpoint(
            "POST", "/sandbox/instances/{instance}/key", instances.make_instance_key, manage, body=Body.NONE
        ),
        Endpoint(
            "GET",
            "/getprocessskillspublic/{instance}",
            instances.get_skills,
            "skills:read",
            doors=(Door.KEY, Door.INSTANCE_KEY),
        ),
        Endpoint("POST", "/createintegrationpublic", integrations.create, connect),
        Endpoint("POST", "/deleteintegrationpublic", integrations.delete, connect),
        Endpoint("POST", "/listintegrationspublic", integrations.list_integrations, connect),
        Endpoint("GET", "/getcredentialschemapublic", integrations.credential_schema, connect),
    ]


class Application:
    """The sandbox as an ASGI application."""

    def __init__(
        self,
        *,
        store: Store,
        signin: SignIn,
        organizations: Organizations,
        keys: Keys,
        projects: Projects,
        deployments: Deployments,
        documents: Documents,
        instances: Instances,
        executions: Executions,
        signatures: Signatures,
        integrations: Integrations,
        notes: Notes,
        pages: Pages,
        host: str,
        trusted_proxy: str | None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._signatures = signatures
        self._pages = pages
        self._hosts = _Hosts(host)
        self._trusted_proxy = trusted_proxy
        self._routes: dict[str, list[tuple[list[str], Endpoint]]] = {}
        for endpoint in _endpoints(
            signin=signin,
            organizations=organizations,
            keys=keys,
            projects=projects,
            deployments=deployments,
            documents=documents,
            instances=instances,
            executions=executions,
            integrations=integrations,
            notes=notes,
        ):
            segments = endpoint.path.strip("/").split("/")
            self._routes.setdefault(segments[0], []).append((segments, endpoint))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        began = time.monotonic()
        path = scope.get("raw_path", b"").decode("latin-1").partition("?")[0]
        try:
            response = await self._respond(request, path)
        except ClientDisconnect:
            return
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        await response(scope, receive, send)
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
            if not self._through_proxy(request):
                self._hosts.check(request)
            if page := self._pages.find(segments):
                if request.method not in ("GET", "HEAD"):
                    raise _wrong_method(request.method, ["GET"])
                return page(request)
            endpoint, params = self._find(request.method, segments)
            envelope = endpoint.envelope
            if request.method != endpoint.method:
                raise _wrong_method(request.method, [endpoint.method])
            body = await _read(request, endpoint.largest_body)
            # No await in here: a transaction is never interleaved with another one.
            with self._store.transaction(Refusal):
                call = self._call(request, endpoint, params, body)
                result = endpoint.handler(call)
            for act in call.afterwards:
                await act()
            return _success(envelope, result)
        except Refusal as refusal:
            return _failure(envelope, refusal)
        except ClientDisconnect:
            raise
        except (UnicodeEncodeError, RecursionError):
            return _failure(
                envelope,
                Refusal(
                    400,
                    "INVALID_REQUEST",
                    "The body has half a character in a text, or is nested too deeply.",
                ),
            )
        except Exception:
            logger.exception("%s /%s failed", request.method, segments[0])
            code = "INTERNAL" if envelope is Envelope.CODE else "INTERNAL_ERROR"
            return _failure(
                envelope,
                Refusal(
                    500, code, "The sandbox failed; its log says why.", next_action="Retry in a few seconds."
                ),
            )

    def _find(self, method: str, segments: list[str]) -> tuple[Endpoint, tuple[str, ...]]:
        for pattern, endpoint in self._routes.get(segments[0], ()):
            if len(pattern) == len(segments) and all(
                given if wanted.startswith("{") else given == wanted
                for wanted, given in zip(pattern, segments, strict=True)
            ):
                return endpoint, tuple(
                    given for wanted, given in zip(pattern, segments, strict=True) if wanted.startswith("{")
                )
        raise Refusal(404, "NOT_FOUND", f"There is no {method} /{'/'.join(segments)} here.")

    def _call(self, request: Request, endpoint: Endpoint, params: tuple[str, ...], body: bytes) -> Call:
        query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
        caller = self._let_in(request, endpoint, params, query, body)
        value: Any = None
        upload = None
        if endpoint.body is Body.FORM:
            value, upload = parse_form(request.headers.get("content-type", ""), body)
        elif endpoint.body is Body.JSON and endpoint.method == "POST":
            value = _parse(body, endpoint)
        return Call(self._ip(request), params, query, value, caller, upload)

    def _let_in(
        self,
        request: Request,
        endpoint: Endpoint,
        params: tuple[str, ...],
        query: Mapping[str, str],
        body: bytes,
    ) -> Caller:
        """Who calls. The first credential found decides: a wrong one is not made up for by a second."""
        headers, doors = request.headers, endpoint.doors
        if not doors:
            return Caller("nobody")
        if Door.KEY in doors and _KEY_HEADER in headers:
            caller = self._keys.authenticate(headers[_KEY_HEADER], ("organization", "personal", "admin"))
        elif Door.INSTANCE_KEY in doors and _INSTANCE_KEY_HEADER in headers:
            return self._keys.authenticate(headers[_INSTANCE_KEY_HEADER], ("instance",))
        elif Door.SIGNATURE in doors and any(name in headers for name in SIGNATURE_HEADERS):
            return self._signatures.authenticate(headers, params, body)
        elif Door.QUERY in doors and "api_key" in query:
            return self._keys.authenticate(query["api_key"], ("instance",))
        else:
            ways = "; or ".join(door.value for door in doors)
            raise Refusal(401, "UNAUTHORIZED", f"A credential is missing: {ways}.")
        if endpoint.scope is not None and endpoint.scope not in caller.scopes:
            raise Refusal(403, "FORBIDDEN", f"The API key lacks the scope {endpoint.scope}.")
        if caller.kind not in endpoint.kinds:
            raise Refusal(403, "FORBIDDEN", f"This takes a {' or '.join(endpoint.kinds)} key.")
        return caller

    def _ip(self, request: Request) -> str:
        forwarded = request.headers.get("x-forwarded-for", "")
        if self._through_proxy(request) and forwarded:
            # The last address is the one the proxy itself has seen; those before it are hearsay.
            return forwarded.rpartition(",")[2].strip()
        return request.client.host if request.client else ""

    def _through_proxy(self, request: Request) -> bool:
        peer = request.client.host if request.client else ""
        return self._trusted_proxy is not None and peer == self._trusted_proxy


class Protocol(H11Protocol):
    """HTTP as uvicorn speaks it, except that what is no HTTP at all is refused in JSON, too."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Its log has whole addresses, keys in them included; ours is `Application`'s.
        self.access_log = False

    def send_400_response(self, msg: str) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            # Its body broke off in the middle: the call must neither wait for the rest nor answer, too.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        refusal = _failure(Envelope.STANDARD, Refusal(400, "INVALID_REQUEST", msg))
        headers = [*refusal.raw_headers, (b"connection", b"close")]
        for event in (
            h11.Response(status_code=400, headers=headers),
            h11.Data(data=bytes(refusal.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class _Hosts:
    """Which names the sandbox answers to: a page elsewhere must not reach it under a name of its own."""

    def __init__(self, bound: str) -> None:
        self._bound = bound.lower()
        self._wildcard = self._bound in ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to

    def check(self, request: Request) -> None:
        host = request.headers.get("host", "")
        if not self._knows(host):
            raise Refusal(421, "MISDIRECTED_REQUEST", "The sandbox does not answer under this host name.")
        origin = request.headers.get("origin")
        if origin is not None and not self._knows(origin.partition("://")[2]):
            raise Refusal(403, "FORBIDDEN", "The sandbox does not answer to pages of other sites.")

    def _knows(self, netloc: str) -> bool:
        try:
            name = (urlsplit(f"//{netloc}").hostname or "").rstrip(".")
        except ValueError:
            return False
        if name == "localhost" or name.endswith(".localhost") or name == self._bound:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return self._wildcard and name == socket.gethostname().lower()
        return address.is_loopback or self._wildcard


async def _read(request: Request, largest: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        # A little too much is read to its end, so that the sender gets to see the answer.
        if size > 2 * largest:
            break
        if size <= largest:
            chunks.append(chunk)
        else:
            chunks.clear()
    if size > largest:
        raise Refusal(400, "INVALID_REQUEST", f"The body is larger than {largest // _MEGABYTE} MiB.")
    return b"".join(chunks)


def _parse(body: bytes, endpoint: Endpoint) -> Any:
    try:
        value = json.loads(body, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError):
        raise Refusal(400, "INVALID_REQUEST", "The body must be JSON.") from None
    # A triggered workflow has its own word for a payload that is no object.
    if not isinstance(value, dict) and endpoint.envelope is not Envelope.FLAT:
        raise Refusal(400, "INVALID_REQUEST", "The body must be a JSON object.")
    return value


def _no_number(text: str) -> float:
    raise ValueError(text)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number


def _wrong_method(method: str, allowed: list[str]) -> Refusal:
    return Refusal(
        405,
        "METHOD_NOT_ALLOWED",
        f"{method} is not possible here, only {', '.join(allowed)}.",
        headers={"Allow": ", ".join(allowed)},
    )


def _success(envelope: Envelope, result: Mapping[str, Any]) -> Response:
    request_id = {"requestId": str(uuid.uuid4())}
    content: dict[str, Any]
    if envelope is Envelope.STANDARD:
        content = {"success": True, "data": result, **request_id}
    elif envelope is Envelope.CODE:
        content = {"success": True, "data": result}
    elif envelope is Envelope.FLAT:
        content = {"success": True, **result}
    else:
        content = {"success": True, **result, **request_id}
    return _json(200, content)


def _failure(envelope: Envelope, refusal: Refusal) -> Response:
    request_id = {"requestId": str(uuid.uuid4())}
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.next_action and envelope is Envelope.CODE:
        error["nextAction"] = refusal.next_action
    if refusal.details:
        error["details"] = refusal.details
    content: dict[str, Any]
    if refusal.data is not None:
        content = {"data": refusal.data, **request_id}
    elif envelope is Envelope.STANDARD:
        content = {"error": error, **request_id}
    elif envelope is Envelope.CODE:
        content = {"error": error}
    elif envelope is Envelope.INGESTION:
        content = {"error": refusal.message, **request_id}
    else:
        content = {"error": refusal.message, "code": refusal.code}
    return _json(refusal.status, {"success": False, **content}, refusal.headers)


def _json(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Response:
    # Half a surrogate pair, which a stand-in may return, is written as the escape that JSON has for it.
    text = json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace")
    return Response(text, status, headers, media_type="application/json")
