// What every page needs: where a request of HTMX fails, say why and leave the page as it was.
"use strict";
document.addEventListener("htmx:response:error", (event) => {
  const notice = document.getElementById("notice");
  const text = event.detail.ctx?.text ?? "";
  let why = "The dashboard did not answer as it should. Load the page again.";
  try {
    why = JSON.parse(text).detail ?? why;
  } catch { /* no problem document: a proxy's own page */ }
  notice.textContent = why;
});
document.addEventListener("htmx:error", () => {
  document.getElementById("notice").textContent = "The dashboard does not answer. Is it running?";
});
document.addEventListener("htmx:before:request", () => {
  document.getElementById("notice").textContent = "";
});
