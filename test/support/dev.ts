// `npm run dev`: the server, built and started again at every change of src/ or config/. Ctrl-C ends both.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { start } from './processes.js';
import { restartOnChange } from './restarting.js';
import { NODE } from './tools.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());

/** Its output is ours. */
function startLoud(args: readonly string[]) {
  const child = start(NODE, args, { cwd: root, env: process.env });
  child.stdout.pipe(process.stdout, { end: false });
  child.stderr.pipe(process.stderr, { end: false });
  return child;
}

await restartOnChange({
  watched: ['src', 'config'].map((folder) => `${root}${folder}`),
  build: async () => {
    const [code] = await once(startLoud(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']), 'exit');
    return code === 0;
  },
  launch: () => startLoud(['dist/main.js']),
  signal: stopping.signal,
});
