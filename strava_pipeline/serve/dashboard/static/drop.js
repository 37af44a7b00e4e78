// Files from the page to the dashboard, one after the other: into the drop folder, then a request to import them; or, where the place says
// `data-to`, there, and what is drawn on the page's map is looked up again. They are dropped onto the place, or onto what has `data-drop`.
"use strict";
{
  const place = document.getElementById("drop");
  const input = document.getElementById("drop-files");
  const bar = document.getElementById("drop-bar");
  const status = document.getElementById("drop-status");
  const headers = { "X-CSRF-Token": place.dataset.csrf };
  const to = place.dataset.to ?? "/api/files/";
  const most = 100; // names of one request

  const send = (file, onBytes) => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch says nothing of how much has been sent
    request.open("PUT", to + encodeURIComponent(file.name));
    request.setRequestHeader("X-CSRF-Token", headers["X-CSRF-Token"]);
    request.upload.addEventListener("progress", (event) => onBytes(event.loaded));
    request.addEventListener("load", () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch { /* a proxy's own page */ }
      if (request.status === 201) resolve(answer.name);
      else reject(new Error(answer.detail ?? `The answer was ${request.status}.`));
    });
    request.addEventListener("error", () => reject(new Error("The dashboard does not answer. Is it running?")));
    request.send(file);
  });

  const left = (began, done, all) => {
    const seconds = Math.round((performance.now() - began) / 1000 * (all - done) / Math.max(done, 1));
    return seconds < 90 ? `${seconds} s left` : `${Math.round(seconds / 60)} min left`;
  };

  const ask = async (names) => {
    const answer = await fetch("/api/requests", {
      method: "POST",
      headers: { ...headers, "Content-Type": "application/json" },
      body: JSON.stringify({ kind: "import", names: names.length > most ? [] : names }),
    });
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.detail);
    return body.id;
  };

  const take = async (files) => {
    const all = files.reduce((sum, file) => sum + file.size, 0);
    const began = performance.now();
    const names = [];
    const failed = [];
    let before = 0;
    input.disabled = true;
    bar.hidden = false;
    status.textContent = "";
    for (const [at, file] of files.entries()) {
      try {
        names.push(await send(file, (bytes) => {
          bar.value = all ? (before + bytes) / all : 1;
          bar.textContent = `File ${at + 1} of ${files.length}, ${left(began, before + bytes, all)}`;
          document.getElementById("drop-time").textContent = bar.textContent;
        }));
      } catch (error) {
        failed.push(`${file.name}: ${error.message}`);
      }
      before += file.size;
    }
    document.getElementById("drop-time").textContent = "";
    bar.hidden = true;
    input.disabled = false;
    input.value = "";
    status.textContent = [`${names.length} of ${files.length} files kept.`, ...failed].join("\n");
    if (names.length && place.dataset.to) document.dispatchEvent(new Event("regions"));
    else if (names.length) {
      try {
        const link = document.createElement("a");
        link.href = `/requests/${await ask(names)}`;
        link.textContent = "See how the import goes";
        status.append("\n", link);
        if (!failed.length) location.assign(link.href);
      } catch (error) {
        status.append(`\nThe import was not asked for: ${error.message}`);
      }
    }
  };

  input.addEventListener("change", () => input.files.length && take([...input.files]));
  for (const zone of [place, ...document.querySelectorAll("[data-drop]")]) {
    for (const kind of ["dragenter", "dragover"]) {
      zone.addEventListener(kind, (event) => {
        event.preventDefault();
        zone.classList.add("over");
      });
    }
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      const items = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
      const files = [...event.dataTransfer.files].filter((_, at) => !items[at]?.isDirectory);
      if (files.length) take(files);
      else status.textContent = "A folder can't be sent from a page. Drop its files, or a ZIP of it.";
    });
  }
}
