// Makes three pictures of one with sharp, again for each line it reads, and tells the processor time of each.
import fs from 'node:fs';
import readline from 'node:readline';
import { makers } from './makers.mjs';

const make = makers[process.argv[2]];
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [file, folder] = line.split('\t');
  const input = fs.readFileSync(file);
  const before = process.cpuUsage();
  const outputs = await make(input);
  const spent = process.cpuUsage(before);
  if (folder) {
    ['display.jpg', 'display.webp', 'thumb.webp'].forEach((name, at) => fs.writeFileSync(`${folder}/${name}`, outputs[at]));
  }
  const bytes = outputs.reduce((sum, output) => sum + output.length, 0);
  console.log(JSON.stringify({ cpu_ms: (spent.user + spent.system) / 1000, bytes }));
}
