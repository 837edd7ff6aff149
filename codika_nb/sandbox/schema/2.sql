-- Lists stay as quick as they are short: each filter finds its newest rows in an index.
CREATE INDEX executions_by_workflow ON executions (instance_id, workflow_id);
CREATE INDEX executions_by_status ON executions (instance_id, status);
CREATE INDEX executions_by_both ON executions (instance_id, workflow_id, status);
CREATE INDEX executions_pending ON executions (status) WHERE status = 'pending';
CREATE INDEX projects_of_organization ON projects (organization_id);
CREATE INDEX instances_of_organization ON instances (organization_id);
CREATE INDEX notes_of_project ON notes (project_id);
CREATE INDEX stage_documents_of_project ON stage_documents (project_id, stage);
CREATE INDEX code_requests_by_time ON code_requests (at);
CREATE INDEX webhook_messages_by_time ON webhook_messages (at);

ALTER TABLE instances ADD COLUMN rollout_errors TEXT NOT NULL DEFAULT '{}';
CREATE TABLE outputs (
    id TEXT PRIMARY KEY, execution_id TEXT NOT NULL, field_key TEXT, file_name TEXT NOT NULL,
    media_type TEXT NOT NULL, content BLOB NOT NULL, created_at REAL NOT NULL
);
CREATE INDEX outputs_of_execution ON outputs (execution_id);
