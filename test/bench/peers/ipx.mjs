// ipx asked for the previews of one source, one request after the other, as a client would ask it. Gets a message
// { dir, id, requests } and answers with the processor time of this process, ms.
import { createIPX, ipxFSStorage } from 'ipx';

process.on('message', async ({ dir, id, requests }) => {
  const ipx = createIPX({ storage: ipxFSStorage({ dir }), maxAge: 0 });
  const before = process.cpuUsage();
  for (const modifiers of requests) await ipx(id, modifiers).process();
  const { user, system } = process.cpuUsage(before);
  process.send({ cpuMs: (user + system) / 1000 });
});
process.send('ready');
