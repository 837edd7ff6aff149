import fs, { writeFileSync } from 'node:fs';
import { register, syncBuiltinESMExports } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const [file, wanted, answer, log, hooks, ...withheld] = process.argv.slice(1);
const found = { read: [] };
register(hooks, { data: log });
const reading = ['readFileSync', 'openSync', 'readFile', 'open', 'createReadStream'];
const opening = [fs, fs.promises].flatMap((owner) => reading.map((name) => [owner, name]));
for (const [owner, name] of opening.filter(([owner, name]) => owner[name])) {
  const original = owner[name];
  owner[name] = (path, ...more) => {
    if (path instanceof URL) found.read.push(fileURLToPath(path));
    else if (typeof path === 'string') found.read.push(path);
    return original(path, ...more);
  };
}
syncBuiltinESMExports();
function refuse(name) {
  // What packages look for is their affair, and they do without.
  if (withheld.includes(name) && !new Error().stack.split('\n')[3]?.includes('node_modules'))
    throw new Error(`reads ${name}, which is withheld from it: it may be a secret`);
}
process.env = new Proxy(process.env, {
  get: (variables, name) => (refuse(name), variables[name]),
  has: (variables, name) => (refuse(name), name in variables),
});
try {
  const { WORKFLOW_FILES, [wanted]: give } = await import(pathToFileURL(file));
  found.workflowFiles = WORKFLOW_FILES;
  found.callable = typeof give === 'function';
  if (found.callable) {
    const configuration = give();
    found.promise = typeof configuration?.then === 'function';
    found.configuration = configuration;
  }
  writeFileSync(answer, JSON.stringify(found));
} catch (error) {
  const { name = 'Error', code, message = String(error), stack = '' } = error ?? {};
  writeFileSync(answer, JSON.stringify({ error: { name, code, message, stack } }));
}
process.exit();
