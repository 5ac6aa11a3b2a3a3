// Derives the handshake's secret from the password, beside the page, so that the page does not freeze meanwhile.
import start, { derive_in_worker } from "./web_client.js";

onmessage = async ({ data: password }) => {
  await start();
  const secret = derive_in_worker(password);
  password.fill(0);
  postMessage(secret, [secret.buffer]);
};
