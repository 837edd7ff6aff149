// What the form gave before: its fields by their labels.
const body = $($WEBHOOK).first().json.body ?? {};
const labels = $LABELS;$HIDDEN
const item = {};
for (const [key, label] of Object.entries(labels)) item[label] = body[key] ?? $OTHERWISE;
return [{ json: { ...item, submittedAt: $now.toISO(), formMode: 'production' } }];
