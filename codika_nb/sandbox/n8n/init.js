const first = $input.first().json || {};
const sent = (first.body && first.body.executionMetadata) || first.executionMetadata || {};
let metadata = sent;
let mode = 'passthrough';
if (!sent.executionId || !sent.executionSecret) {
  const given = %(given)s;
  const missing = Object.keys(given).filter((name) => !given[name]);
  if (missing.length) {
    throw new Error('Without metadata in the payload, Codika Init needs ' + missing.join(', ') + '.');
  }
  const items = $input.all().map((item) => item.json);
  const answer = await this.helpers.httpRequest({
    method: 'POST',
    url: %(url)s + '/createworkflowexecution',
    json: true,
    body: { ...given, triggerData: items.length === 1 ? items[0] : items },
    returnFullResponse: true,
    ignoreHttpStatusErrors: true,
  });
  if (answer.statusCode >= 400) {
    const error = (answer.body && answer.body.error) || 'The sandbox answered ' + answer.statusCode + '.';
    throw new Error(error.message || error);
  }
  metadata = { ...answer.body, processInstanceId: given.processInstanceId, workflowId: given.workflowId };
  mode = 'create';
}
$execution.customData.set(%(run_id)s, metadata.executionId);
return [{ json: {
  executionId: metadata.executionId,
  executionSecret: metadata.executionSecret,
  callbackUrl: metadata.callbackUrl || '',
  errorCallbackUrl: metadata.errorCallbackUrl || '',
  processId: metadata.processId || '',
  processInstanceId: metadata.processInstanceId || '',
  userId: metadata.userId || '',
  workflowId: metadata.workflowId || '',
  _startTimeMs: Date.now(),
  _mode: mode,
} }];
