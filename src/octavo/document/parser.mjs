// jupyter-book's own command line, loaded once, for one build of a folder or for many.
//
//   node parser.mjs BUNDLE           builds the folder that standard input names, and answers on standard output
//   node parser.mjs BUNDLE SOCKET    does so for each connection to SOCKET, one after another, while its standard input
//                                    is open: whoever started it, and died of whatever, leaves no parser behind
//
// Folder and answer are a line of JSON each. Every build has a session of jupyter-book's own, and nothing else is kept
// from one to the next, so a warm parser says and writes what a new one does. tests/document/test_document_parser.py
// compares them.

import child_process from 'node:child_process';
import { EventEmitter } from 'node:events';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';

const [bundle, socket] = process.argv.slice(2);
const LARGEST = 1.5e9; // bytes of memory, after which it ends when it has answered
// What the process waits for when nothing is left of a build.
const IDLE = new Set(['PipeWrap', 'PipeServerWrap', 'Immediate', 'Timeout', 'TTYWrap']);

class Ended extends Error {}

// Nothing is fetched while building: jupyter-book asks for its own latest version, looks up DOIs, fetches images.
net.Socket.prototype.connect = function refused() {
  process.nextTick(() => this.destroy(new Error('no network while building')));
  return this;
};

// It asks twice in each build which node and npm there are. Both are known here; npm takes half a second to say.
const { exec } = child_process;
const versions = new Map([['node --version', process.version]]);
for (const place of ['../../lib/node_modules', '../node_modules']) {
  const file = path.resolve(process.execPath, place, 'npm/package.json');
  if (existsSync(file)) versions.set('npm --version', JSON.parse(readFileSync(file, 'utf8')).version);
}
child_process.exec = function known(command, ...rest) {
  if (!versions.has(command)) return exec(command, ...rest);
  return process.nextTick(rest.pop(), null, `${versions.get(command)}\n`, '');
};

function load() {
  // The bundle exports nothing, and runs its command when it is loaded. The commands are EventEmitters: each is met
  // when it is made, and the one that is to be run is kept instead.
  let program;
  const { init } = EventEmitter;
  EventEmitter.init = function met(options) {
    init.call(this, options);
    if (typeof this.parseAsync === 'function' && typeof this.addCommand === 'function') {
      this.parse = () => {
        program = this;
        return this;
      };
    }
  };
  createRequire(import.meta.url)(bundle);
  EventEmitter.init = init;
  if (!program) throw new Error('this jupyter-book has no command that can be run [this is a bug in Octavo]');
  return program;
}

const write = process.stdout.write.bind(process.stdout);
let said = '';
for (const stream of [process.stdout, process.stderr]) {
  stream.write = (chunk, encoding, callback) => {
    said += chunk;
    (typeof encoding === 'function' ? encoding : callback)?.();
    return true;
  };
}
const exit = process.exit;
process.exit = (code) => {
  throw new Ended(`it ended with ${code}`);
};

// jupyter-book leaves timers behind, which would tell a later build that this one still waits for an address.
const timers = new Set();
const { setTimeout: later } = globalThis;
globalThis.setTimeout = function noted(...given) {
  const timer = later(...given);
  timers.add(timer);
  return timer;
};

async function settled() {
  while (process.getActiveResourcesInfo().some((kind) => !IDLE.has(kind))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  timers.forEach(clearTimeout);
  timers.clear();
}

const program = load();

async function build(folder) {
  said = '';
  process.chdir(folder);
  try {
    await program.parseAsync(['build', '--site'], { from: 'user' });
    await settled();
    return { log: said, ended: false };
  } catch (error) {
    if (!(error instanceof Ended)) throw error;
    return { log: said, ended: true };
  } finally {
    process.chdir('/'); // the folder may be removed
  }
}

async function firstLine(stream) {
  for await (const line of createInterface({ input: stream })) return JSON.parse(line);
  return null;
}

async function answer(connection) {
  const folder = await firstLine(connection);
  if (folder === null) return;
  const { log, ended } = await build(folder);
  const spent = ended || process.memoryUsage.rss() > LARGEST;
  await new Promise((resolve) => connection.end(JSON.stringify(log), resolve));
  if (spent) exit(0);
}

if (socket) {
  process.stdin.resume().on('close', () => exit(0));
  let last = Promise.resolve();
  const server = net.createServer((connection) => {
    connection.on('error', () => {}); // whoever asked is gone
    last = last.then(() => answer(connection));
  });
  // A socket is there before it listens, and refuses whoever is that quick: it has its name when it listens.
  rmSync(`${socket}~`, { force: true });
  server.listen(`${socket}~`, () => renameSync(`${socket}~`, socket));
} else {
  const { log } = await build(await firstLine(process.stdin));
  write(JSON.stringify(log), () => exit(0));
}
