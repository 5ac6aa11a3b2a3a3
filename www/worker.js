// Does beside the page what would make it freeze, or larger: prepares the password, hashes files that are shared, proves what
// is saved, draws invites.
// A job is [number, name, ...what it needs]; its answer is [number, answer], null where it could not be done.
import start, { derive, Hashing, Proof, qr } from "./web_worker.js";

const started = start();
// What is being saved, and what proves it.
const proofs = new Map();
const chunkBytes = 1 << 20;
const blobBytes = 8 << 20;
let hashing;
let memory;

// Gives the parts of a body one by one, in the same memory where the browser can do that.
function puller(body) {
  try {
    const reader = body.getReader({ mode: "byob" });
    let memory = new ArrayBuffer(chunkBytes);
    return async () => {
      const { done, value } = await reader.read(new Uint8Array(memory));
      if (done) return undefined;
      memory = value.buffer;
      return value;
    };
  } catch {
    const reader = body.getReader();
    return async () => (await reader.read()).value;
  }
}

// Puts what is proved of a file into a Blob, which may go to the disk at the browser's wish.
function keep({ proof, blobs }) {
  blobs.push(new Blob([new Uint8Array(memory.buffer, proof.address(), proof.waiting())]));
  proof.given();
}

// Each gives its answer, and what of it is given away rather than copied.
const jobs = {
  derive(password) {
    const secret = derive(password);
    password.fill(0);
    return [secret, secret.buffer];
  },
  code(text) {
    const drawn = qr(text);
    text.fill(0);
    return [drawn ?? null];
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
    if (proof) proofs.set(key, { proof, stop: new AbortController(), blobs: [] });
    return [!!proof];
  },
  // Gives up what comes of a file, and answers how many bytes are kept.
  pause(key) {
    const file = proofs.get(key);
    file.stop.abort();
    return [file.proof.proved()];
  },
  // Takes in what is sent beside the session, and keeps each piece that is what it must be. Answers whether all were.
  async receive(key, address, secret) {
    const file = proofs.get(key);
    const { proof } = file;
    const { signal } = (file.stop = new AbortController());
    proof.begin(secret);
    secret.fill(0);
    const { ok, body } = await fetch(address, { cache: "no-store", signal });
    if (!ok) return [null];
    const pull = puller(body);
    for (let chunk; !proof.is_over() && (chunk = await pull()) && !signal.aborted; ) {
      proof.give(chunk);
      while (proof.take()) if (proof.waiting() >= blobBytes) keep(file);
    }
    return [proof.outcome() ?? null];
  },
  kept: (key) => [proofs.get(key).proof.proved()],
  gather(key) {
    const file = proofs.get(key);
    if (file.proof.waiting()) keep(file);
    return [new Blob(file.blobs)];
  },
  forget(key) {
    const file = proofs.get(key);
    proofs.delete(key);
    file.stop.abort();
    file.proof.free();
    return [true];
  },
};

onmessage = async ({ data: [number, name, ...needs] }) => {
  let answer = null;
  let given = [];
  try {
    ({ memory } = await started);
    [answer, ...given] = await jobs[name](...needs);
  } catch {
    // A file that cannot be read, or memory that is not to be had.
  }
  postMessage([number, answer], given);
};
