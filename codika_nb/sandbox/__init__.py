"""A local platform with the same HTTP API, for tutorials, tests and people without an account.

Importing it is cheap; the server's packages (the extra ``codika-nb[sandbox]``) load when it starts.

Its rooms, from the outside in; a module imports only from those below it:

- ``server``: the `Sandbox` that programs start, stop and ask.
- ``serving``: one start of it: with a socket, a thread and a loop; or within the process of its clients.
- ``web``: HTTP.

  - ``app``: the routes, and the doors before them.
  - ``pages``: the start page and the inbox.
  - ``hosts``: which names and which sites' pages are answered.
  - ``protocol``: HTTP as bytes, and the answer to what is none.
  - ``bodies``: JSON and forms, as they are read.
  - ``answers``: the five shapes in which they are written.

- ``rules``: what the platform allows and remembers.

  - ``platform``: all of the following together.
  - ``executions``: starting workflows, what became of it, calls back from the engine.
  - ``signatures``: signed webhooks.
  - ``integrations``: connected credentials; ``encryption``: the key that their secrets are encrypted for.
  - ``deployments``: deploying, publishing, deploying again.
  - ``instances``: process instances and who has access.
  - ``documents``: the files beside a deployment, and data ingestions.
  - ``notes``: what people write about a project.
  - ``projects``: projects, who sees them, and the versions X.Y of what is deployed into them.
  - ``configuration``: what a deployable configuration and a fitting payload look like.
  - ``signin``: signing up and logging in; ``codes``: the one-time codes for it.
  - ``keys``: making keys, and whom they speak for.
  - ``organizations``: users, organizations, roles.

- ``stand_ins``: the Python functions that answer workflows; ``stand_in_engine``: what runs them, on threads.
- ``engine``: the seam at which something else can run workflows.
- ``mail``: the inbox, and the way to a real mail server.
- ``kept``: what a browser keeps of it; ``store``: the database, made by the scripts in ``schema``.
- ``wire``: a call, its members, a refusal and the status of each; how ids and times are written.
- ``clock``: the sandbox's time.
"""

from __future__ import annotations

from .clock import Clock
from .mail import Mail
from .server import Sandbox
from .stand_ins import stand_in

__all__ = ["Clock", "Mail", "Sandbox", "stand_in"]
