// A process that holds connections to a server: each asks once, takes its answer, and stays. Tells its parent when all are
// served, and whenever one of them is closed; ends when it is told to.
//
// Arguments: port, count, own address, path.
import { connect } from 'node:net';

const [port, count, localAddress, path] = process.argv.slice(2);
/** Below the length of a listen queue. */
const AT_ONCE = 100;
const request = `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`;

let closed = 0;
let told = -1;
let next = 0;
let served = 0;

function open() {
  if (next >= Number(count)) return;
  next++;
  const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress });
  let received = 0;
  let expected = Number.POSITIVE_INFINITY;
  socket.on('connect', () => socket.write(request));
  socket.on('error', (error) => process.send({ error: error.message }));
  socket.on('data', (bytes) => {
    if (received === 0) {
      const head = bytes.subarray(0, bytes.indexOf('\r\n\r\n') + 4).toString('latin1');
      expected = head.length + Number(/^content-length: (\d+)/im.exec(head)?.[1]);
      if (!head.startsWith('HTTP/1.1 200')) process.send({ error: head });
    }
    received += bytes.length;
    if (received !== expected) return;
    served++;
    if (served === Number(count)) process.send({ served });
    open();
  });
  socket.on('close', () => closed++);
}

for (let n = 0; n < AT_ONCE; n++) open();
setInterval(() => {
  if (closed !== told) process.send({ closed });
  told = closed;
}, 50);
process.on('disconnect', () => process.exit(0));
