"""Signing in, without any user interface: what each answer of the platform means for the next step.

`SignIn` goes ``email → code → (organization) → done``. Its verbs are exchanges: whoever drives it
(the form, a terminal, a script) performs them with a client and then shows what `SignIn` says.
An expected failure raises nothing; it becomes the next step and a `notice`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..client.arguments import days
from ..client.steps import Work
from ..display.place import next_step
from ..errors import AuthenticationError, CodikaError, ConfigError, RateLimitError
from ..profiles import Profile, ProfileStore
from ..profiles.credential import sign_in_server
from ..profiles.document import check_name
from ..profiles.profile import HoldsKey
from .outcome import document_of, profile_of_bundle, profile_of_key
from .reactions import (
    LONGEST_COMPANY,
    MOST_LISTED,
    REACTIONS,
    RESEND_AFTER,
    Notice,
    Organization,
    Purpose,
    Step,
    notice_of,
    organizations_in,
)
from .typed import address, looks_like_an_address, organization_key, six_digits

if TYPE_CHECKING:
    from ..client.api import API
    from ..client.steps import Steps
    from ..models import CodeSent, KeyBundle


class SignIn(HoldsKey):
    """The steps of signing up and logging in, and what every answer means for the next one.

    Args:
        purpose: where to begin; the account decides, so ``"signup"`` becomes ``"login"`` by itself
            for an e-mail that has an account, and the reverse, at most once each way.
        email: the address, where a code has been sent already and only `submit_code` is to come.
        base_url: the server; the one in use if left out. It is remembered in the profile unless it is
            production.
        store: where the profile is saved; None keeps the key in memory only.
        company, description: the new organization's, for a sign-up.
        key_name, key_expires_in: label of the key, and its days (1 to 365).
        name: what the saved profile is to be called; derived from the organization if left out.
        organization_id: which organization, for an account with several.
        activate: whether the saved profile becomes the active one.
        follow: whether a sign-up goes on as a login by itself, and the reverse, where the account is of the
            other kind.

    Attributes:
        step: ``"email"``, ``"code"``, ``"organization"`` or ``"done"``; ``"key"`` where an existing key
            is asked for instead of an e-mail.
        notice: what to tell the person, or None.
        error: the error behind the notice, or None.
        organizations: the choices, in step ``"organization"``.
        valid_until, resend_at: aware UTC times, or None.
        attempts_remaining: for the code; None when unknown.
        profile: the result, in step ``"done"``.
        sent, bundle: what the platform answered to the request and to the completion.

    Raises:
        ConfigError: an option that cannot be right, said before anything is sent.

    Example:
        >>> signin = SignIn("login", base_url=sandbox.url, store=ProfileStore())
        >>> with Client(base_url=sandbox.url) as client:
        ...     client.perform(signin.request_code("ada@example.com"))
        ...     client.perform(signin.submit_code(input("code: ")))
        SignIn('login', step='code')
        SignIn('login', step='done')
    """

    def __init__(
        self,
        purpose: Purpose = "signup",
        *,
        email: str = "",
        base_url: str | None = None,
        store: ProfileStore | None = None,
        company: str = "",
        description: str = "",
        key_name: str | None = None,
        key_expires_in: int | None = None,
        name: str | None = None,
        organization_id: str | None = None,
        activate: bool = True,
        follow: bool = True,
    ) -> None:
        self.purpose: Purpose = purpose
        self.base_url = base_url or sign_in_server()
        self.store = store
        self.company = company
        self.description = description
        self.key_name = key_name
        self.key_expires_in = days(key_expires_in)
        if name is not None:
            check_name(name)
        self.name = name
        self.organization_id = self._given_organization = organization_id
        self.activate = activate
        self.follow = follow

        self.step: Step = "email"
        self.email = address(email)
        self.notice: Notice | None = None
        self.error: CodikaError | None = None
        self.organizations: list[Organization] = []
        self.valid_until: datetime | None = None
        self.resend_at: datetime | None = None
        self.attempts_remaining: int | None = None
        self.profile: Profile | None = None
        self.sent: CodeSent | None = None
        self.bundle: KeyBundle | None = None
        self._code = ""
        self._switched: set[Purpose] = set()

    def __repr__(self) -> str:
        return f"SignIn({self.purpose!r}, step={self.step!r})"

    # --- verbs -------------------------------------------------------------------------------------

    def request_code(self, email: str, *, company: str | None = None) -> Steps[SignIn]:
        """Have a code sent to `email`; also how a new code is asked for.

        Args:
            email: the address; what is typed wrong becomes a `notice`, and nothing is sent.
            company: the new organization's name, for a sign-up; as it was if left out.

        Example:
            >>> signin = client.perform(SignIn("signup").request_code("ada@example.com"))
            >>> signin.purpose, signin.notice.text
            ('login', 'This e-mail already has an account, so this is a login.')
        """
        self.email = address(email)
        if company is not None:
            self.company = company.strip()
        self._say(self._wrong_input())
        if self.notice is None:
            yield from self._request()
        return self

    def resend(self) -> Steps[SignIn]:
        """Have a new code sent to the same address.

        Example:
            >>> signin = client.perform(SignIn("login").request_code("ada@example.com"))
            >>> client.perform(signin.resend()).notice.text
            'A code was sent a moment ago: type that one, or ask for another in ... s.'
        """
        yield from self.request_code(self.email)
        if self.step == "code" and self.notice is None:
            self._say(Notice("A new code is on its way. Only the newest one works."))
        return self

    def submit_code(self, code: str, *, company: str | None = None) -> Steps[SignIn]:
        """Complete with the code from the mail; spaces and text around the six digits do no harm.

        Args:
            code: what was typed or pasted.
            company: the new organization's name, for a sign-up; as it was if left out.

        Example:
            >>> signin = client.perform(SignIn("login").request_code("ada@example.com"))
            >>> client.perform(signin.submit_code("Your code is 000 000.")).notice.text
            'That code is not right: 4 attempts left. Look at the mail again.'
        """
        digits = six_digits(code)
        if company is not None:
            self.company = company.strip()
        self._say(self._wrong_input())
        if digits is None and self.follow:
            self._say(Notice("The code is the six digits in the mail.", "error", "code", "OTP_INVALID"))
        if self.notice is None:
            self._code = digits or code
            yield from self._complete()
        return self

    def choose_organization(self, organization_id: str) -> Steps[SignIn]:
        """Complete with one of `organizations`, and the code that was already given.

        Args:
            organization_id: its ``id``.

        Example:
            >>> beta = sandbox.add_organization("ada@example.com", "Beta Corp")
            >>> signin = client.perform(SignIn("login").request_code("ada@example.com"))
            >>> [each.name for each in client.perform(signin.submit_code(input("code: "))).organizations]
            ['Acme', 'Beta Corp']
            >>> client.perform(signin.choose_organization(beta)).profile
            Profile(organization='Beta Corp', key='cko_...')
        """
        self.organization_id = organization_id
        self._say(None)
        yield from self._complete()
        return self

    def submit_key(self, key: str) -> Steps[SignIn]:
        """Sign in with a key from the dashboard; to be performed by a client that has this key.

        Args:
            key: the organization's key, ``cko_…``, whole.

        Example:
            >>> signin = SignIn(base_url=sandbox.url)
            >>> client.perform(signin.submit_key(profile.api_key)).profile
            Profile(organization='Acme', key='cko_...')
        """
        self._say(None)
        whole = organization_key(key)
        if whole is None:
            text = "That is the key of one instance; here an organization key is needed: cko_…"
            other = "A key from the dashboard begins with cko_. Copy it again, whole."
            self._say(Notice(text if key.strip().startswith("ck_") else other, "error", "key", "invalid-key"))
            return self
        try:
            if self.store:
                yield from Work(self.store.check_writable)
            known = yield from _api().verify_key()
        except CodikaError as error:
            if isinstance(error, AuthenticationError):
                text = "The platform does not accept this key: it is unknown, revoked or expired."
                self._say(Notice(text, "error", "key", error.code), error)
            else:
                yield from self._react(error)
            return self
        yield from self._keep(profile_of_key(whole, known, self.base_url))
        self.step = "done"
        return self

    def document(self) -> dict[str, Any]:
        """What has happened, as the JSON document that codika 3.6.0 prints; without the key itself.

        Example:
            >>> client.perform(SignIn("login").request_code("ada@example.com")).document()
            {'success': True, 'data': {'email': 'ada@example.com', 'expiresInSeconds': 600}}
        """
        return document_of(self)

    @property
    def suggested(self) -> str | None:
        """Which of `organizations` to offer first: the one used last on this machine, if it is among them."""
        ids = [organization.id for organization in self.organizations]
        try:
            active = self.store.active() if self.store else None
        except ConfigError:
            active = None
        if active and active.organization_id in ids:
            return active.organization_id
        return ids[0] if ids else None

    def matching(self, part: str) -> list[Organization]:
        """Those of `organizations` whose name or id has `part` in it, 200 at most.

        The suggested one is among them if it matches.

        Args:
            part: upper and lower case are the same; all match an empty one.

        Example:
            >>> SignIn("login").matching("acme")
            []
        """
        wanted, suggested = part.casefold().strip(), self.suggested
        fitting = (
            each
            for each in self.organizations
            if wanted in each.name.casefold() or wanted in each.id.casefold()
        )
        listed = list(islice(fitting, MOST_LISTED))
        first = next((each for each in fitting if each.id == suggested), None)
        return [first, *listed[:-1]] if first else listed

    def back(self) -> None:
        """Return to the e-mail, which stays as it was typed.

        Example:
            >>> signin = client.perform(SignIn("login").request_code("ada@example.com"))
            >>> signin.back()
            >>> signin.step, signin.email
            ('email', 'ada@example.com')
        """
        self.step = "email"
        self._code = ""
        self.organizations = []
        self.organization_id = self._given_organization  # what was picked was another account's
        self._switched.clear()
        self._say(None)

    # --- how they work -----------------------------------------------------------------------------

    def _request(self) -> Steps[None]:
        api = _api()
        request = api.request_signup_code if self.purpose == "signup" else api.request_login_code
        try:
            sent = yield from request(self.email)
        except CodikaError as error:
            yield from self._react(error)
            return
        now = datetime.now(UTC)
        self.sent = sent
        self.valid_until = now + timedelta(seconds=sent.expires_in_seconds)
        self.resend_at = now + RESEND_AFTER
        self.attempts_remaining = None
        self.step = "code"

    def _complete(self) -> Steps[None]:
        try:
            if self.store:
                # The key is shown once: better to learn now that it cannot be kept.
                yield from Work(self.store.check_writable)
            bundle = yield from self._completion()
        except CodikaError as error:
            yield from self._react(error)
            return
        self._code, self.email, self.sent = "", "", None  # what was typed is not needed any more
        self._say(None)
        self.bundle = bundle
        yield from self._keep(profile_of_bundle(bundle, self.base_url))
        self.step = "done"

    def _completion(self) -> Steps[KeyBundle]:
        given: dict[str, Any] = {
            "code": self._code,
            "key_name": self.key_name,
            "key_expires_in": self.key_expires_in,
        }
        if self.purpose == "login":
            given["organization_id"] = self.organization_id
            return (yield from _api().complete_login(self.email, **given))
        given |= {"company": self.company or None, "description": self.description or None}
        return (yield from _api().complete_signup(self.email, **given))

    def _keep(self, profile: Profile) -> Steps[None]:
        # The key exists by now and is not shown again: it is kept for as long as this process lives.
        self.profile = profile
        if (store := self.store) is None:
            return
        try:
            self.profile, told = yield from Work(lambda: self._saved(store, profile))
        except ConfigError as error:
            told = Notice(f"You are signed in, but only until this kernel ends: {error.message}", "error")
        self._say(told)

    def _saved(self, store: ProfileStore, profile: Profile) -> tuple[Profile, Notice | None]:
        """The profile as it is saved: under another name where the wanted one is another account's."""
        try:
            return store.save(profile, name=self.name, activate=self.activate), None
        except ConfigError as error:
            if error.code != "profile-exists":
                raise
            saved = store.save(profile, activate=self.activate)
            return saved, Notice(f"{error.message} This one is called {saved.name!r}.")

    def _wrong_input(self) -> Notice | None:
        """What nobody has to be asked about; the two documented commands ask the platform all the same."""
        if not self.follow:
            return None
        if not self.email:
            return notice_of("EMAIL_REQUIRED")
        if not looks_like_an_address(self.email):
            return notice_of("EMAIL_INVALID")
        if self.purpose == "signup" and len(self.company) > LONGEST_COMPANY:
            text = (
                f"The organization's name has {len(self.company)} characters: at most {LONGEST_COMPANY} fit."
            )
            return Notice(text, "error", "company", "COMPANY_NAME_TOO_LONG")
        return None

    def _say(self, notice: Notice | None, error: CodikaError | None = None) -> None:
        self.notice, self.error = notice, error

    def _react(self, error: CodikaError) -> Steps[None]:
        """Turn a refusal into the next step."""
        late = bool(self._code)
        reaction = REACTIONS.get(error.code)
        if reaction is None:
            self._say(Notice(str(error), "error", code=error.code), error)
            return
        if isinstance(error, RateLimitError) and error.retry_in is not None:
            self.resend_at = datetime.now(UTC) + timedelta(seconds=error.retry_in)
        if isinstance(attempts := error.details.get("attemptsRemaining"), int):
            self.attempts_remaining = attempts
        self.organizations = organizations_in(error) or self.organizations
        if error.code == "OTP_PURPOSE_MISMATCH" and self._code and self.follow:
            other: Purpose = "login" if self.purpose == "signup" else "signup"
            if other not in self._switched:
                # The code is good, and is for the other kind of account.
                self._switched |= {self.purpose, other}
                self.purpose = other
                yield from self._complete()
                return
        if not reaction.code_lives:
            self._code = ""
            self.valid_until = None
        self.step = reaction.step or self.step
        if reaction.switch is None or not self.follow:
            self._say(self._notice(error), error)
        elif reaction.switch in self._switched:
            text = "The platform contradicts itself about this account. Try again in a minute."
            self._say(Notice(text, "error", "email", error.code), error)
        else:
            self._switched.add(reaction.switch)
            self.purpose = reaction.switch
            self.step = "email"
            yield from self._request()
            if self.notice is None:
                self._say(self._notice(error)._replace(kind="info"))
            elif self.notice.code == "OTP_RESEND_COOLDOWN":
                # A code that was typed in vain is of the other kind; one that is only on its way may fit.
                then = self._new_code() if late else self.notice.text
                self._say(self.notice._replace(text=f"{reaction.say} {then}"), self.error)

    def _notice(self, error: CodikaError) -> Notice:
        return notice_of(error.code, error, new_code=self._new_code())

    def _new_code(self) -> str:
        return next_step("new-code", purpose=self.purpose, email=self.email)


def _api() -> API:
    from ..client.api import API  # noqa: PLC0415 - its models are imported while the person types

    return API()
