#!/usr/bin/env node
'use strict';

// The `nexus` command. Any Node can parse this file, so that a machine with an old one gets a
// clear line instead of a syntax error. It finds a Node that can run Nexus and hands over to it.

var spawn = require('child_process').spawn;
var fs = require('fs');
var path = require('path');

var NEEDED_MAJOR = 24;
// A request is garbage as soon as it is answered. So a small young generation costs nothing and saves memory; what survives
// in it is so little that helper threads cost more than they save; objects that V8 takes for long-lived, because they
// survived once, and makes in old space, would keep whole requests alive from there; and what is old grows so slowly that
// it is collected early, or it would wait for 250 MB. The middle compiler delays the best one, and takes 25 MB for code
// that lives for a second.
var NODE_FLAGS = [
  '--max-semi-space-size=16',
  '--no-parallel-scavenge',
  '--no-allocation-site-pretenuring',
  '--heap-growing-percent=40',
  '--no-maglev',
];
// Each thread that compiles would fill a pool of memory of its own, and keep it. Only glibc reads this.
var NODE_ENVIRONMENT = { MALLOC_ARENA_MAX: '1' };
// `npm start` and the Dockerfile say the same.
var FORWARDED_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'];
var SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

function fail(line) {
  process.stderr.write('nexus: ' + line + '\n');
  process.exit(1);
}

/** The path of a suitable Node, or undefined. NEXUS_NODE, when set, is the user's choice and wins. */
function findNode() {
  if (process.env.NEXUS_NODE) return process.env.NEXUS_NODE;
  if (parseInt(process.version.slice(1), 10) >= NEEDED_MAJOR) return process.execPath;
  try {
    return require.resolve('node-' + process.platform + '-' + process.arch + '/bin/node');
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    return undefined;
  }
}

/** The sources in a checkout; the emitted JavaScript in the published package, which has no sources. */
function findEntry() {
  var root = path.join(__dirname, '..', '..');
  var source = path.join(root, 'src', 'cli', 'main.ts');
  return fs.existsSync(source) ? source : path.join(root, 'dist', 'src', 'cli', 'main.js');
}

function isAtTerminal() {
  return process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
}

function forwardSignals(child) {
  FORWARDED_SIGNALS.forEach(function (signal) {
    process.on(signal, function () {
      // Ctrl-C reaches the child too: the terminal signals the whole foreground group. Sent twice,
      // it would read as "exit now" and cut the requests in flight.
      if (signal === 'SIGINT' && isAtTerminal()) return;
      child.kill(signal);
    });
  });
}

/** Ends the way the child ended, so that shells and supervisors see the true cause. */
function endLike(code, signal) {
  if (!signal) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  setTimeout(function () {
    process.exit(128 + (SIGNAL_NUMBERS[signal] || 0));
  }, 100);
}

function run(node, entry) {
  var child = spawn(node, NODE_FLAGS.concat(entry, process.argv.slice(2)), {
    env: Object.assign({}, NODE_ENVIRONMENT, process.env),
    stdio: 'inherit',
  });
  child.on('error', function (error) {
    fail('cannot run ' + node + ' (' + error.message + ').');
  });
  child.on('exit', endLike);
  forwardSignals(child);
}

var node = findNode();
if (node) run(node, findEntry());
else {
  fail(
    'needs Node.js ' +
      NEEDED_MAJOR +
      ' or newer, and this is ' +
      process.version +
      '. ' +
      'Install a newer Node.js, or point NEXUS_NODE at one.',
  );
}
