CREATE TABLE users (
    id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, created_at REAL NOT NULL
);
CREATE TABLE organizations (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, description TEXT, size TEXT, created_at REAL NOT NULL
);
CREATE TABLE members (
    organization_id TEXT NOT NULL, user_id TEXT NOT NULL, role TEXT NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX members_of_user ON members (user_id);
CREATE TABLE keys (
    id TEXT PRIMARY KEY, digest BLOB NOT NULL UNIQUE, prefix TEXT NOT NULL, kind TEXT NOT NULL,
    organization_id TEXT, user_id TEXT, instance_id TEXT, name TEXT NOT NULL, description TEXT,
    scopes TEXT NOT NULL, created_at REAL NOT NULL, expires_at REAL, revoked_at REAL, last_used_at REAL
);
CREATE INDEX keys_of_organization ON keys (organization_id);
CREATE TABLE codes (
    email TEXT PRIMARY KEY, purpose TEXT NOT NULL, state TEXT NOT NULL, digest BLOB,
    attempts_left INTEGER NOT NULL, sent_at REAL NOT NULL
);
CREATE TABLE code_requests (email TEXT NOT NULL, ip TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX code_requests_of_email ON code_requests (email, at);
CREATE INDEX code_requests_of_ip ON code_requests (ip, at);

CREATE TABLE projects (
    id TEXT PRIMARY KEY, organization_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
    template_id TEXT NOT NULL, process_id TEXT, has_published INTEGER NOT NULL DEFAULT 0,
    archived INTEGER NOT NULL DEFAULT 0, created_by TEXT NOT NULL, created_at REAL NOT NULL
);
CREATE TABLE deployments (
    id TEXT PRIMARY KEY, project_id TEXT NOT NULL, major INTEGER NOT NULL, minor INTEGER NOT NULL,
    status TEXT NOT NULL, configuration TEXT NOT NULL, skills TEXT NOT NULL, created_at REAL NOT NULL,
    UNIQUE (project_id, major, minor)
);
CREATE TABLE documents (
    deployment_id TEXT NOT NULL, relative_path TEXT NOT NULL, content_type TEXT NOT NULL,
    description TEXT, content BLOB NOT NULL, uploaded_at REAL NOT NULL
);
CREATE INDEX documents_of_deployment ON documents (deployment_id);
CREATE TABLE instances (
    id TEXT PRIMARY KEY, project_id TEXT NOT NULL, organization_id TEXT NOT NULL,
    environment TEXT NOT NULL, deployment_id TEXT NOT NULL, owner TEXT NOT NULL,
    shared_with TEXT NOT NULL, is_active INTEGER NOT NULL, inactive_reason TEXT,
    archived INTEGER NOT NULL DEFAULT 0,
    installed_at REAL NOT NULL, last_executed_at REAL, rollout_id TEXT NOT NULL,
    rollout_status TEXT NOT NULL, parameters TEXT NOT NULL, engine_ids TEXT NOT NULL,
    UNIQUE (project_id, environment)
);
CREATE TABLE executions (
    id TEXT PRIMARY KEY, instance_id TEXT NOT NULL, workflow_id TEXT NOT NULL, trigger_id TEXT NOT NULL,
    engine_id TEXT NOT NULL, status TEXT NOT NULL, payload TEXT NOT NULL, result TEXT, error TEXT,
    secret_digest BLOB NOT NULL, created_at REAL NOT NULL, duration INTEGER
);
CREATE INDEX executions_of_instance ON executions (instance_id);
CREATE TABLE signing_secrets (
    instance_id TEXT NOT NULL, workflow_id TEXT NOT NULL, secret TEXT NOT NULL,
    PRIMARY KEY (instance_id, workflow_id, secret)
);
CREATE TABLE webhook_messages (
    instance_id TEXT NOT NULL, workflow_id TEXT NOT NULL, message_id TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (instance_id, workflow_id, message_id)
);

CREATE TABLE stage_documents (
    id TEXT PRIMARY KEY, project_id TEXT NOT NULL, stage INTEGER NOT NULL, minor INTEGER NOT NULL,
    title TEXT NOT NULL, content TEXT NOT NULL, summary TEXT NOT NULL, created_at REAL NOT NULL
);
CREATE TABLE ingestions (
    id TEXT PRIMARY KEY, project_id TEXT NOT NULL, major INTEGER NOT NULL, minor INTEGER NOT NULL,
    config TEXT NOT NULL, created_at REAL NOT NULL, UNIQUE (project_id, major, minor)
);
CREATE TABLE notes (
    id TEXT PRIMARY KEY, project_id TEXT NOT NULL, type TEXT NOT NULL, major INTEGER NOT NULL,
    minor INTEGER NOT NULL, patch INTEGER NOT NULL, title TEXT NOT NULL, content TEXT NOT NULL,
    summary TEXT NOT NULL, agent_id TEXT, created_at REAL NOT NULL
);
CREATE TABLE integrations (
    organization_id TEXT NOT NULL, integration_id TEXT NOT NULL, context_type TEXT NOT NULL,
    context_id TEXT NOT NULL, secrets TEXT NOT NULL, metadata TEXT NOT NULL, custom_schema TEXT,
    credential_id TEXT NOT NULL, connected_by TEXT NOT NULL, connected_at REAL NOT NULL,
    PRIMARY KEY (organization_id, integration_id, context_type, context_id)
);
