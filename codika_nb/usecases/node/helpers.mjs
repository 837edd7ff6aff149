import { readFileSync } from 'node:fs';
export const loadWorkflowJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
export const loadAndEncodeWorkflow = (path) => readFileSync(path).toString('base64');
export const encodeWorkflowFromString = (text) => Buffer.from(text).toString('base64');
export const encodeWorkflowToBase64 = (workflow) => encodeWorkflowFromString(JSON.stringify(workflow));
export const decodeWorkflowFromBase64 = (text) => JSON.parse(Buffer.from(text, 'base64').toString());
