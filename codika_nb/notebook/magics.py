"""The ``%codika_…`` magics: read the line, call the library, show the outcome.

Loading them imports IPython and nothing heavier; what a magic needs it imports when it runs.
"""

from __future__ import annotations

import ast
import atexit
import functools
import getpass
import json
import os
import re
import shlex
import shutil
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import DisplayHandle, display

from ..display import markup
from ..display.text import json_text, plain
from ..errors import (
    APIError,
    CodikaError,
    ConfigError,
    Interrupted,
    InvalidRequestError,
    NotFoundError,
    NotSignedIn,
    TransportError,
    UseCaseError,
)

if TYPE_CHECKING:
    from ..client.client import Client
    from ..client.steps import Step
    from ..models import Deployment, Redeployment
    from ..profiles import Profile
    from ..signin.reactions import Purpose
    from ..signin.signin import SignIn
    from ..usecases.rules.findings import Findings
    from ..usecases.usecase import UseCase

Function = TypeVar("Function", bound=Callable[..., Any])


DASHBOARD = "https://app.codika.io"


#: Seconds of waiting before it is said that something is waited for.
SHOW_AFTER = 0.4


_NOBODY = {"none": "nobody is signed in there yet"}


SHADOWED = "But CODIKA_API_KEY is set in the environment, and wins until it is unset."


option: Any = argument


def codika_magic(*options: Any, payload: bool = False) -> Callable[[Function], Any]:
    """A line magic with these options, which shows expected failures without a traceback.

    The decorated method gets the parsed line. With `payload`, an object or a variable's name anywhere
    on the line is taken out first and becomes ``arguments.payload``.
    """

    def decorate(function: Function) -> Any:
        described: Any = function
        for each in reversed(options):
            described = each(described)
        described = magic_arguments()(described)

        @functools.wraps(described)
        def run(self: CodikaMagics, line: str = "") -> Any:
            try:
                self._refuse_keys(line)
                found, rest = _take_object(line) if payload else (None, line)
                try:
                    words = shlex.split(rest)
                except ValueError as error:
                    raise UsageError(f"The line cannot be read: {error}.") from None
                values = [self._value(word) for word in words]
                if payload and found is None:
                    found = next((value for value in values if isinstance(value, dict)), None)
                words = [str(value) for value in values if value is not found]
                arguments = described.parser.parse_args(words)
                arguments.payload = found
                return function(self, arguments)
            except Interrupted:
                raise
            except KeyboardInterrupt:
                raise Interrupted("Stopped.", next_action="Repeat the cell to try again.") from None
            except CodikaError as error:
                from ..display.text import plain

                lines = [plain(f"{type(error).__name__}: {error.message}", 1000)]
                lines += [plain(error.next_action, 1000)] if error.next_action else []
                # IPython prints what this returns instead of a traceback.
                error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
                raise

        run.parser = described.parser  # type: ignore[attr-defined]  # for completion
        # `$` and `{}` occur in addresses, names and JSON: IPython is not to replace them.
        return line_magic(no_var_expand(run))

    return decorate


#: The options of the platform's ``signup-…`` and ``login-…`` commands, and ours.
SIGN_IN_OPTIONS = (
    option("email", nargs="?", help="the address the code is sent to"),
    option("--email", dest="email_option", metavar="EMAIL", help="the same, by name"),
    option("--code", help="complete at once with the six digits from the mail (or $variable)"),
    option("--no-form", action="store_true", help="only have the code sent; complete with --code later"),
    option("--company", default="", help="name of the new organization (My Organization)"),
    option("--description", default="", help="what the new organization is"),
    option("--organization-id", help="which organization, for an account with several"),
    option("--key-name", help="label of the key (CLI default key)"),
    option("--key-expires-in", type=int, metavar="DAYS", help="1 to 365; never if left out"),
    option("--name", help="name of the saved profile (made from the organization's)"),
    option("--ephemeral", action="store_true", help="keep the key in this kernel's memory only"),
    option("--base-url", help="the server (production)"),
    option("--api-url", help="the full address of one of its sign-in endpoints"),
    option("--json", action="store_true", help="print the outcome as the codika tool's JSON"),
)


#: What counts when the code is sent back.
REPEATED = (
    *("--company", "--description", "--organization-id", "--key-name", "--key-expires-in"),
    *("--name", "--ephemeral", "--base-url", "--api-url"),
)


@magics_class
class CodikaMagics(Magics):
    """Sign in to Codika, deploy and trigger workflows."""

    _sandbox_url = ""

    @codika_magic(*SIGN_IN_OPTIONS)
    def codika_signup(self, arguments: Namespace) -> Any:
        """Create a Codika account (or log in to an existing one) with a code sent by e-mail.

        Example: %codika_signup ada@example.com --company "Acme, Inc."
        """
        return self._sign_in("signup", arguments)

    @codika_magic(
        *SIGN_IN_OPTIONS,
        option(
            "--api-key",
            nargs="?",
            const="",
            metavar="$VARIABLE",
            help="sign in with a key from the dashboard: asked for, or in a variable",
        ),
    )
    def codika_login(self, arguments: Namespace) -> Any:
        """Log in to a Codika account (or create one) with a code sent by e-mail.

        Example: %codika_login ada@example.com
        """
        if arguments.api_key is not None:
            return self._sign_in_with_key(arguments)
        return self._sign_in("login", arguments)

    @codika_magic(
        option("name", nargs="?", help="the profile to remove; the one in use if left out"),
    )
    def codika_logout(self, arguments: Namespace) -> Any:
        """Remove a saved profile from this machine; its key lives on until it is revoked in the dashboard.

        Example: %codika_logout acme-inc
        """
        from ..profiles import PRODUCTION, ProfileStore
        from ..profiles.credential import current, resolve
        from . import cards as views

        name = arguments.name
        if name is None:
            used = resolve().profile
            if used is None:
                raise NotSignedIn("Nobody is signed in.", next_action="There is nothing to log out from.")
            name = used.name
        profile = ProfileStore().remove(name) if name else cast("Profile", current.profile)
        if current.profile in (name, profile):
            current.profile = current.deployment = None
            current.base_url = self._sandbox_url if self._sandbox_runs() else None
        until = f"until it is revoked at {DASHBOARD}" if profile.host == PRODUCTION else f"at {profile.host}"
        what = f"profile {profile.name} is removed" if profile.name else "this kernel has forgotten the key"
        text = f"Logged out of {views.who(profile)}: {what}. The key itself still works {until}."
        self._show(profile, markup.line(text))
        return profile

    @codika_magic(
        option("name", help="the profile to use"),
        option("--save", action="store_true", help="make it the active profile for other programs too"),
    )
    def codika_use(self, arguments: Namespace) -> Any:
        """Use another saved profile in this kernel.

        Example: %codika_use acme-inc
        """
        from ..profiles import ProfileStore
        from . import cards as views

        store = ProfileStore()
        profile = store.use(arguments.name) if arguments.save else store.get(arguments.name)
        saved = ", and saved as the active profile" if arguments.save else ""
        text = f"Now using {views.who(profile)}, profile {profile.name}{saved}."
        self._show(profile, markup.line(f"{text} {_use(profile)}".strip()))
        return profile

    @codika_magic()
    def codika_whoami(self, arguments: Namespace) -> Any:
        """Show who is signed in: profile, organization, server, key (eight characters), scopes, expiry.

        Example: me = %codika_whoami
        """
        from . import cards as views

        with self._client() as client:
            known = client.whoami()
        self._show(known, views.identity(known))
        return known

    @codika_magic(
        option("--data", metavar="DIR", help="keep accounts and deployments in this folder (memory only)"),
        option("--port", type=int, default=0, help="a free one if left out"),
        option(
            "--stand-ins", action="append", default=[], metavar="FILE", help="Python that answers workflows"
        ),
        option("--stop", action="store_true", help="stop it, and use the real platform again"),
    )
    def codika_sandbox(self, arguments: Namespace) -> Any:
        """Start a local Codika for this kernel and use it; it stops with the kernel.

        Where a sandbox runs already (codika-nb lab, Binder), that one is used.
        Example: sandbox = %codika_sandbox
        """
        from ..profiles.credential import current, resolve
        from ..sandbox import Sandbox
        from . import cards as views
        from . import running

        if arguments.stop:
            self.stop_sandbox()
            credential = resolve()
            profile = f", profile {credential.profile.name}" if credential.profile else ""
            self._show(
                None, markup.line(f"No sandbox any more; this kernel uses {credential.base_url}{profile}.")
            )
            return None
        running_one = current.sandbox if self._sandbox_runs() else None
        running_one = running_one or running.find(os.environ.get("CODIKA_BASE_URL"))
        sandbox: Any = running_one or Sandbox(port=arguments.port, data=arguments.data)
        if isinstance(sandbox, Sandbox):  # one of another process has brought its own
            for file in arguments.stand_ins:
                sandbox.load_stand_ins(file)
        if running_one is None:
            sandbox.start()
            atexit.register(sandbox.stop)
        elif arguments.port or arguments.data:
            display(markup.line("A sandbox runs already: --port and --data are for a new one."), raw=True)
        current.sandbox = sandbox
        current.base_url = self._sandbox_url = sandbox.url
        self._show(sandbox, views.sandbox(sandbox))
        return sandbox

    @codika_magic(
        option("path", help="the use-case folder"),
        option(
            "--patch",
            action="append_const",
            dest="version",
            const="patch",
            help="raise the last part of the version (default)",
        ),
        option("--minor", action="append_const", dest="version", const="minor", help="raise the middle part"),
        option("--major", action="append_const", dest="version", const="major", help="raise the first part"),
        option(
            "--target-version", action="append", dest="version", metavar="X.Y", help="deploy as this version"
        ),
        option("--project", metavar="ID", help="deploy to this project"),
        option("--create-project", metavar="NAME", help="make a project with this name for it"),
        option("--dry-run", action="store_true", help="check it and say what would be sent; nothing is"),
        option("--no-verify", action="store_true", help="deploy it even if the check says it would not run"),
        option("--publish", action="store_true", help="also make the new version the one in production"),
        option(
            "--rerun",
            action="store_true",
            help="deploy the present version once more, with fresh credentials",
        ),
    )
    def codika_deploy(self, arguments: Namespace) -> Any:
        """Deploy a use-case folder: its workflows become HTTP endpoints.

        Example: %codika_deploy use-cases/greeter
        """
        from ..models.deployments import deployment_card
        from ..profiles.credential import current, resolve
        from ..usecases.usecase import UseCase
        from . import cards as views

        version = _checked_deployment(arguments)
        use_case = UseCase.load(arguments.path)
        if arguments.dry_run:
            return self._plan_deployment(use_case, version, arguments)
        title, before = use_case.configuration.title, {link.project_id for link in use_case.links}
        card = _Card(self)
        with self._client(use_case) as client:
            if arguments.rerun:
                return self._rerun(client, use_case, card)
            deployed = self._deploy(client, use_case, version, arguments, card)
            rows = [("Folder", f"version {use_case.version}")]
            project = use_case.project
            if project is not None and project.project_id not in before:
                rows.append(("Note", "A new project was made for it; its id is in project.json."))
            if client.credential.profile and client.credential.profile != resolve().profile:
                rows.append(("As", f"{views.who(client.credential.profile)}, to whom the folder belongs"))
            # Shown before anything else is done, which may fail: the deployment is made.
            card.finish(deployed, deployment_card(deployed, title, rows))
            if deployed.deployment_status == "failed":
                again = f"%codika_deploy {shlex.quote(str(arguments.path))} --rerun"
                raise UseCaseError(
                    f"The platform could not deploy {title}"
                    + (", so it was not published." if arguments.publish else "."),
                    next_action=f"The card says why. {again} tries the same version again.",
                    code="deployment-failed",
                )
            current.deployment, current.use_case = deployed, use_case
            if arguments.publish:
                project_id = arguments.project or (project.project_id if project else "")
                try:
                    published = client.publish_use_case(deployed, project_id=project_id)
                except KeyboardInterrupt:
                    raise Interrupted(
                        f"Stopped. Version {deployed.version} is deployed, and may be published.",
                        next_action="Repeating the cell deploys and publishes the version after that.",
                    ) from None
                use_case.record_published(published, project_id=project_id)
                instance = published.process_instance_id
                rows.append(("Published", f"as instance {instance}" if instance else "yes"))
                card.finish(deployed, deployment_card(deployed, title, rows))
        return deployed

    @staticmethod
    def _deploy(
        client: Client, use_case: UseCase, version: str, arguments: Namespace, card: _Card
    ) -> Deployment:
        """Deploy it, and show how far that is; what the card says after a failure is known to be so."""
        from ..client.api import API, CREATE_PROJECT, DEPLOY_USE_CASE, VERIFY_KEY
        from ..client.steps import observed
        from . import cards as views

        title, sent = use_case.configuration.title, False

        def tell(step: Step) -> None:
            nonlocal sent
            path = getattr(step, "path", "")
            sent = sent or path == DEPLOY_USE_CASE
            size = _size(getattr(step, "content", None) or b"")
            texts = {
                VERIFY_KEY: "asking whose key this is",
                CREATE_PROJECT: "making a project for it",
                DEPLOY_USE_CASE: f"sending {size}, then waiting for the platform",
            }
            card.update(views.deploying(title, texts.get(path, "working")))

        exchange = API.deploy_use_case.describe(
            client,
            use_case,
            version=version,
            project_id=arguments.project,
            create_project=arguments.create_project,
            verify=not arguments.no_verify,
        )
        try:
            return client.perform(observed(exchange, tell))
        except UseCaseError as error:
            if error.findings:
                card.finish(None, views.not_deployed(title, error.findings))
                error.message = f"{title} would not run: see above."
            else:
                card.give_up(views.not_recorded(title) if sent else views.not_deployed(title))
            raise
        except (KeyboardInterrupt, CodikaError) as error:
            unknown = sent and _may_have_acted(error)
            card.give_up(views.maybe_deployed(title) if unknown else views.not_deployed(title))
            if not unknown:
                raise
            again = "Repeating the cell deploys it as the version after that."
            if isinstance(error, CodikaError):
                error.next_action = again
                raise
            text = "Stopped waiting. The platform may have deployed it all the same."
            raise Interrupted(text, next_action=again) from None

    def _plan_deployment(self, use_case: UseCase, version: str, arguments: Namespace) -> Findings:
        """What a deployment would do, from what is on this machine alone: nothing is sent."""
        from ..profiles.credential import resolve
        from ..usecases.versions import raised, version_rule
        from . import cards as views

        rule = version_rule(version)
        credential = resolve(profile=_fitting_profile(use_case))
        organization_id = credential.profile.organization_id if credential.profile else None
        target = arguments.project
        if not target and not arguments.create_project:
            target = use_case.target_for(credential.base_url, organization_id)
        title, source = use_case.configuration.title, credential.source
        findings = use_case.verify()
        body = json.dumps(use_case.deployment(project_id=target or "new"))
        folder = f"{use_case.version} → {raised(use_case.version, rule.bump)} in the folder"
        workflows = [workflow.workflow_template_id for workflow in use_case.configuration.workflows]
        rows = [
            ("Project", target or f"a new one, “{arguments.create_project or title}”"),
            ("Server", credential.base_url),
            ("As", views.who(credential.profile) if credential.profile else _NOBODY.get(source, source)),
            ("Version", f"{folder}; the platform's own {rule.on_platform}"),
            ("Workflows", ", ".join(workflows)),
            ("Sends", _size(body)),
            ("Then", "it is published: the version in production" if arguments.publish else ""),
        ]
        self._show(findings, views.plan(use_case, rows, findings))
        return findings

    def _rerun(self, client: Client, use_case: UseCase, card: _Card) -> Redeployment:
        """Deploy an instance's present version once more; nothing of the folder is sent."""
        from . import cards as views

        profile = client.credential.profile
        organization_id = profile.organization_id if profile else None
        project = use_case.link(client.base_url, organization_id)
        if project is None:
            use_case.target_for(client.base_url, organization_id)  # which says so if it is another's
        if project is None or project.dev_process_instance_id is None:
            raise ConfigError(
                f"This folder has not been deployed to {client.base_url} yet.",
                next_action="Deploy it first, without --rerun.",
            )
        title = use_case.configuration.title
        card.update(views.deploying(title, "deploying the present version once more"))
        try:
            again = client.rerun_deployment(project.dev_process_instance_id, force=True)
        except (KeyboardInterrupt, CodikaError) as error:
            unknown = _may_have_acted(error)
            card.give_up(views.maybe_deployed(title) if unknown else views.not_deployed(title))
            raise
        card.finish(again, views.redeployment(again, title))
        return again

    @codika_magic(
        option("workflow", help="the workflow's template id"),
        option(
            "extra",
            nargs="*",
            default=[],
            metavar="payload",
            help="JSON, {variable} or $variable; {} if left out",
        ),
        option("--instance", metavar="ID", help="process instance; the last deployment's if left out"),
        option("--timeout", type=float, default=120.0, metavar="S", help="seconds to wait (120)"),
        option("--no-wait", action="store_true", help="only start the run"),
        payload=True,
    )
    def codika_trigger(self, arguments: Namespace) -> Any:
        """Run a workflow and wait for its result.

        Example: run = %codika_trigger greet {"name": "Ada"}
        """
        from ..client.api import API
        from ..client.arguments import seconds
        from ..client.steps import observed
        from ..models.executions import execution_card
        from . import cards as views

        if arguments.extra:
            forms = 'JSON, {variable} or $variable: %codika_trigger greet {"name": "Ada"}'
            raise UsageError(f"{' '.join(arguments.extra)!r} is no payload. It is {forms}")
        timeout = seconds(arguments.timeout)
        workflow = arguments.workflow
        with self._client() as client:
            instance = self._instance(client, arguments.instance)
            try:
                run = client.trigger_workflow(workflow, arguments.payload, instance=instance)
            except KeyboardInterrupt:
                raise Interrupted(
                    f"Stopped before there was an answer: a run of {workflow} may have started.",
                    next_action="%codika_executions shows the runs that there are.",
                ) from None
            except NotFoundError as error:
                known = _known_values("codika_trigger", "")
                error.next_action = error.next_action or (f"There is: {', '.join(known)}." if known else None)
                raise
            where = f", instance={instance!r}"
            wait = f"from codika_nb import Client; run = Client().wait_for({run.execution_id!r}{where})"
            if arguments.no_wait:
                text = f"Run {run.execution_id} of {workflow} has started. Wait for it: {wait}"
                self._show(run, markup.line(text))
                return run
            card, began = _Card(self), time.monotonic()

            def tell(step: Step) -> None:
                waited = time.monotonic() - began
                if waited > SHOW_AFTER:
                    card.update(views.waiting(workflow, run.execution_id, waited))

            try:
                waiting = API.wait_for.describe(client, run, instance=instance, timeout=timeout)
                ended = client.perform(observed(waiting, tell))
            except KeyboardInterrupt:
                card.give_up(markup.line(f"Stopped waiting for run {run.execution_id} of {workflow}."))
                text = f"Stopped waiting; run {run.execution_id} goes on."
                raise Interrupted(text, next_action=f"Take it up again: {wait}") from None
            except CodikaError:
                card.give_up(markup.line(f"Not waiting any more for run {run.execution_id} of {workflow}."))
                raise
        card.finish(ended, execution_card(ended, workflow, wait))
        return ended

    @codika_magic(
        option("workflow", nargs="?", help="only this workflow's"),
        option("--instance", metavar="ID", help="process instance; the last deployment's if left out"),
        option("--failed", action="store_true", help="only those that failed"),
        option("--limit", type=int, default=20, metavar="N", help="1 to 100 (20)"),
        option("--chart", action="store_true", help="with a picture of states and durations"),
    )
    def codika_executions(self, arguments: Namespace) -> Any:
        """List the runs of a deployment, newest first.

        Example: runs = %codika_executions greet
        """
        with self._client() as client:
            runs = client.list_executions(
                self._instance(client, arguments.instance),
                workflow=arguments.workflow,
                failed_only=arguments.failed,
                limit=arguments.limit,
            )
        known = _known_values("codika_executions", "")
        if not runs and arguments.workflow and known and arguments.workflow not in known:
            raise UsageError(f"There is no workflow {arguments.workflow!r} here, but: {', '.join(known)}.")
        parts: list[Any] = [runs, *([runs.chart()] if arguments.chart else [])]
        self._show(
            runs,
            {
                "text/plain": "\n".join(repr(part) for part in parts),
                "text/html": "".join(part._repr_html_() for part in parts),
            },
        )
        return runs

    @codika_magic(
        option("workflow", nargs="?", help="the workflow's template id; to be chosen if there are several"),
        option("--instance", metavar="ID", help="process instance; the last deployment's if left out"),
    )
    def codika_playground(self, arguments: Namespace) -> Any:
        """Show a form made from what a workflow takes, run it, and show what it gives.

        Example: %codika_playground greet
        """
        from .playground import Playground

        client = self._client()
        instance = self._instance(client, arguments.instance)
        playground = Playground(client, arguments.workflow, instance=instance)
        self._show(playground, None)
        return playground

    # --- signing in --------------------------------------------------------------------------------

    def _sign_in(self, purpose: Purpose, arguments: Namespace) -> Any:
        if arguments.email and arguments.email_option:
            raise UsageError("The e-mail was given twice: once on its own and once with --email.")
        email = arguments.email or arguments.email_option or ""
        # Made first, so that an option that cannot be right is said before anything else.
        signin = self._new_sign_in(purpose, arguments, email)
        if arguments.no_form and not arguments.code:
            return self._have_code_sent(signin, arguments)
        if arguments.code:
            from ..client.client import Client

            with Client(base_url=signin.base_url) as client:
                client.perform(signin.submit_code(arguments.code))
            return self._signed_in(signin, arguments.json)
        with_form = self._can_show_a_form()
        # An address on the line means that account, whoever is signed in; unattended there is no choice.
        profile = None if email and with_form else _who_is_signed_in(signin.base_url)
        if with_form:
            return self._show_form(signin, email=email, already=profile)
        if profile is None and not _is_kernel(self._shell):
            _by_prompts(signin)
            return self._signed_in(signin, arguments.json)
        if profile is None:
            raise _nobody_there()
        signin.step, signin.profile = "done", profile
        return self._signed_in(signin, arguments.json)

    def _sign_in_with_key(self, arguments: Namespace) -> Any:
        """Take a key from the dashboard: from a variable, the form, or a prompt."""
        from ..client.client import Client
        from ..signin.typed import organization_key

        signin = self._new_sign_in("login", arguments)
        signin.step = "key"
        if arguments.api_key:
            key = arguments.api_key
        elif self._can_show_a_form():
            return self._show_form(signin)
        elif _is_kernel(self._shell):
            raise _nobody_there()
        else:
            key = _ask(getpass.getpass, "Key from the dashboard (cko_…): ")
        with Client(auth=organization_key(key), base_url=signin.base_url) as client:
            client.perform(signin.submit_key(key))
        return self._signed_in(signin, arguments.json)

    def _new_sign_in(self, purpose: Purpose, arguments: Namespace, email: str = "") -> SignIn:
        from ..profiles import ProfileStore
        from ..profiles.credential import sign_in_server
        from ..signin.signin import SignIn

        base_url = arguments.base_url
        if arguments.api_url:
            base_url = arguments.api_url.rstrip("/").rpartition("/")[0]
        server = sign_in_server(base_url)
        return SignIn(
            purpose,
            email=email,
            base_url=server,
            store=None if arguments.ephemeral else ProfileStore(),
            company=arguments.company,
            description=arguments.description,
            key_name=arguments.key_name,
            key_expires_in=arguments.key_expires_in,
            name=arguments.name,
            organization_id=arguments.organization_id,
            activate=_may_activate(server),
        )

    def _can_show_a_form(self) -> bool:
        # With a sandbox at hand the notebook can read the mail itself, so nobody has to be there.
        from ..display.front_end import somebody_sees_widgets
        from ..profiles.credential import current

        with_sandbox = current.sandbox is not None and _is_kernel(self._shell)
        return with_sandbox or somebody_sees_widgets()

    @staticmethod
    def _sandbox_runs() -> bool:
        from ..profiles.credential import current

        try:
            return bool(current.sandbox and current.sandbox.url)
        except ConfigError:
            return False  # somebody has stopped it by hand

    def _show_form(self, signin: SignIn, **options: Any) -> Any:
        from .signin_form import SignInForm

        form = SignInForm(signin=signin, on_done=_use, **options)
        self._show(form, None)
        return form

    def _have_code_sent(self, signin: SignIn, arguments: Namespace) -> SignIn:
        """The first of the platform's two commands; ``--code`` is the second."""
        from ..client.client import Client

        with Client(base_url=signin.base_url) as client:
            client.perform(signin.request_code(signin.email))
        if arguments.json:
            print(json_text(signin.document()))
        if signin.step != "code":
            raise _refusal(signin)
        asked = [
            name if value is True else f"{name} {shlex.quote(str(value))}"
            for name in REPEATED
            if (value := getattr(arguments, name[2:].replace("-", "_")))
        ]
        command = " ".join([f"%codika_{signin.purpose} {signin.email} --code $code", *asked])
        text = f"A code is on its way to {signin.email}. Complete with: {command}"
        bundle = markup.line(signin.notice.text if signin.notice and signin.error else text)
        self._show(signin, {} if arguments.json else bundle)
        return signin

    def _signed_in(self, signin: SignIn, as_json: bool) -> Profile:
        """Use what signing in has led to from now on, and show it."""
        from . import cards as views

        if as_json:
            print(json_text(signin.document()))
        if signin.profile is None:
            raise _refusal(signin)
        note = _use(signin.profile)
        self._show(signin.profile, {} if as_json else views.signed_in(signin.profile, note))
        return signin.profile

    def stop_sandbox(self) -> None:
        """Stop the sandbox that this kernel started, if it did, and forget what belongs to it."""
        from ..profiles.credential import current

        sandbox = current.sandbox
        if sandbox is None:
            return
        at_sandbox = current.base_url == self._sandbox_url
        current.sandbox = None
        sandbox.stop()
        atexit.unregister(sandbox.stop)
        if at_sandbox:
            current.base_url = current.profile = current.deployment = None

    # --- reading the line --------------------------------------------------------------------------

    @property
    def _shell(self) -> InteractiveShell:
        return cast(InteractiveShell, self.shell)

    def _client(self, use_case: UseCase | None = None) -> Client:
        """A client for whoever is signed in; `NotSignedIn` before anything else is found fault with.

        For a use case that belongs to another organization, its profile if there is one.
        """
        from ..client.client import Client
        from ..profiles import expiry_notice
        from ..profiles.credential import signed_in

        client = Client(profile=_fitting_profile(use_case) if use_case else None)
        signed_in(client.credential)
        profile = client.credential.profile
        if profile and (notice := expiry_notice(profile)):
            display(markup.line(notice), raw=True)
        return client

    def _instance(self, client: Client, named: str | None) -> str:
        """The instance that is meant: the one named, else that of this kernel's last deployment."""
        from ..profiles.credential import current

        deployed = current.deployment
        found = named or (deployed.process_instance_id if deployed else client.instance)
        if not found:
            raise ConfigError(
                "Nothing has been deployed from this kernel yet, so it takes the id of a process instance.",
                next_action="%codika_deploy first, or give --instance ID; Client().list_instances() has it.",
            )
        return found

    def _value(self, word: str) -> Any:
        """`word`, or what the variable holds that it names as ``$name`` or ``{name}``."""
        named = re.fullmatch(r"\$([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\}", word)
        if named is None:
            return word
        name = named[1] or named[2]
        if name not in self._shell.user_ns:
            raise UsageError(f"There is no variable {name!r} here.")
        return self._shell.user_ns[name]

    def _refuse_keys(self, line: str) -> None:
        """Refuse a key that stands on the line, and take it out of IPython's memory and history."""
        found = re.findall(r"ck[oap]?_[A-Za-z0-9_-]{16,}", line)
        if not found:
            return
        for key in found:
            _scrub(self._shell, key)
        raise UsageError(
            "A key on the line stays in the notebook: give a variable, --api-key $key, or nothing to be "
            "asked. It has been taken out of the history; delete it from the cell too."
        )

    def _show(self, value: Any, bundle: dict[str, str] | None) -> None:
        """Display `bundle` (or a form) now, and not once more when `value` ends the cell.

        A magic returns its value so that it can be assigned, and shows it even then; without this
        a line that is not assigned would show it twice.
        """
        if bundle is None:
            value.show()
        elif bundle:
            display(bundle, raw=True)
        shown_by_ipython = sys.displayhook
        if value is None or shown_by_ipython is sys.__displayhook__:
            return

        def hook(result: object) -> None:
            if result is value:
                self._shell.displayhook.update_user_ns(result)
                self._shell.displayhook.fill_exec_result(result)
            else:
                shown_by_ipython(result)

        # IPython puts its own hook back when the cell has ended.
        sys.displayhook = hook


class _Card:
    """One output that is updated in place while something goes on, and holds the outcome after."""

    def __init__(self, magics: CodikaMagics) -> None:
        self._magics = magics
        self._in_kernel = _is_kernel(magics._shell)
        self._handle: DisplayHandle | None = None
        self._line = False

    def update(self, bundle: dict[str, str]) -> None:
        """Show how it stands; where nothing can be updated, on the terminal's last line or not at all."""
        if not self._in_kernel:
            if sys.stdout.isatty():
                text = " · ".join(part.strip() for part in bundle["text/plain"].splitlines())
                # No wider than the window: a line that wraps could not be taken back.
                print(f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}", end="", flush=True)
                self._line = True
        elif self._handle:
            self._handle.update(bundle, raw=True)
        else:
            self._handle = display(bundle, raw=True, display_id=True)

    def give_up(self, bundle: dict[str, str]) -> None:
        """Show how it stood at the end; the error that follows says why."""
        self._clear_line()
        if self._handle:
            self._handle.update(bundle, raw=True)

    def finish(self, value: Any, bundle: dict[str, str]) -> None:
        """Show the outcome, and the value no second time."""
        self._clear_line()
        if self._handle:
            self._handle.update(bundle, raw=True)
        self._magics._show(value, {} if self._handle else bundle)

    def _clear_line(self) -> None:
        if self._line:
            print("\r\x1b[K", end="", flush=True)
            self._line = False


def _fitting_profile(use_case: UseCase) -> str | None:
    """The profile of the organization that the folder belongs to, where that has to be another one."""
    from ..profiles.credential import profile_for

    owner = use_case.owner
    return profile_for(owner.organization_id, owner.base_url) if owner else None


def _checked_deployment(arguments: Namespace) -> str:
    """The version that is asked for, or a `UsageError` for options that exclude each other."""
    versions = arguments.version or []
    if len(versions) > 1:
        raise UsageError("Give one of --patch, --minor, --major and --target-version.")
    if arguments.project and arguments.create_project is not None:
        raise UsageError("Give --project or --create-project, not both.")
    if arguments.create_project is not None and not arguments.create_project.strip():
        raise UsageError("A new project needs a name: --create-project NAME.")
    others = (
        versions or arguments.project or arguments.create_project or arguments.publish or arguments.dry_run
    )
    if arguments.rerun and others:
        raise UsageError(
            "--rerun deploys what is there already: no version, project or publishing goes with it."
        )
    return versions[0] if versions else "patch"


def _may_have_acted(error: KeyboardInterrupt | CodikaError) -> bool:
    return isinstance(error, KeyboardInterrupt) or error.may_have_acted


def _size(content: bytes | str) -> str:
    count = len(content)
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"


def _take_object(line: str) -> tuple[dict[str, Any] | None, str]:
    """The object on the line, JSON or Python literal and quoted or not, and the line without it."""
    start = next(
        (m.start() for m in re.finditer(r"\{", line) if not re.match(r"\{\w+\}", line[m.start() :])), -1
    )
    if start < 0:
        return None, line
    text = line[start:]
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except ValueError as error:
        end = text.rfind("}") + 1
        try:
            value = ast.literal_eval(text[:end])
        except (ValueError, SyntaxError):
            raise UsageError(f"The payload is not JSON: {error}.") from None
    before, after = line[:start], text[end:]
    if before[-1:] == after[:1] and after[:1] in ("'", '"'):
        before, after = before[:-1], after[1:]
    if not isinstance(value, dict):
        raise UsageError(f"The payload has to be an object (a dict), not {type(value).__name__}.")
    return value, f"{before} {after}"


def _is_kernel(shell: InteractiveShell) -> bool:
    return getattr(shell, "kernel", None) is not None


def _may_activate(server: str) -> bool:
    """Whether a sign-in at `server` becomes the active profile of other programs too.

    A sandbox is gone sooner or later: it doesn't take over from a profile of the real platform.
    """
    from ..profiles import ProfileStore, is_loopback

    if not is_loopback(server):
        return True
    try:
        active = ProfileStore().active()
    except ConfigError:
        return True
    return active is None or is_loopback(active.host)


def _who_is_signed_in(server: str) -> Profile | None:
    """The profile whose key works at `server` right now."""
    from ..profiles import same_host
    from ..profiles.credential import resolve, signed_in
    from ..signin.signin import profile_of_key

    try:
        credential = resolve()
        if not same_host(credential.base_url, server):
            # Only a key that is known to belong there: the environment's was not made for this server.
            credential = resolve(base_url=server)
            if credential.profile is None:
                return None
        key = signed_in(credential)
        from ..client.client import Client  # a form for somebody new is shown sooner without it

        with Client(auth=key, base_url=server, timeout=5.0) as client:
            known = client.verify_key()
    except (ConfigError, APIError, TransportError):
        return None  # the form says what is wrong when it is used
    return credential.profile or profile_of_key(key, known, server)


def _use(profile: Profile) -> str:
    """Use what somebody has signed in to from now on; returns what stands in the way of that."""
    from ..profiles.credential import current, resolve

    current.profile = profile.name or profile
    current.base_url = profile.host
    current.deployment = None
    try:
        shadowed = resolve().key != profile.api_key
    except ConfigError:
        shadowed = False
    return SHADOWED if shadowed else ""


def _nobody_there() -> NotSignedIn:
    return NotSignedIn(
        "Nobody is there to type a code.",
        next_action="Set CODIKA_API_KEY, or sign in once on this machine (the profile is found again), "
        "or use --no-form and then --code.",
        code="not-signed-in",
    )


def _refusal(signin: SignIn) -> CodikaError:
    """The error a sign-in without a form has ended with, in the words of its notice."""
    notice = signin.notice
    text = notice.text if notice else "Signing in has not ended."
    if signin.step == "organization":
        ids = ", ".join(f"{o.id} ({o.name})" for o in signin.organizations)
        text += f" Repeat with --organization-id: {ids}"
    if signin.error is None:
        return InvalidRequestError(text, code=notice.code if notice else "")
    signin.error.message, signin.error.next_action = text, None
    return signin.error


def _scrub(shell: InteractiveShell, secret: str) -> None:
    """Take `secret` out of ``In``, ``_i…`` and the history database."""
    history = shell.history_manager
    for lines in (shell.user_ns.get("In"), getattr(history, "input_hist_raw", None)):
        if isinstance(lines, list):
            lines[:] = [text.replace(secret, "***") for text in lines]
    for name, value in list(shell.user_ns.items()):
        if re.fullmatch(r"_i{1,3}|_i\d+", name) and isinstance(value, str):
            shell.user_ns[name] = value.replace(secret, "***")
    if history is None or not history.enabled:
        return
    for name in ("_i", "_ii", "_iii", "_i00"):
        if isinstance(value := getattr(history, name, None), str):
            setattr(history, name, value.replace(secret, "***"))
    history.writeout_cache()
    with history.db:
        # Overwrites what it frees, so that the file doesn't keep it either.
        history.db.execute("PRAGMA secure_delete = ON")
        history.db.execute(
            "UPDATE history SET source = replace(source, ?, '***'), "
            "source_raw = replace(source_raw, ?, '***')",
            (secret, secret),
        )


def _by_prompts(signin: SignIn) -> None:
    """The steps of the form as prompts, for a terminal; Ctrl-C leaves."""
    from ..client.client import Client
    from ..profiles import PRODUCTION

    email = signin.email
    with Client(base_url=signin.base_url) as client:
        while signin.step != "done":
            if signin.step == "email":
                where = "" if signin.base_url == PRODUCTION else f" (for {signin.base_url})"
                client.perform(signin.request_code(email or _ask(input, f"E-mail{where}: ")))
                email = ""
            elif signin.step == "code":
                question = f"Six-digit code sent to {signin.email} (empty for a new one): "
                typed = _ask(getpass.getpass, question)
                client.perform(signin.submit_code(typed) if typed.strip() else signin.resend())
            else:
                for number, choice in enumerate(signin.organizations, 1):
                    print(f"{number:3}. {plain(choice.name)}  ({choice.id})")
                typed = _ask(input, "Which organization (number)? ").strip()
                if typed.isdecimal() and 1 <= int(typed) <= len(signin.organizations):
                    client.perform(signin.choose_organization(signin.organizations[int(typed) - 1].id))
            if signin.notice:
                print(plain(signin.notice.text, 500))


def _ask(prompt: Callable[[str], str], question: str) -> str:
    try:
        return prompt(question)
    except (KeyboardInterrupt, EOFError):
        raise NotSignedIn("Cancelled: nobody is signed in.", code="cancelled") from None


@context_matcher(identifier="codika_nb")  # type: ignore[untyped-decorator]
def complete(context: CompletionContext) -> dict[str, Any]:
    """Complete the options of our magics, and values that this machine knows by itself."""
    line = context.text_until_cursor.rpartition("\n")[2]
    found = re.search(r"%(codika_\w+)((?:\s+\S+)*)\s+(\S*)$", line)
    magics = CodikaMagics.magics["line"]
    if not found or found[1] not in magics:
        return {"completions": [], "suppress": False}
    before, fragment = found[2].split(), found[3]
    if fragment.startswith("-"):
        described = getattr(CodikaMagics, found[1]).parser
        names = [name for action in described._actions for name in action.option_strings]
    else:
        names = _known_values(found[1], before[-1] if before else "")
    completions = [SimpleCompletion(name, type="codika") for name in names if name.startswith(fragment)]
    return {
        "completions": completions,
        # Where we know nothing (a path, a payload) IPython's own completions are the better ones.
        "suppress": bool(completions) or fragment.startswith("-"),
        "matched_fragment": fragment,
    }


def _known_values(magic: str, previous: str) -> list[str]:
    from ..profiles import ProfileStore
    from ..profiles.credential import current

    try:
        profiles = ProfileStore().list()
    except ConfigError:
        profiles = []
    if previous == "--name" or (magic in ("codika_use", "codika_logout") and not previous):
        return [profile.name for profile in profiles if profile.name]
    if previous == "--organization-id":
        return [profile.organization_id for profile in profiles if profile.organization_id]
    if previous == "--base-url":
        return sorted({profile.host for profile in profiles})
    deployed = current.deployment
    if magic in ("codika_trigger", "codika_executions", "codika_playground") and not previous and deployed:
        return [workflow.workflow_template_id for workflow in deployed.workflows_deployed]
    return []


def load(shell: InteractiveShell) -> None:
    """Register the magics and their completion; loading them again changes nothing."""
    shell.register_magics(CodikaMagics)
    matchers = shell.Completer.custom_matchers if shell.Completer else []
    if complete not in matchers:
        matchers.append(complete)


def unload(shell: InteractiveShell) -> None:
    """Take everything away again, and stop the sandbox that was started."""
    magics = shell.magics_manager.registry.pop(CodikaMagics.__name__, None)
    if magics is None:
        return
    cast(CodikaMagics, magics).stop_sandbox()
    for name in CodikaMagics.magics["line"]:
        shell.magics_manager.magics["line"].pop(name, None)
    if shell.Completer and complete in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(complete)
