-- An execution knows the signed message that started it: the same one again starts no other.
ALTER TABLE executions ADD COLUMN message_id TEXT;
CREATE UNIQUE INDEX executions_by_message ON executions (instance_id, workflow_id, message_id)
    WHERE message_id IS NOT NULL;
DROP TABLE webhook_messages;
