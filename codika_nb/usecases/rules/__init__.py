"""The rules that decide whether a deployment of a use case runs.

| | |
|---|---|
| `verify` | the table of rules, and the check that goes through it |
| `view` | what the rules look at: workflows, their nodes and wires |
| `findings` | what a check has found |
| `mending` | what can be mended in a workflow without asking anybody |
| `workflows` | rules about the workflows themselves |
| `wiring` | rules about nodes and the wires between them |
| `inputs` | rules about the fields that forms are made of |
| `triggers` | rules about the configuration, and whether it fits the workflows |
| `integrations` | rules about credentials and integrations |
| `skills` | rules about skills |
"""
