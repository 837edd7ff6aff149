"""Ten thousand requests that are wrong in some way: each gets an answer, in JSON, and none a 5xx."""

from __future__ import annotations

import copy
import json
import os
import random
import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from codika_nb.sandbox import Sandbox

from .test_sandbox import Platform
from .test_sandbox_workflows import ODD, Deployed, configuration, workflow

_REQUESTS = 10_000
_CONNECTIONS = 4

Example = tuple[str, str, Any]


def test_no_malformed_request_goes_unanswered() -> None:
    seed = int(os.environ.get("MALFORMED_SEED") or random.SystemRandom().randrange(10**9))
    print(f"MALFORMED_SEED={seed} repeats this run")
    with Sandbox(ip_limit=10**6) as sandbox:
        platform = Platform(sandbox)
        with platform.http:
            examples, keys = _examples(platform)

            def bombard(number: int) -> Counter[int]:
                return _Bombardment(sandbox.url, random.Random(f"{seed} {number}"), examples, keys).run(  # noqa: S311
                    _REQUESTS // _CONNECTIONS
                )

            with ThreadPoolExecutor(_CONNECTIONS) as pool:
                answers = sum(pool.map(bombard, range(_CONNECTIONS)), Counter[int]())
            assert platform.data("/verifyapikey", key=keys[0])["keyName"]
    assert answers.total() >= _REQUESTS * 0.95  # the rest broke off, as no request was complete
    # The requests reached all kinds of refusals, not only the first one.
    assert {200, 400, 401, 403, 404, 405, 421} <= set(answers)
    assert max(answers) < 500


def test_a_request_with_two_lengths_gets_one_answer_and_no_second() -> None:
    with Sandbox() as sandbox:
        at = urlsplit(sandbox.url)
        smuggled = b"GET /inbox HTTP/1.1\r\nHost: localhost\r\n\r\n"
        lengths = f"Content-Length: {5 + len(smuggled)}\r\nTransfer-Encoding: chunked\r\n".encode()
        request = b"POST /clirequestloginotp HTTP/1.1\r\nHost: localhost\r\n" + lengths
        with socket.create_connection((at.hostname, at.port or 0), timeout=20) as connection:
            connection.sendall(request + b"\r\n0\r\n\r\n" + smuggled)
            with connection.makefile("rb") as stream:
                status_line, headers, content = _read(stream)
                assert status_line.split()[1] == b"400"
                assert headers[b"connection"] == b"close"
                assert json.loads(content)["error"]["code"] == "INVALID_REQUEST"
                assert stream.read() == b""


def _examples(platform: Platform) -> tuple[list[Example], list[str]]:
    """A good request for each call, and keys to send along."""
    schema = [{"key": "name", "label": "Name", "type": "string"}]
    deployed = Deployed(platform, workflow(schema=schema))
    account, project = deployed.account, {"projectId": deployed.project_id}
    instance = {"processInstanceId": deployed.instance_id}
    execution_id = deployed.run({"name": "Ada"})["executionId"]
    spare = deployed.call(
        "/createorganizationapikeypublic",
        organizationId=account.organization_id,
        name="Spare",
        scopes=["skills:read"],
    )
    texts = {"title": "t", "content": "c", "summary": "s"}
    encoded = workflow()["n8nWorkflowJsonBase64"]
    ingestion = {
        "workflowTemplateId": "embed",
        "workflowName": "Embed",
        "purpose": "p",
        "n8nWorkflowJsonBase64": encoded,
        "webhooks": {"embed": "https://e.example/1", "delete": "https://e.example/2"},
    }
    integration = {"integrationId": "openai", "contextType": "organization"}
    bodies: dict[str, Any] = {
        "/clirequestsignupotp": {"email": "ada@example.com"},
        "/clicompletesignup": {
            "email": "ada@example.com",
            "code": "123456",
            "company": {"name": "Acme"},
            "apiKey": {"name": "k", "expiresInDays": 3},
        },
        "/clirequestloginotp": {"email": account.email},
        "/clicompletelogin": {"email": account.email, "code": "123456", "organizationId": "org_x"},
        "/verifyapikey": None,
        "/createorganizationviaapikey": {"name": "Beta", "size": "solo"},
        "/createorganizationapikeypublic": {
            "organizationId": account.organization_id,
            "name": "One",
            "scopes": ["projects:read"],
            "expiresInDays": 1,
        },
        "/updateorganizationapikeypublic": {"keyId": spare["keyId"], "name": "Two", "description": ""},
        "/createprojectviaapikey": {"name": "One", "description": "", "templateId": "two_stage"},
        "/getprojectpublic": project,
        "/deployprocessusecase": {
            **project,
            "configuration": configuration(workflow(schema=schema)),
            "versionStrategy": "minor_bump",
            "metadataDocuments": [{"relativePath": "a", "contentType": "b", "contentBase64": "YQ=="}],
            "skills": [
                {"name": "n", "description": "d", "workflowTemplateId": "greet", "contentMarkdown": "#"}
            ],
        },
        "/deployusecasedocuments": {**project, "documents": [{"stage": 1, **texts}]},
        "/deploydataingestion": {"processId": deployed.project_id, "config": ingestion},
        "/publishprocessdeploymentpublic": {**project, "processDeploymentId": deployed.first["templateId"]},
        "/redeploydeploymentinstancepublic": {**instance, "deploymentParameters": {}, "forceRedeploy": True},
        "/getmetadatadocumentsendpoint": {**project, "includeContent": True, "version": "1.0"},
        "/getprocessinstancepublic": {**instance, "includeWorkflowDetails": True},
        "/activateprocessinstancepublic": instance,
        "/createintegrationpublic": {**integration, "secrets": {"K": {"value": "v", "encrypted": True}}},
        "/deleteintegrationpublic": {**integration, "confirmDeletion": True},
        "/listintegrationspublic": instance,
        "/upsertprojectnote": {**project, **texts, "documentTypeId": "brief", "agentId": None},
        "/getprojectnotes": {**project, "includeHistory": True, "version": "0.0.0"},
        "/createworkflowexecution": {
            **instance,
            "memberSecret": platform.sandbox.member_secret(deployed.instance_id),
            "organizationId": account.organization_id,
            "userId": "u",
            "workflowId": "greet",
            "triggerType": "schedule",
            "triggerData": {},
        },
        "/submitworkflowresult": {"executionId": execution_id, "executionSecret": "x", "resultData": {}},
        "/submitworkflowerror": {
            "executionId": execution_id,
            "executionSecret": "x",
            "errorType": "timeout",
            "errorMessage": "late",
        },
        "/uploadworkflowoutput": {},
        f"/webhook/{deployed.instance_id}/greet": {"payload": {"name": "Ada"}},
        f"/triggerwebhookpublic/{deployed.instance_id}/greet": {"payload": {"name": "Ada"}},
    }
    paths = [
        "/listprojectspublic?limit=3&archived=true",
        "/listprocessinstancespublic?environment=dev",
        f"/listexecutionspublic/{deployed.instance_id}?limit=3&status=failed&workflowId=greet",
        f"/getexecutiondetailspublic/{deployed.instance_id}/{execution_id}?deep=true",
        f"/getexecutionstatuspublic/{deployed.instance_id}/{execution_id}",
        f"/status/{deployed.instance_id}/{execution_id}",
        f"/getprocessskillspublic/{deployed.instance_id}",
        "/getcredentialschemapublic?type=openAiApi",
        "/inbox?email=ada@example.com",
        "/",
    ]
    examples: list[Example] = [("POST", path, body) for path, body in bodies.items()]
    examples += [("GET", path, None) for path in paths]
    keys = [account.key, platform.sandbox.personal_key(account.email), spare["apiKey"]]
    return examples, keys


class _Bombardment:
    """One connection after the other, and what is sent over it."""

    def __init__(self, url: str, chance: random.Random, examples: list[Example], keys: list[str]) -> None:
        self.address = (urlsplit(url).hostname or "", urlsplit(url).port or 0)
        self.chance = chance
        self.examples = examples
        self.keys = keys
        self.connection: socket.socket | None = None

    def run(self, count: int) -> Counter[int]:
        answers: Counter[int] = Counter()
        try:
            for _ in range(count):
                request, is_whole = self.request()
                status = self.answer(request, is_whole=is_whole)
                if status is not None:
                    answers[status] += 1
        finally:
            self.disconnect()
        return answers

    def disconnect(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def request(self) -> tuple[bytes, bool]:
        """A request with something wrong in it, and whether all of it is there."""
        method, path, body = self.chance.choice(self.examples)
        headers = {"Host": "localhost", "Accept": "application/json", "X-Process-Manager-Key": self.keys[0]}
        body = copy.deepcopy(body)
        content = b"" if body is None else json.dumps(body).encode()
        if path == "/uploadworkflowoutput":
            headers["Content-Type"] = "multipart/form-data; boundary=b"
            content = (
                b'--b\r\nContent-Disposition: form-data; name="executionId"\r\n\r\nx\r\n'
                b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nx\r\n--b--\r\n'
            )
        spoil: list[Callable[[], None]]

        def spoil_member() -> None:
            nonlocal content
            if body:
                content = json.dumps(self.with_odd_member(body)).encode()

        def spoil_bytes() -> None:
            nonlocal content
            at = self.chance.randrange(len(content) + 1)
            odd = self.chance.choice([b"", b"\x00", b"\xff\xfe", b"{", b'"', b"]", b"\r\n", b"9" * 5000])
            content = content[:at] + odd + content[at + self.chance.randrange(4) :]

        def spoil_content() -> None:
            nonlocal content
            content = self.chance.choice(
                [
                    b"",
                    b"[]",
                    b"null",
                    b"<html>",
                    b"[" * 5000,
                    b'{"a":' * 3000,
                    bytes(range(256)),
                    b"1e999",
                    b"NaN",
                ]
            )

        def spoil_method() -> None:
            nonlocal method
            method = self.chance.choice(["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "X-Y"])

        def spoil_path() -> None:
            nonlocal path
            segments = path.split("/")
            odd = [
                "",
                "..",
                "%00",
                "%ff",
                "%",
                "x" * 3000,
                "%F0%9F%98%80",
                "a%2Fb",
                "*",
                "'",
                "//",
                "nowhere",
            ]
            segments[self.chance.randrange(1, len(segments))] = self.chance.choice(odd)
            path = "/".join(segments)

        def spoil_query() -> None:
            nonlocal path
            value = self.chance.choice(["", "-1", "0", "9" * 40, "%00", "%ff", "true", "a&a", "=;&&="])
            path = (
                path.partition("?")[0] + f"?limit={value}&status={value}&api_key={value}&type={value}&{value}"
            )

        def spoil_header() -> None:
            name, values = self.chance.choice(
                [
                    ("X-Process-Manager-Key", ["", "cko_", "ck_x", "\xff" * 9, "x" * 9000, *self.keys]),
                    ("X-API-Key", ["", "ck_x", "cko_x"]),
                    ("Host", ["", "evil.example", "[::1", "127.0.0.1:x", "a" * 3000]),
                    ("Origin", ["null", "http://evil.example", "http://[", "http://localhost:1"]),
                    (
                        "Content-Type",
                        ["text/html", "multipart/form-data", "multipart/form-data; boundary=\xff"],
                    ),
                    ("Accept", ["application/json;q=\xff", ",,;application/json"]),
                    ("X-Forwarded-For", ["1.2.3.4", "x", ","]),
                    ("webhook-signature", ["v1,", "v1,AAAA", "\xff", " "]),
                    ("webhook-timestamp", ["1", "-1", "9" * 12]),
                    ("Expect", ["100-continue", "200-ok"]),
                    ("Upgrade", ["websocket", "h2c"]),
                ]
            )
            if name.startswith(("X-API", "webhook")):
                headers.pop("X-Process-Manager-Key", None)
            if name.startswith("webhook"):
                headers.update({"webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": "v1,A"})
            headers[name] = self.chance.choice(values)

        spoil = [spoil_member] * 8 + [
            spoil_bytes,
            spoil_content,
            spoil_method,
            spoil_path,
            spoil_query,
            spoil_header,
        ]
        for _ in range(self.chance.choice([1, 1, 2])):
            self.chance.choice(spoil)()
        headers["Content-Length"] = str(len(content))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + content
        return self.spoil_protocol(request) if self.chance.random() < 0.05 else (request, True)

    def with_odd_member(self, body: Any) -> Any:
        """The body with one member, however deep, that is odd, or missing."""
        holder = body
        while True:
            keys = list(holder) if isinstance(holder, dict) else range(len(holder))
            key = self.chance.choice(list(keys))
            if isinstance(holder[key], (dict, list)) and holder[key] and self.chance.random() < 0.75:
                holder = holder[key]
            elif self.chance.random() < 0.2:
                del holder[key]
                return body
            else:
                holder[key] = copy.deepcopy(self.chance.choice(ODD))
                return body

    def spoil_protocol(self, request: bytes) -> tuple[bytes, bool]:
        """What is no longer HTTP, or ends too early."""
        line, _, rest = request.partition(b"\r\n")
        return self.chance.choice(
            [
                (b"\x16\x03\x01\x02\x00\x01\x00" + request, False),
                (b"GET\r\n\r\n", False),
                (line.replace(b"HTTP/1.1", b"HTTP/9.9") + b"\r\n" + rest, False),
                (line + b"\r\nno colon here\r\n" + rest, False),
                (line + b"\r\nContent-Length: -5\r\n" + rest, False),
                (line + b"\r\nContent-Length: many\r\n\r\n", False),
                (line + b"\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}", False),
                (line + b"\r\nX: " + b"x" * 100_000 + b"\r\n" + rest, False),
                (request[: self.chance.randrange(len(request))], False),
            ]
        )

    def answer(self, request: bytes, *, is_whole: bool) -> int | None:
        """Send a request and check its answer; returns the status, or None if there was none to expect."""
        if not is_whole:
            self.disconnect()
        if self.connection is None:
            self.connection = socket.create_connection(self.address, timeout=20)
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.connection.sendall(request)
            if not is_whole:
                self.connection.shutdown(socket.SHUT_WR)
            with self.connection.makefile("rb") as stream:
                status_line, headers, content = _read(stream)
        except TimeoutError:
            raise AssertionError(f"no end of the answer to {request!r}") from None
        except OSError:  # the server has heard enough
            status_line, headers, content = b"", {}, b""
        if not is_whole or headers.get(b"connection") == b"close":
            self.disconnect()
        if not status_line:
            assert not is_whole, f"no answer to {request!r}"
            return None
        told = f"{request[:3000]!r} -> {status_line!r} {content[:1000]!r}"
        status = int(status_line.split()[1])
        assert status < 500, told
        assert headers[b"content-type"] == b"application/json", told
        answer = json.loads(content)
        assert status == 200 or answer["success"] is False, told
        return status


def _read(stream: BinaryIO) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """Status line, headers and content of the next answer; nothing at the end."""
    status_line = stream.readline()
    if status_line.startswith(b"HTTP/1.1 100"):
        stream.readline()
        status_line = stream.readline()
    headers = {}
    while (line := stream.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip().lower()
    return status_line, headers, stream.read(int(headers.get(b"content-length", 0)))
