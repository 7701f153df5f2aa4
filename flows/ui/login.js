"use strict";
(async () => {
  const message = document.getElementById("message");
  const secret = decodeURIComponent(location.hash.slice(1));
  // keep the secret out of the address bar and the history
  history.replaceState(null, "", location.pathname);
  try {
    const credentials = btoa(secret);
    const answer = await fetch("enter", { method: "POST", headers: { Authorization: `Basic ${credentials}` } });
    if (answer.ok) {
      // Prefect's pages look here for the secret; the answer has set the report's cookie
      localStorage.setItem("prefect-password", credentials);
      location.replace("/");
      return;
    }
    message.textContent = "This link is not valid any more. Open the one that undertone ui printed at its last start.";
  } catch {
    message.textContent = "The server does not answer. Is undertone ui still running?";
  }
})();
