/* The search over every page: Ctrl+K or "/" opens it, arrows choose, Enter opens, Esc closes. */
"use strict";

(() => {
  const WAIT_MS = 150;
  const dialog = document.getElementById("search");
  if (!dialog) return;
  const form = dialog.querySelector("form");
  const input = form.elements.q;
  const hits = dialog.querySelector("#search-hits");
  const status = dialog.querySelector("[role=status]");
  const options = () => [...hits.querySelectorAll("[role=option]")];

  let timer = 0;
  let isAsking = false;
  let shown = "";

  function choose(option) {
    options().forEach((each) => each.setAttribute("aria-selected", String(each === option)));
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  }

  function step(by) {
    const all = options();
    if (!all.length) return;
    const at = all.findIndex((each) => each.getAttribute("aria-selected") === "true");
    const next = at < 0 && by < 0 ? all.length - 1 : (at + by + all.length) % all.length;
    choose(all[next]);
  }

  function show(html, text, said) {
    hits.innerHTML = html;
    shown = text;
    const count = hits.querySelectorAll("[data-hit]").length;
    input.setAttribute("aria-expanded", String(count > 0));
    status.textContent = said || (count ? `${count} ${count > 1 ? "resultados" : "resultado"}` : "");
    choose(options()[0]);
  }

  /* One request at a time: what was typed meanwhile is asked for when the answer is here. */
  async function ask() {
    const text = input.value.trim();
    if (isAsking || text === shown || !dialog.open) return;
    if (!text) { show("", ""); return; }
    isAsking = true;
    try {
      const address = `${form.action}?${new URLSearchParams({ q: text })}`;
      const answer = await fetch(address, { headers: { "HX-Target": "search-hits" }, cache: "no-store" });
      if (answer.redirected) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      show(await answer.text(), text);
    } catch {
      show("", text, "A busca não respondeu. Confira a conexão e digite de novo; se persistir, atualize a página.");
    }
    isAsking = false;
    ask();
  }

  function open() {
    if (dialog.open || document.querySelector("dialog[open]")) return;
    dialog.showModal();
    input.focus();
    input.select();
  }

  input.addEventListener("input", () => {
    choose(null);
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT_MS);
  });

  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      step(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      const chosen = hits.querySelector('[aria-selected="true"]');
      if (!chosen) return;
      event.preventDefault();
      chosen.click();
    }
  });

  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-search-close]")) dialog.close();
  });
  hits.addEventListener("pointermove", (event) => {
    const option = event.target.closest("[role=option]");
    if (option && option.getAttribute("aria-selected") !== "true") choose(option);
  });

  document.addEventListener("keydown", (event) => {
    const isShortcut = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k";
    const isSlash = event.key === "/" && !event.target.matches("input, textarea, select, [contenteditable]");
    if (!isShortcut && !isSlash) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-search-open]")) open();
  });
})();
