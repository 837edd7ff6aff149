// What the chat gave before.
const body = $($WEBHOOK).first().json.body ?? {};
return [{ json: { sessionId: body.sessionId ?? $execution.id, action: 'sendMessage', chatInput: body.chatInput ?? '' } }];
