// The floor of a hit from disk: fs.readFile and bare node:http. FILES names a JSON file with the paths; /<index> is read.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import http from 'node:http';

const paths = JSON.parse(readFileSync(process.env.FILES, 'utf8'));
const server = http.createServer(async (request, response) => {
  const bytes = await readFile(paths[Number(request.url.slice(1))]);
  response.writeHead(200, { 'Content-Type': 'image/jpeg', 'Content-Length': bytes.length }).end(bytes);
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
