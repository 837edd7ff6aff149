"""The platform over HTTP: what is sent, how answers are read, and the two ways to do it.

Its rooms, from the outside in:

- ``client``: `Client` and `AsyncClient`, one blocking and one awaited.

  - ``settings``: what both know: server, key, time-outs, connections.
  - ``workflow``: a deployed workflow as a Python function.
  - ``batch``: many runs at once; ``crew`` works on them, ``progress`` shows how far that is.
  - ``runs``: what has become of each, and ``overview``: how that looks.

- ``offers``: which workflows there are, and what each takes and gives.
- ``elsewhere``: how a workflow is called from a terminal, a script, a cell.
- ``deploying``: the recipe for a deployment; ``deployed``: what this process has deployed, and as whom.
- ``api``: every endpoint, described once, by noun.

  - ``endpoint``: how a method that describes becomes one that performs.
  - ``arguments``: what callers give, checked and in the platform's words; ``payloads``: how it becomes JSON.
  - ``integration_secrets``: secrets of integrations, and how they are sealed.

- ``call``: a request as a value, and how its answer is read; ``refusals``: what a refusal means.
- ``steps``: what an exchange is made of.
- ``http``: the HTTP library; ``auth`` and ``webhooks``: how requests prove who sends them.
- ``unreachable``: why no answer came; ``within``: the way to servers of this process.
"""
