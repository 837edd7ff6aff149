// What the schedule gave, or the same for a run that was started by hand.
if ($($START).isExecuted) return $($START).all();
const day = $now.day;
const nth = day % 10 === 1 && day !== 11 ? 'st' : day % 10 === 2 && day !== 12 ? 'nd'
  : day % 10 === 3 && day !== 13 ? 'rd' : 'th';
const time = $now.toFormat('h:mm:ss a').toLowerCase();
return [{ json: {
  timestamp: $now.toISO(),
  'Readable date': `${$now.toFormat('MMMM')} ${day}${nth} ${$now.toFormat('yyyy')}, ${time}`,
  'Readable time': time,
  'Day of week': $now.toFormat('cccc'),
  Year: $now.toFormat('yyyy'),
  Month: $now.toFormat('MMMM'),
  'Day of month': $now.toFormat('dd'),
  Hour: $now.toFormat('HH'),
  Minute: $now.toFormat('mm'),
  Second: $now.toFormat('ss'),
  Timezone: `${$now.zoneName} (UTC${$now.toFormat('ZZ')})`,
} }];
