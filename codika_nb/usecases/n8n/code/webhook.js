// What the webhook gave before: the caller's payload is the body of the platform's call.
const start = $($WEBHOOK).first().json;
const { executionMetadata, ...body } = start.body ?? {};
return [{ json: { headers: start.headers ?? {}, params: start.params ?? {}, $GIVEN, webhookUrl: start.webhookUrl, executionMode: start.executionMode } }];
