"""One-time codes by mail: how often one may be asked for, how long it lives, and what it takes to use it."""

from __future__ import annotations

import hmac
import math
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ..mail import Mail, Mailbox, NotSent
from ..wire import Refusal
from . import Subject

__all__ = ["CODE_SECONDS", "Codes", "Purpose"]

CODE_SECONDS = 10 * 60
_ATTEMPTS = 5
_RESEND_SECONDS = 30
_EMAIL_REQUESTS_PER_HOUR = 20
_HOUR = 60 * 60

Purpose = Literal["signup", "login"]


@dataclass(frozen=True)
class Codes(Subject):
    """The rules about one-time codes. Every method runs in a transaction."""

    mailbox: Mailbox
    ip_limit: int

    def count_request(self, email: str, ip: str) -> int | None:
        """Count a request for a code, if another one may be made; returns what `make` takes it back by."""
        now = self.now()
        self._limit_requests(email, ip, now)
        return self.store.insert("code_requests", email=email, ip=ip, at=now)

    def make(self, purpose: Purpose, email: str, request: int | None) -> Callable[[], Awaitable[None]]:
        """A new code in place of the one before; what is returned mails it, once the call is over."""
        now = self.now()
        code = f"{secrets.randbelow(10**6):06d}"
        digest = self._digest(email, purpose, code)
        if last := next((mail for mail in self.mailbox.mails if mail.to == email), None):
            self.mailbox.ended[last] = self.state_of(last)
        self.store.insert(
            "codes",
            replace=True,
            email=email,
            purpose=purpose,
            state="pending",
            digest=digest,
            attempts_left=_ATTEMPTS,
            sent_at=now,
        )
        mail = _mail(email, purpose, code, now)

        async def deliver() -> None:
            try:
                await self.mailbox.deliver(mail)
            except NotSent:
                # Nobody has the code: neither a cooldown nor the hourly counts may come from it.
                with self.store.transaction(Refusal):
                    self.store.remove("codes", email=email, digest=digest)
                    self.store.remove("code_requests", rowid=request)
                raise Refusal(
                    "INTERNAL", "The mail with the code could not be sent.", "Retry in a few seconds."
                ) from None

        return deliver

    def _limit_requests(self, email: str, ip: str, now: float) -> None:
        # A used code ends the cooldown: the mail was wanted, and the next step may be to log in.
        last = self.store.find("codes", email=email)
        if last and last["state"] != "used" and _is_within(_RESEND_SECONDS, last["sent_at"], now):
            wait = max(1, math.ceil(last["sent_at"] + _RESEND_SECONDS - now))
            raise Refusal(
                "OTP_RESEND_COOLDOWN",
                f"A code was sent to this address less than {_RESEND_SECONDS} seconds ago.",
                f"Wait {wait} seconds, then repeat the request.",
                details={"retryInSeconds": wait},
                headers={"Retry-After": str(wait)},
            )
        self.store.run("DELETE FROM code_requests WHERE at <= ? OR at > ?", now - _HOUR, now)
        for column, value, most, code, whose in (
            ("email", email, _EMAIL_REQUESTS_PER_HOUR, "EMAIL_RATE_LIMITED", "for this e-mail address"),
            ("ip", ip, self.ip_limit, "IP_RATE_LIMITED", "from this IP address"),
        ):
            counted = self.store.select("code_requests", "at", "at DESC", most, **{column: value})
            if len(counted) == most:
                # The first of them has to be an hour old first.
                wait = max(1, math.ceil(counted[-1]["at"] + _HOUR - now))
                raise Refusal(
                    code,
                    f"{most} codes were requested {whose} within an hour.",
                    f"Wait {math.ceil(wait / 60)} minutes, then repeat the request.",
                    headers={"Retry-After": str(wait)},
                )

    def _digest(self, email: str, purpose: str, code: str) -> bytes:
        message = f"{purpose}\n{email}\n{code}".encode("utf-8", "replace")
        return hmac.digest(self.store.code_secret, message, "sha256")

    def check(self, purpose: Purpose, email: str, code: str) -> None:
        """Pass with the right code, which stays valid until `use`."""
        again = f"Run {purpose}-request again."
        record = self.store.find("codes", email=email)
        if record is None:
            raise Refusal("OTP_NOT_FOUND", "No code is pending for this e-mail address.", again)
        if record["state"] == "used":
            raise Refusal("OTP_ALREADY_USED", "This code has been used already.", again)
        if record["state"] == "pending" and not _is_within(CODE_SECONDS, record["sent_at"], self.now()):
            raise Refusal("OTP_EXPIRED", "The code is older than 10 minutes.", again)
        if record["purpose"] != purpose:
            raise Refusal(
                "OTP_PURPOSE_MISMATCH",
                f"The code that was sent is for {record['purpose']}, not for {purpose}.",
                f"Run {record['purpose']}-complete with it, or {purpose}-request for a new one.",
            )
        if record["state"] == "locked":
            raise _locked_out(again)
        if hmac.compare_digest(self._digest(email, purpose, code), record["digest"]):
            return
        left = record["attempts_left"] - 1
        if left == 0:
            self.store.change("codes", {"email": email}, state="locked", digest=None, attempts_left=0)
            raise _locked_out(again)
        self.store.change("codes", {"email": email}, attempts_left=left)
        raise Refusal(
            "OTP_INVALID",
            "That code is not right.",
            f"Look at the newest mail again and repeat {purpose}-complete.",
            details={"attemptsRemaining": left},
        )

    def state_of(self, mail: Mail) -> str:
        """What has become of the code in a mail: waiting, used, replaced, expired, or locked."""
        record = self.store.find("codes", email=mail.to)
        # To the microsecond, as a mail has it.
        if record is None or abs(record["sent_at"] - mail.sent_at.timestamp()) > 1e-5:
            before = self.mailbox.ended.get(mail, "waiting")
            return "replaced" if before == "waiting" else before
        if record["state"] == "pending":
            fresh = _is_within(CODE_SECONDS, record["sent_at"], self.now())
            return "waiting" if fresh else "expired"
        return "used" if record["state"] == "used" else "locked"

    def use(self, email: str) -> None:
        """Make the code to an address one that was used."""
        self.store.change("codes", {"email": email}, state="used", digest=None)


def _is_within(seconds: float, since: float, now: float) -> bool:
    """Whether less time has passed; what lies in the future, as the clock was set back, is long over."""
    return 0 <= now - since < seconds


def _mail(email: str, purpose: Purpose, code: str, now: float) -> Mail:
    what = {"signup": "sign up for", "login": "log in to"}[purpose]
    return Mail(
        to=email,
        subject=f"Your code to {what} Codika",
        sent_at=datetime.fromtimestamp(now, UTC),
        code=code,
        text=f"{code} is your code to {what} Codika. It works once, within 10 minutes.\n\n"
        "If you did not ask for it, ignore this mail: nothing happens without the code.\n",
    )


def _locked_out(again: str) -> Refusal:
    return Refusal("OTP_LOCKED_OUT", f"The code was deleted after {_ATTEMPTS} wrong attempts.", again)
