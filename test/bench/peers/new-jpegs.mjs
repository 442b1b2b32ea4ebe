// A fast origin of pictures: answers every path with the JPEG in the file JPEG, as other bytes for each path, by a comment segment
// (ITU-T T.81, B.2.4.5) behind its start. Prints its port.
import { readFileSync } from 'node:fs';
import http from 'node:http';

const jpeg = readFileSync(process.env.JPEG);
const [start, rest] = [jpeg.subarray(0, 2), jpeg.subarray(2)];

const server = http.createServer((request, response) => {
  const note = Buffer.from(request.url);
  const segment = Buffer.from([0xff, 0xfe, (note.length + 2) >> 8, (note.length + 2) & 0xff]);
  const parts = [start, segment, note, rest];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  response.writeHead(200, { 'Content-Type': 'image/jpeg', 'Content-Length': length });
  for (const part of parts) response.write(part);
  response.end();
});
server.keepAliveTimeout = 65_000;
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
