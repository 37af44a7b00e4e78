// What every page needs: where a request of HTMX fails, say why and leave the page as it was. On a phone the menu is one line that
// scrolls: begin it at the present page.
"use strict";
{
  const here = document.querySelector("nav a[aria-current]"), line = here?.closest("ul");
  if (line) line.scrollLeft = here.offsetLeft - line.offsetLeft - (line.clientWidth - here.offsetWidth) / 2;
}
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
