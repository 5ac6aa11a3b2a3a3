// Starts the page's program; where that cannot work, says so on the page.
import start from "./web_client.js";

start().catch((why) => {
  console.error(why);
  document.getElementById("trouble").textContent ||=
    `This page cannot start. Reload it; if that does not help, try a current Firefox, Chrome or Safari. (${why})`;
  document.documentElement.dataset.state = "broken";
});
