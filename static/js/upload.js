/* Dropping files onto an upload form. Without this script the file field works alone. */
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
})();
