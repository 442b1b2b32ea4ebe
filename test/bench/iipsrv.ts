// Debian's iipsrv as the peer of IIIF requests: one process, behind nginx, which speaks HTTP for it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Program, requireTool } from '../support/tools.js';
import { freePort, startGateway } from './nginx.js';
import { type Server, startServer } from './processes.js';

export interface Iipsrv extends Server {
  /** The address of an image request of a file, e.g. `/srv/photo.tif` and `0,0,512,512/512,/0/default.jpg`. */
  url(path: string, request: string): string;
}

/** `keepsTiles`: in its cache, as it does by itself, decoded. Whoever started it calls `stop`. */
export async function startIipsrv(binary: Program, keepsTiles = true): Promise<Iipsrv> {
  const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-iipsrv-'));
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  // It says nothing when it is ready either; what is asked before it listens would be answered 502, so a first request waits for it.
  const program = await startServer({
    command: await requireTool('sh'),
    args: [
      '-c',
      'trap \'kill $!; wait\' TERM; "$0" --bind "$1" & echo "listening $2"; wait',
      binary,
      address,
      String(port),
    ],
    // As ours: tiles and pictures of quality 85, nothing larger than the picture.
    env: {
      ...{ JPEG_QUALITY: '85', LOGFILE: join(dir, 'log'), VERBOSITY: '1', MAX_CVT: '5000' },
      ...(!keepsTiles && { MAX_IMAGE_CACHE_SIZE: '0' }),
    },
    ready: /^listening (\d+)/,
  });
  const gateway = await startGateway({ binary: await requireTool('nginx'), address });
  const isListening = async (): Promise<boolean> => (await fetch(`${gateway.origin}/?IIIF=none`)).status !== 502;
  while (!(await isListening())) await new Promise((resolve) => setTimeout(resolve, 5));
  return {
    ...gateway,
    url: (path, request) => `${gateway.origin}/?IIIF=${path}/${request}`,
    async stop() {
      await Promise.all([gateway.stop(), program.stop()]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}
