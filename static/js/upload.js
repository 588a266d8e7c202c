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
  const card = document.querySelector("[data-upload-results]");
  const rows = card.querySelector("[data-upload-rows]");
  const state = card.querySelector("[data-upload-state]");
  const bar = card.querySelector("progress");
  const input = form.querySelector('input[type="file"]');

  const send = async (file) => {
    const body = new FormData(form);
    body.delete(input.name);
    body.append(input.name, file);
    body.append("fragment", "1");
    const answer = await fetch(form.action, { method: "POST", body, redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    rows.insertAdjacentHTML("beforeend", await answer.text());
  };

  // "2 recusadas", "2 eventos guardados"; "2 sem pedido" stays
  const plural = (label) => {
    if (label.startsWith("sem ")) return label;
    return label.replace(/[aeo]\b/g, "$&s");
  };

  const summary = () => {
    const counts = new Map();
    for (const row of rows.querySelectorAll("[data-outcome]")) {
      counts.set(row.dataset.outcome, (counts.get(row.dataset.outcome) ?? 0) + 1);
    }
    return [...counts].map(([outcome, count]) => `${count} ${count > 1 ? plural(outcome) : outcome}`).join(", ");
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (form.dataset.sent) return;
    const files = [...input.files];
    form.dataset.sent = "yes";
    form.classList.add("is-busy");
    rows.replaceChildren();
    card.hidden = false;
    card.querySelector("[data-upload-progress]").hidden = false;
    bar.hidden = false;
    bar.max = files.length;
    card.focus();
    let done = 0;
    try {
      for (const file of files) {
        state.textContent = `Enviando ${done + 1} de ${files.length}: ${file.name}`;
        bar.value = done;
        await send(file);
        done += 1;
      }
      state.textContent = `Pronto: ${summary()}.`;
      form.reset();
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
