// Takes photographs by PUT, makes three pictures of each with sharp from a queue, and writes them to a folder:
// queue.mjs FOLDER clone|raw. The contender for the figure of the whole service; it verifies and remembers nothing.
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import { pipeline } from 'node:stream/promises';
import { makers } from './makers.mjs';

const [folder, kind] = process.argv.slice(2);
const make = makers[kind];
const waiting = [];
let left = 0;
let idle = os.cpus().length;

async function work() {
  for (let name = waiting.shift(); name; name = waiting.shift()) {
    const outputs = await make(await fs.promises.readFile(`${folder}/${name}`));
    const names = ['display.jpg', 'display.webp', 'thumb.webp'];
    await Promise.all(outputs.map((output, at) => fs.promises.writeFile(`${folder}/${name}-${names[at]}`, output)));
    left -= 1;
  }
  idle += 1;
}

const server = http.createServer(async (request, response) => {
  if (request.method === 'PUT') {
    const name = request.url.slice(1);
    await pipeline(request, fs.createWriteStream(`${folder}/${name}`));
    left += 1;
    waiting.push(name);
    if (idle > 0) {
      idle -= 1;
      work();
    }
  }
  response.end(JSON.stringify({ left }));
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ api: `http://127.0.0.1:${server.address().port}` })));
