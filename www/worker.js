// Does beside the page what would make it freeze: prepares the password, hashes files that are shared, proves what is saved.
// A job is [number, name, ...what it needs]; its answer is [number, answer], null where it could not be done.
import start, { derive, Hashing, Proof } from "./web_worker.js";

const started = start();
// What is being saved, and what proves it.
const proofs = new Map();
const blobPieces = 8;
let hashing;

// Each gives its answer, and what of it is given away rather than copied.
const jobs = {
  derive(password) {
    const secret = derive(password);
    password.fill(0);
    return [secret, secret.buffer];
  },
  // The next slice of a file; with the last of it, what it holds. What comes late for a file before is of no use.
  async hash(key, file, from, to) {
    const bytes = new Uint8Array(await file.slice(from, to).arrayBuffer());
    if (from === 0) {
      hashing?.of.free();
      hashing = { key, of: new Hashing() };
    }
    if (bytes.length !== to - from || hashing?.key !== key) return [null];
    hashing.of.push(bytes);
    if (to < file.size) return [true];
    const content = hashing.of.finish();
    hashing = undefined;
    return [content, content.buffer];
  },
  prove(key, content, size) {
    const proof = Proof.of(content, size);
    if (proof) proofs.set(key, { proof, bytes: 0, fresh: [], blobs: [] });
    return [!!proof];
  },
  // Keeps the next piece if it is what it must be; answers how many bytes are kept.
  check(key, at, piece) {
    const file = proofs.get(key);
    if (at !== file.bytes || !file.proof.proves(at, piece)) return [false];
    file.bytes += piece.length;
    // Blobs may go to the disk at the browser's wish.
    if (file.fresh.push(piece) === blobPieces) file.blobs.push(new Blob(file.fresh.splice(0)));
    return [file.bytes];
  },
  kept: (key) => [proofs.get(key).bytes],
  gather(key) {
    const { blobs, fresh } = proofs.get(key);
    return [new Blob([...blobs, ...fresh])];
  },
  forget(key) {
    proofs.get(key)?.proof.free();
    proofs.delete(key);
    return [true];
  },
};

onmessage = async ({ data: [number, name, ...needs] }) => {
  let answer = null;
  let given = [];
  try {
    await started;
    [answer, ...given] = await jobs[name](...needs);
  } catch {
    // A file that cannot be read, or memory that is not to be had.
  }
  postMessage([number, answer], given);
};
