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
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from .errors import (
    APIError,
    AuthenticationError,
    CodikaError,
    ConfigError,
    InvalidRequestError,
    NotSignedIn,
    TransportError,
)

if TYPE_CHECKING:
    from .client import Client
    from .profiles import Profile
    from .signin import Purpose, SignIn

Function = TypeVar("Function", bound=Callable[..., Any])


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
                found, rest = self._payload(line) if payload else (None, line)
                try:
                    words = shlex.split(rest)
                except ValueError as error:
                    raise UsageError(f"The line cannot be read: {error}.") from None
                arguments = described.parser.parse_args(words)
                arguments.payload = found
                return function(self, arguments)
            except CodikaError as error:
                lines = [f"{type(error).__name__}: {error.message}"]
                lines += [error.next_action] if error.next_action else []
                # IPython prints what this returns instead of a traceback.
                error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
                raise

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
)


@magics_class
class CodikaMagics(Magics):
    """Sign in to Codika, deploy and trigger workflows."""

    @codika_magic(*SIGN_IN_OPTIONS)
    def codika_signup(self, arguments: Namespace) -> Any:
        """Create a Codika account (or log in to an existing one) with a code sent by e-mail.

        Example: %codika_signup ada@example.com --company "Acme, Inc."
        """
        return self._sign_in("signup", arguments)

    @codika_magic(*SIGN_IN_OPTIONS)
    def codika_login(self, arguments: Namespace) -> Any:
        """Log in to a Codika account (or create one) with a code sent by e-mail.

        Example: %codika_login ada@example.com
        """
        return self._sign_in("login", arguments)

    @codika_magic(
        option("name", nargs="?", help="the profile to remove; the one in use if left out"),
    )
    def codika_logout(self, arguments: Namespace) -> Any:
        """Remove a saved profile from this machine; its key lives on until it is revoked in the dashboard."""
        from . import session, views
        from .profiles import ProfileStore

        name = arguments.name
        if name is None:
            used = session.resolve().profile
            if used is None:
                raise NotSignedIn("Nobody is signed in.", next_action="There is nothing to log out from.")
            name = used.name
        profile = ProfileStore().remove(name) if name else cast("Profile", session.current.profile)
        if session.current.profile in (name, profile):
            session.current.profile = None
        text = f"Logged out: {views.who(profile)}. Its key still works until it is revoked in the dashboard."
        self._show(profile, views.line(text))
        return profile

    @codika_magic(
        option("name", help="the profile to use"),
        option("--save", action="store_true", help="make it the active profile for other programs too"),
    )
    def codika_use(self, arguments: Namespace) -> Any:
        """Use another saved profile in this kernel.

        Example: %codika_use acme-inc
        """
        from . import session, views
        from .profiles import ProfileStore

        store = ProfileStore()
        profile = store.use(arguments.name) if arguments.save else store.get(arguments.name)
        session.current.profile = profile.name
        session.current.deployment = None
        text = f"Now using {views.who(profile)}, profile {profile.name}."
        if os.environ.get("CODIKA_API_KEY"):
            text += " But CODIKA_API_KEY is set in the environment, and wins until it is unset."
        self._show(profile, views.line(text))
        return profile

    @codika_magic()
    def codika_whoami(self, arguments: Namespace) -> Any:
        """Show who is signed in: profile, organization, server, key (eight characters), scopes, expiry."""
        from . import session, views

        credential = session.resolve()
        session.signed_in(credential)
        with self._client() as client:
            try:
                known = client.verify_key()
            except AuthenticationError as error:
                error.next_action = (
                    f"The key from {credential.source} is no longer good: %codika_login makes a new one."
                )
                raise
        self._show(known, views.identity(known, credential))
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
        from . import session, views
        from .sandbox import Sandbox, running

        if arguments.stop:
            self.stop_sandbox()
            self._show(None, views.line("The sandbox is stopped; this kernel uses the real platform again."))
            return None
        sandbox = session.current.sandbox or running.find(os.environ.get("CODIKA_BASE_URL"))
        if sandbox is None:
            sandbox = Sandbox(port=arguments.port, data=arguments.data)
            for file in arguments.stand_ins:
                sandbox.load_stand_ins(file)
            sandbox.start()
            atexit.register(sandbox.stop)
        session.current.sandbox = sandbox
        session.current.base_url = sandbox.url
        self._show(sandbox, views.sandbox(sandbox))
        return sandbox

    @codika_magic(
        option("path", help="the use-case folder"),
        option(
            "--patch",
            action="append_const",
            dest="version",
            const="patch",
            help="raise the last part (default)",
        ),
        option("--minor", action="append_const", dest="version", const="minor", help="raise the middle part"),
        option("--major", action="append_const", dest="version", const="major", help="raise the first part"),
        option(
            "--target-version", action="append", dest="version", metavar="X.Y", help="deploy as this version"
        ),
        option("--project", metavar="ID", help="deploy to this project"),
        option("--create-project", metavar="NAME", help="make a project with this name for it"),
    )
    def codika_deploy(self, arguments: Namespace) -> Any:
        """Deploy a use-case folder: its workflows become HTTP endpoints.

        Example: %codika_deploy use-cases/greeter
        """
        from . import session, views
        from .usecase import UseCase

        versions = arguments.version or ["patch"]
        if len(versions) > 1:
            raise UsageError("Give one of --patch, --minor, --major and --target-version.")
        if arguments.project and arguments.create_project:
            raise UsageError("Give --project or --create-project, not both.")
        use_case = UseCase.load(arguments.path)
        before = use_case.project
        with self._client() as client:
            deployed = client.deploy_use_case(
                use_case,
                version=versions[0],
                project_id=arguments.project,
                create_project=arguments.create_project,
            )
        project = use_case.project
        made = project is not None and (before is None or before.project_id != project.project_id)
        notes = ["A project was made for it; project.json says which."] if made else []
        session.current.deployment = deployed
        self._show(deployed, views.deployment(deployed, use_case.configuration.title, notes))
        return deployed

    @codika_magic(
        option("workflow", help="the workflow's template id"),
        option("--instance", metavar="ID", help="process instance; the last deployment's if left out"),
        option("--timeout", type=float, default=120.0, metavar="S", help="seconds to wait (120)"),
        option("--no-wait", action="store_true", help="only start the run"),
        payload=True,
    )
    def codika_trigger(self, arguments: Namespace) -> Any:
        """Run a workflow and wait for its result.

        Example: run = %codika_trigger greet {"name": "Ada"}
        """
        from . import session, views

        deployed = session.current.deployment
        with self._client() as client:
            instance = arguments.instance or (deployed.process_instance_id if deployed else None)
            if arguments.no_wait:
                run = client.trigger_workflow(arguments.workflow, arguments.payload, instance=instance)
                self._show(run, views.line(f"Run {run.execution_id} of {arguments.workflow} has started."))
                return run
            ended = client.run_workflow(
                arguments.workflow, arguments.payload, instance=instance, timeout=arguments.timeout
            )
        self._show(ended, views.execution(ended, arguments.workflow))
        return ended

    # --- signing in --------------------------------------------------------------------------------

    def _sign_in(self, purpose: Purpose, arguments: Namespace) -> Any:
        from . import session
        from .profiles import ProfileStore

        if arguments.email and arguments.email_option:
            raise UsageError("The e-mail was given twice: once on its own and once with --email.")
        email = arguments.email or arguments.email_option or ""
        base_url = arguments.base_url
        if arguments.api_url:
            base_url = arguments.api_url.rstrip("/").rpartition("/")[0]
        server = session.sign_in_server(base_url)
        options: dict[str, Any] = {
            "base_url": server,
            "store": None if arguments.ephemeral else ProfileStore(),
            "company": arguments.company,
            "description": arguments.description,
            "key_name": arguments.key_name,
            "key_expires_in": arguments.key_expires_in,
            "name": arguments.name,
            "organization_id": arguments.organization_id,
            "activate": _may_activate(server),
        }

        def use(profile: Profile) -> None:
            session.current.profile = profile.name or profile
            session.current.deployment = None

        if arguments.code or arguments.no_form:
            return self._without_form(purpose, email, arguments, options, use)
        already = None if email else _who_is_signed_in(server)
        if _somebody_can_click(self._shell) or (session.current.sandbox and _is_kernel(self._shell)):
            # With a sandbox at hand the notebook can read the mail itself, so nobody has to be there.
            from .forms import SignInForm

            form = SignInForm(purpose, email=email, already=already, on_done=use, **options)
            self._show(form, None)
            return form
        if already is None and not _is_kernel(self._shell):
            already = _by_prompts(purpose, email, options)
            use(already)
        if already is None:
            raise NotSignedIn(
                "Nobody is there to type a code.",
                next_action="Set CODIKA_API_KEY, or sign in once on this machine (the profile is found again), "
                "or use --no-form and then --code.",
                code="not-signed-in",
            )
        return self._signed_in(already)

    def _without_form(
        self,
        purpose: Purpose,
        email: str,
        arguments: Namespace,
        options: dict[str, Any],
        use: Callable[[Profile], None],
    ) -> Any:
        """The platform's two commands: have a code sent; complete with it."""
        from . import views
        from .client import Client
        from .signin import SignIn

        signin = SignIn(purpose, email=email, **options)
        with Client(base_url=signin.base_url) as client:
            if arguments.code:
                client.perform(signin.submit_code(self._value(arguments.code)))
                profile = _profile_of(signin)
                use(profile)
                return self._signed_in(profile)
            client.perform(signin.request_code(email))
        if signin.step != "code":
            _profile_of(signin)
        command = f"%codika_{signin.purpose} {signin.email} --code $code"
        text = f"A code is on its way to {signin.email}. Complete with: {command}"
        self._show(
            signin, views.line(text if signin.error is None else f"{signin.notice and signin.notice.text}")
        )
        return signin

    def _signed_in(self, profile: Profile) -> Profile:
        from . import views

        bundle = {"text/plain": views.signed_in_line(profile), "text/html": views.signed_in_html(profile)}
        self._show(profile, bundle)
        return profile

    def stop_sandbox(self) -> None:
        """Stop the sandbox that this kernel started, if it did, and stop using it."""
        from . import session

        sandbox = session.current.sandbox
        if sandbox is not None:
            sandbox.stop()
            atexit.unregister(sandbox.stop)
        session.current = session.Session()

    # --- reading the line --------------------------------------------------------------------------

    @property
    def _shell(self) -> InteractiveShell:
        return cast(InteractiveShell, self.shell)

    def _client(self) -> Client:
        from .client import Client

        return Client()

    def _value(self, word: str) -> str:
        """`word`, or what the variable holds that it names as ``$name`` or ``{name}``."""
        named = re.fullmatch(r"\$(\w+)|\{(\w+)\}", word)
        return str(self._variable(named[1] or named[2])) if named else word

    def _variable(self, name: str) -> Any:
        if name not in self._shell.user_ns:
            raise UsageError(f"There is no variable {name!r} here.")
        return self._shell.user_ns[name]

    def _payload(self, line: str) -> tuple[dict[str, Any] | None, str]:
        """The payload on the line, and the line without it."""
        named = re.search(r"(?<!\S)(?:\$(\w+)|\{\s*([A-Za-z_]\w*)\s*\})(?!\S)", line)
        if named:
            value = self._variable(named[1] or named[2])
            rest = line[: named.start()] + line[named.end() :]
        else:
            start = line.find("{")
            if start < 0:
                return None, line
            value, end = _first_object(line[start:])
            rest = line[:start] + line[start + end :]
        if not isinstance(value, dict):
            raise UsageError(f"The payload has to be an object (a dict), not {type(value).__name__}.")
        return value, rest

    def _show(self, value: Any, bundle: dict[str, str] | None) -> None:
        """Display `bundle` (or a form) now, and not once more when `value` ends the cell.

        A magic returns its value so that it can be assigned, and shows it even then; without this
        a line that is not assigned would show it twice.
        """
        if bundle is None:
            value.show()
        else:
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


def _first_object(text: str) -> tuple[Any, int]:
    """The object at the beginning of `text`, JSON or Python literal, and where it ends."""
    try:
        return json.JSONDecoder().raw_decode(text)
    except ValueError as error:
        end = text.rfind("}") + 1
        try:
            return ast.literal_eval(text[:end]), end
        except (ValueError, SyntaxError):
            raise UsageError(f"The payload is not JSON: {error}.") from None


def _is_kernel(shell: InteractiveShell) -> bool:
    return getattr(shell, "kernel", None) is not None


def _somebody_can_click(shell: InteractiveShell) -> bool:
    """Whether a person could answer: exactly what the front end has told the kernel, no guessing by brand."""
    kernel = getattr(shell, "kernel", None)
    # Voilà offers no prompts, but its widgets work.
    in_voila = os.environ.get("SERVER_SOFTWARE", "").startswith("voila/")
    return kernel is not None and (bool(getattr(kernel, "_allow_stdin", False)) or in_voila)


def _may_activate(server: str) -> bool:
    """Whether a sign-in at `server` becomes the active profile of other programs too.

    A sandbox is gone sooner or later: it doesn't take over from a profile of the real platform.
    """
    from .profiles import ProfileStore, is_loopback

    if not is_loopback(server):
        return True
    try:
        active = ProfileStore().active()
    except ConfigError:
        return True
    return active is None or is_loopback(active.host)


def _who_is_signed_in(server: str) -> Profile | None:
    """The profile whose key works at `server` right now."""
    from . import session
    from .client import Client
    from .profiles import Profile

    try:
        credential = session.resolve(base_url=server)
        key = session.signed_in(credential)
        with Client(base_url=server, timeout=5.0) as client:
            known = client.verify_key()
    except (ConfigError, APIError, TransportError):
        return None  # the form says what is wrong when it is used
    if credential.profile:
        return credential.profile
    return Profile(
        api_key=key,
        type=known.type,
        organization_id=known.organization_id,
        organization_name=known.organization_name,
        key_name=known.key_name,
        key_prefix=known.key_prefix,
        scopes=known.scopes,
        created_at=known.created_at,
        expires_at=known.expires_at,
        base_url=server,
    )


def _profile_of(signin: SignIn) -> Profile:
    """The profile a sign-in has ended with, or the error it has ended with."""
    if signin.profile is not None:
        return signin.profile
    text = signin.notice.text if signin.notice else "Signing in has not ended."
    if signin.step == "organization":
        ids = ", ".join(f"{o.id} ({o.name})" for o in signin.organizations)
        text += f" Repeat with --organization-id: {ids}"
    if signin.error is not None:
        signin.error.message, signin.error.next_action = text, None
        raise signin.error
    raise InvalidRequestError(text, code=signin.notice.code if signin.notice else "")


def _by_prompts(purpose: Purpose, email: str, options: dict[str, Any]) -> Profile:
    """The steps of the form as prompts, for a terminal."""
    from .client import Client
    from .signin import SignIn

    signin = SignIn(purpose, **options)
    with Client(base_url=signin.base_url) as client:
        while signin.step != "done":
            if signin.step == "email":
                client.perform(signin.request_code(email or input("E-mail: ")))
                email = ""
            elif signin.step == "code":
                typed = getpass.getpass(f"Six-digit code sent to {signin.email} (empty for a new one): ")
                client.perform(signin.submit_code(typed) if typed.strip() else signin.resend())
            else:
                for number, choice in enumerate(signin.organizations, 1):
                    print(f"{number:3}. {choice.name}  ({choice.id})")
                typed = input("Which organization (number)? ").strip()
                if typed.isdecimal() and 1 <= int(typed) <= len(signin.organizations):
                    client.perform(signin.choose_organization(signin.organizations[int(typed) - 1].id))
            if signin.notice:
                print(signin.notice.text)
    return _profile_of(signin)


def load(shell: InteractiveShell) -> None:
    """Register the magics; loading them again changes nothing."""
    shell.register_magics(CodikaMagics)


def unload(shell: InteractiveShell) -> None:
    """Take the magics away again, and stop the sandbox that they started."""
    magics = shell.magics_manager.registry.pop(CodikaMagics.__name__, None)
    if magics is None:
        return
    cast(CodikaMagics, magics).stop_sandbox()
    for name in CodikaMagics.magics["line"]:
        shell.magics_manager.magics["line"].pop(name, None)
