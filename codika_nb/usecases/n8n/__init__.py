"""From n8n's exports to a use case in the platform's pattern.

| | |
|---|---|
| `importing` | the whole way, from what somebody has to a configuration and its workflows |
| `export` | what somebody has, read: files, texts, lists, wrappers; names and wires put right |
| `graph` | a workflow as nodes and wires, and what may be done with them |
| `starts` | what starts it there, and what takes its place here |
| `items` | what triggers gave, given by code instead (from `code`); the fields of forms |
| `times` | when a schedule runs |
| `reading` | what it reads of its input, and what it does with it, as far as its expressions tell |
| `inputs` | the form fields for that |
| `ends` | where a run ends, and how its result is submitted |
| `ready` | workflows that are in the platform's pattern already |
| `leftovers` | what a program cannot decide, node by node |
| `report` | what was done, and what a person has to decide |
"""
