"""What this kernel has: its sandbox, and the client that a magic works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.display import display

from ..client.deployed import Deployed, latest
from ..display.front_end import in_kernel, somebody_sees_widgets
from ..display.markup import line
from ..errors import ConfigError
from ..profiles import Profile, expiry_notice
from ..profiles.credential import context, profile_for, resolve, signed_in
from .cards import who

if TYPE_CHECKING:
    from ..client.client import Client
    from ..usecases.usecase import UseCase

SHADOWED = "But CODIKA_API_KEY is set in the environment, and wins until it is unset."


@dataclass
class Kernel:
    """What magics have started in this kernel."""

    #: A `Sandbox` of this kernel, or a `RemoteSandbox` of another process.
    sandbox: Any = None
    sandbox_url: str = ""

    @property
    def running_sandbox(self) -> Any:
        """The sandbox, if it runs; somebody may have stopped it by hand."""
        try:
            return self.sandbox if self.sandbox and self.sandbox.url else None
        except ConfigError:
            return None

    def use_sandbox(self, sandbox: Any) -> None:
        """Work with a sandbox from now on."""
        self.sandbox, self.sandbox_url = sandbox, sandbox.url
        context.base_url = sandbox.url

    def leave_sandbox(self) -> None:
        """Stop the sandbox, if it is of this kernel, and forget what belongs to it."""
        sandbox, self.sandbox = self.sandbox, None
        if sandbox is None:
            return
        sandbox.stop()
        if context.base_url == self.sandbox_url:
            context.reset()


kernel = Kernel()


def open_client(**options: Any) -> Client:
    """A client with these options."""
    from ..client.client import Client  # noqa: PLC0415 - a form is on the screen before it is needed

    return Client(**options)


def can_show_a_form() -> bool:
    """Whether somebody, or a cell, can fill a form in."""
    # With a sandbox at hand the notebook can read the mail itself, so nobody has to be there.
    return (kernel.sandbox is not None and in_kernel()) or somebody_sees_widgets()


def use(profile: Profile) -> str:
    """Go on with an account that somebody has chosen; returns what does not go on with it."""
    before = context.profile
    context.choose(profile)
    try:
        shadowed = resolve().key != profile.api_key
    except ConfigError:
        shadowed = False
    kept = "Clients made before keep their account." if before not in (None, context.profile) else ""
    return " ".join(filter(None, (kept, SHADOWED if shadowed else "")))


def client_for_folder(use_case: UseCase) -> Client:
    """A client for the account that a folder belongs to, where that is another and nobody has chosen."""
    owner = folders_profile(use_case)
    return _checked(open_client(profile=owner), goes_on=owner is None)


def client_for_run(workflow: str | None, instance: str | None = None) -> Client:
    """A client for the account that has deployed what is to run; else for the one in use.

    Args:
        workflow: the workflow, if one is named.
        instance: the process instance, if one is named.
    """
    client = client_in_use()
    profile = client.credential.profile
    nobody_chose = not (context.profile and context.by_person)
    if profile and nobody_chose and not any(_is(each, workflow, instance) for each in client._deployments()):
        made = next((each for each in latest() if _is(each, workflow, instance)), None)
        owner = made.account.profile if made else None
        if owner and owner.name and owner.name != profile.name:
            try:
                its_own = open_client(profile=owner.name)
            except ConfigError as error:
                if error.code != "unknown-profile":
                    raise
                left = f"Profile {owner.name}, by which this kernel has deployed it, was logged out of."
                display(line(f"{left} As {who(profile)}, profile {profile.name}."), raw=True)
                return client
            client.close()
            client = its_own
            display(line(f"As {who(owner)}, profile {owner.name}, who deployed it."), raw=True)
            return _checked(client, goes_on=False)
    return client


def _is(made: Deployed, workflow: str | None, instance: str | None) -> bool:
    return made.instance == instance if instance else made.has(workflow)


def client_in_use() -> Client:
    """A client for whoever is signed in."""
    return _checked(open_client())


def _checked(client: Client, *, goes_on: bool = True) -> Client:
    """`NotSignedIn` before anything else is found fault with; and a word on a key that is about to expire.

    The account that a kernel begins with it `goes_on` with, whoever signs in elsewhere meanwhile.
    """
    signed_in(client.credential)
    profile = client.credential.profile
    if goes_on and profile and context.profile is None:
        context.choose(profile, by_person=False)
    if profile and (notice := expiry_notice(profile)):
        display(line(notice), raw=True)
    return client


def folders_profile(use_case: UseCase) -> str | None:
    """The profile of the organization that a folder belongs to, where that has to be another one."""
    used, owner = resolve().profile, use_case.owner
    if used and any(link.organization_id == used.organization_id for link in use_case.links):
        return None  # it belongs to whoever is signed in, too
    return profile_for(owner.organization_id, owner.base_url) if owner else None
