// Garbage of another Node process, collected when a test asks for it: what V8 leaves uncollected in a process at rest is its own affair,
// and no leak.
import { WebSocket } from 'undici';
import { eventually } from './gate.js';

/**
 * Has the process `pid` collect its garbage, all of it. It was started with `--inspect-port=port`, and opens its inspector there
 * at its first SIGUSR1 (nodejs.org/api/process.html, signal events).
 */
export async function collectGarbage(pid: number, port: number): Promise<void> {
  process.kill(pid, 'SIGUSR1');
  let url = '';
  await eventually(async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/json/list`);
    url = ((await answer.json()) as { webSocketDebuggerUrl: string }[])[0]?.webSocketDebuggerUrl ?? '';
    return url !== '';
  }, 'the inspector listens');
  const socket = new WebSocket(url);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => socket.send('{"id":1,"method":"HeapProfiler.collectGarbage"}'));
      socket.addEventListener('message', ({ data }) => {
        const { id, error } = JSON.parse(String(data)) as { id?: number; error?: { message: string } };
        if (error) reject(new Error(`the garbage was not collected: ${error.message}`));
        else if (id === 1) resolve();
      });
      socket.addEventListener('error', () => reject(new Error('the inspector could not be reached')));
      socket.addEventListener('close', () => reject(new Error('the inspector closed the connection')));
    });
  } finally {
    socket.close();
  }
}
