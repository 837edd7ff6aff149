"""Folders of workflows: read, checked, packed for the platform, and kept up to date after a deployment.

| | |
|---|---|
| `usecase` | a use case as a whole: what a person holds in a notebook |
| `apart` | what a folder has that is deployed apart: documents about stages, a data ingestion |
| `source` | what it consists of, read from its folder or made in Python |
| `config_py`, `config_ts` | configurations that are run, by Python or by Node (with the programs in `node`) |
| `configuration` | what it is called, its workflows, and what travels beside them |
| `triggers` | what starts a workflow |
| `fields` | what forms consist of: inputs, outputs, parameters of a deployment |
| `wire` | how members are spelled in Python and on the wire |
| `integrations` | which the platform has, and the secrets that they take |
| `skills` | pages that tell agents how to use a workflow |
| `rules` | what keeps a deployment from running |
| `verifying` | the rules on one workflow, without a use case around it |
| `n8n` | from n8n's exports to a use case |
| `starters` | what starts a workflow in the engine, by the types of its nodes |
| `complaints` | what is wrong with a configuration, and where |
| `packing` | what leaves it with a deployment |
| `record` | what its folder keeps of its deployments: projects, versions, the archive |
| `versions` | how versions count up |
| `documents` | its single files: read, checked and written, inside the folder only |
| `beginning` | the first files of a new one, from `starter` |
| `received` | the schema of a form that came over the wire, made fit to be read |
| `schema` | what fits into a form, in words as well; what is sent, and an example of it |
| `uploads` | files as the platform takes them in a payload |
| `words` | numbers, dates and sizes in words |
"""
