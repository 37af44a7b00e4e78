// What every page needs: JSON of the API; where a request of HTMX fails, say why and leave the page as it was. The open menu closes by Escape, and by
// a click or the focus elsewhere.
"use strict";
const fetchJson = (address) => fetch(address, { headers: { Accept: "application/json" } })
  .then((answer) => answer.ok ? answer.json() : Promise.reject(answer.status));
{
  const menu = document.querySelector("nav details");
  const close = (event) => { if (menu && !menu.contains(event.target)) menu.open = false; };
  document.addEventListener("click", close);
  document.addEventListener("focusin", close);
  menu?.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
// "all of this kind" ticks each of them, and is ticked where each is
document.addEventListener("change", ({ target }) => {
  const group = target.closest(".kind"), all = group?.querySelector("[name=kind]");
  if (!all) return;
  const boxes = [...group.querySelectorAll("[name=change]")];
  if (target === all) boxes.forEach((each) => { each.checked = all.checked; });
  else all.checked = boxes.every((each) => each.checked);
});
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
