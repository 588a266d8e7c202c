/* Dropping files onto an upload form, and sending them one by one with progress. Without this script the
   file field and the form work alone. */
"use strict";

(() => {
  for (const zone of document.querySelectorAll("[data-drop-zone]")) {
    const input = zone.querySelector('input[type="file"]');
    const list = zone.querySelector("[data-drop-list]");
    const most = Number(input.dataset.maxFiles);
    zone.querySelector("[data-drop-hint]").hidden = false;

    const show = () => {
      const names = [...input.files].map((file) => file.name);
      input.setCustomValidity(names.length > most ? `São ${names.length} arquivos; escolha até ${most} por vez.` : "");
      list.replaceChildren(...names.slice(0, 10).map((name) => {
        const item = document.createElement("li");
        item.textContent = name;
        return item;
      }));
      if (names.length > 10) {
        const rest = document.createElement("li");
        rest.textContent = `e mais ${names.length - 10}`;
        list.append(rest);
      }
      list.hidden = names.length === 0;
    };

    for (const kind of ["dragenter", "dragover"]) {
      zone.addEventListener(kind, (event) => {
        event.preventDefault();
        zone.classList.add("is-over");
      });
    }
    zone.addEventListener("dragleave", (event) => {
      if (!zone.contains(event.relatedTarget)) zone.classList.remove("is-over");
    });
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("is-over");
      if (!event.dataTransfer.files.length) return;
      input.files = event.dataTransfer.files;
      show();
    });
    input.addEventListener("change", show);
  }

  const form = document.querySelector("form[data-upload]");
  if (!form) return;
  const sending = document.querySelector("[data-upload-progress]");
  const state = sending.querySelector("[data-upload-state]");
  const bar = sending.querySelector("progress");
  const results = document.querySelector("[data-upload-results]");
  const input = form.querySelector('input[type="file"]');

  /* All files of one click belong to one work; the address keeps it, so that a reload shows it again. */
  const send = async (file, work) => {
    const body = new FormData(form);
    body.delete(input.name);
    body.append(input.name, file);
    body.append("fragment", "1");
    if (work) body.append("work", work);
    const answer = await fetch(form.action, { method: "POST", body, redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    results.innerHTML = await answer.text();
    window.htmx.process(results);
    const sent = results.querySelector("[data-work]").dataset.work;
    const address = new URL(window.location.href);
    address.searchParams.set("work", sent);
    window.history.replaceState(window.history.state, "", address);
    return sent;
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (form.dataset.sent) return;
    const files = [...input.files];
    form.dataset.sent = "yes";
    form.classList.add("is-busy");
    results.replaceChildren();
    sending.hidden = false;
    bar.hidden = false;
    bar.max = files.length;
    sending.scrollIntoView({ block: "nearest" });
    let done = 0;
    let work = "";
    try {
      for (const file of files) {
        state.textContent = `Enviando ${done + 1} de ${files.length}: ${file.name}`;
        bar.value = done;
        work = await send(file, work);
        done += 1;
      }
      sending.hidden = true;
      form.reset();
      results.querySelector("#results").focus();
    } catch {
      state.textContent = `O envio parou: ${files.length - done} de ${files.length} arquivos não foram enviados. `
        + "Confira a conexão e envie de novo; o que já chegou é reconhecido.";
    }
    bar.hidden = true;
    form.classList.remove("is-busy");
    delete form.dataset.sent;
  });
  form.addEventListener("reset", () => { form.querySelector("[data-drop-list]").hidden = true; });
})();
