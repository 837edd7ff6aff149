// Shows config.json to the codika tool; written by codika_nb. Change that file, not this one.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));

export const WORKFLOW_FILES = [
FILES];

export function getConfiguration() {
  const configuration = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  for (const workflow of configuration.workflows) {
    const file = join(folder, 'workflows', `${workflow.workflowTemplateId}.json`);
    workflow.n8nWorkflowJsonBase64 = readFileSync(file).toString('base64');
  }
  return configuration;
}

export function getDataIngestionConfig() {
  const ingestion = JSON.parse(readFileSync(join(folder, 'data-ingestion.json'), 'utf8'));
  const [file] = readdirSync(join(folder, 'data-ingestion')).filter((name) => name.endsWith('.json'));
  ingestion.n8nWorkflowJsonBase64 ??= readFileSync(join(folder, 'data-ingestion', file)).toString('base64');
  return ingestion;
}
