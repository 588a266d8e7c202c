/* Comfort on top of pages that work without it. Delegated listeners only, so swapped content needs no set-up. */
"use strict";

(() => {
  const TOAST_MS = 6000;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const closest = (event, selector) => (event.target instanceof Element ? event.target.closest(selector) : null);

  /* Ticked rows: count, greying, keeping them while the list refreshes */

  const boxes = (list) => all('input[name="ids"]', list);
  const chosenRows = (list) => boxes(list).filter((box) => box.checked).map((box) => box.closest("tr"));

  function reasonOf(row, name) {
    const entry = row.querySelector(`button[value^="${name}:"] [data-reason]`);
    return entry ? entry.textContent : "";
  }

  function greyButton(button, rows) {
    const name = button.dataset.bulk;
    button.dataset.general ??= button.disabled ? "yes" : "no";
    if (button.dataset.general === "yes") return;
    const refused = rows.filter((row) => row.dataset.refused.split(" ").includes(name));
    const text = refused.length ? `${refused.length} de ${rows.length} não pode${refused.length > 1 ? "m" : ""}: ${reasonOf(refused[0], name)}` : "";
    button.disabled = rows.length === 0 || refused.length === rows.length;
    button.title = rows.length ? text : "Marque ao menos uma linha";
    const reason = button.querySelector("[data-reason]");
    if (reason) reason.textContent = rows.length ? text : "";
  }

  function refreshBar(list) {
    const bar = list.querySelector("[data-bulk-bar]");
    if (!bar) return;
    const rows = chosenRows(list);
    const total = boxes(list).length;
    const count = bar.querySelector("[data-bulk-count]");
    count.dataset.none ??= count.textContent;
    count.textContent = rows.length ? `${rows.length} ${rows.length > 1 ? "selecionados" : "selecionado"}` : count.dataset.none;
    bar.classList.toggle("has-chosen", rows.length > 0);
    all("[data-bulk]", bar).forEach((button) => greyButton(button, rows));
    const master = list.querySelector("[data-check-all]");
    if (master) {
      master.checked = total > 0 && rows.length === total;
      master.indeterminate = rows.length > 0 && rows.length < total;
    }
  }

  /* A heading can stick to the page only when its table needs no scroll bar of its own */
  function fitTable(wrap) {
    wrap.classList.remove("fits");
    wrap.classList.toggle("fits", wrap.scrollWidth <= wrap.clientWidth);
  }
  const fitTables = () => all(".list-table").forEach(fitTable);
  window.addEventListener("resize", fitTables);

  const refreshBars = () => { all("[data-list]").forEach(refreshBar); fitTables(); };

  document.addEventListener("change", (event) => {
    const list = closest(event, "[data-list]");
    if (!list) return;
    if (event.target.matches("[data-check-all]")) boxes(list).forEach((box) => { box.checked = event.target.checked; });
    refreshBar(list);
  });

  let lastBox = null;
  document.addEventListener("click", (event) => {
    const box = closest(event, 'input[name="ids"]');
    if (!box) return;
    const list = boxes(box.closest("[data-list]"));
    const [from, to] = [list.indexOf(lastBox), list.indexOf(box)].sort((a, b) => a - b);
    if (event.shiftKey && from >= 0) list.slice(from, to + 1).forEach((each) => { each.checked = box.checked; });
    lastBox = box;
  });

  let kept = new Set();
  document.addEventListener("htmx:beforeSwap", (event) => {
    const list = document.querySelector("[data-list]");
    if (list && event.detail.target.id.startsWith("list")) kept = new Set(chosenRows(list).map((row) => row.dataset.row));
  });
  document.addEventListener("htmx:afterSwap", () => {
    boxes(document).forEach((box) => { if (kept.has(box.value)) box.checked = true; });
    kept = new Set();
    refreshBars();
    const panel = document.querySelector("[data-focus]");
    if (panel) {
      panel.removeAttribute("data-focus");
      panel.focus({ preventScroll: true });
      panel.scrollIntoView({ block: "nearest" });
    }
    startToasts();
  });

  /* A list refreshes by itself only while nobody is in the middle of something */

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!event.target.matches("[data-poll]")) return;
    if (document.hidden || document.querySelector(":popover-open, dialog[open]")) event.preventDefault();
  });
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.id !== "filters") return;
    const values = event.detail.parameters;
    Object.keys(values).forEach((name) => { if (values[name] === "") delete values[name]; });
  });
  document.addEventListener("htmx:sendError", () => say("Sem resposta do sistema. Confira a conexão e tente de novo."));
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    if (status === 401 || status === 403) say("Seu acesso não permite esta ação ou expirou. Atualize a página e entre de novo.");
    else say(`O sistema respondeu com erro ${status}. Atualize a página e confira se a ação aconteceu antes de repetir.`);
  });

  /* Notices */

  function startToasts() {
    all('[data-toast="success"]:not([data-started]), [data-toast="info"]:not([data-started])').forEach((toast) => {
      toast.dataset.started = "yes";
      setTimeout(() => toast.remove(), TOAST_MS);
    });
  }

  function say(text) {
    const toast = document.createElement("div");
    toast.className = "alert alert-red toast-message";
    const body = document.createElement("div");
    body.textContent = text;
    toast.append(body);
    document.getElementById("messages")?.append(toast);
    setTimeout(() => toast.remove(), 2 * TOAST_MS);
  }

  document.addEventListener("click", (event) => {
    closest(event, "[data-dismiss-toast]")?.closest("[data-toast]").remove();
    const close = closest(event, "[data-close]");
    if (close) document.getElementById(close.dataset.close)?.remove();
  });

  /* Copy */

  document.addEventListener("click", async (event) => {
    const button = closest(event, "[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    const title = button.title;
    button.title = "Copiado";
    button.classList.add("text-green");
    setTimeout(() => { button.title = title; button.classList.remove("text-green"); }, 1500);
  });

  /* Confirm: the first click asks, the answer clicks again */

  document.addEventListener("click", (event) => {
    const button = closest(event, "[data-confirm]");
    const dialog = document.getElementById("confirm");
    if (!button || !dialog || button.disabled) return;
    if (button.dataset.confirmed) { delete button.dataset.confirmed; return; }
    event.preventDefault();
    event.stopImmediatePropagation();
    dialog.querySelector("[data-confirm-text]").textContent = button.dataset.confirm;
    const yes = dialog.querySelector("[data-confirm-yes]");
    yes.className = `btn btn-${button.dataset.confirmTone || "primary"}`;
    yes.textContent = button.textContent.trim().split("\n")[0] || "Confirmar";
    dialog.returnValue = "no";
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "yes") return;
      button.dataset.confirmed = "yes";
      button.click();
    }, { once: true });
    dialog.showModal();
  }, true);

  /* Submit once; menus close when their entry was chosen; "/" goes to the search */

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    form.classList.add("is-busy");
  });
  window.addEventListener("pageshow", () => {
    all("form[data-sent]").forEach((form) => { delete form.dataset.sent; form.classList.remove("is-busy"); });
    refreshBars();
    startToasts();
  });
  document.addEventListener("click", (event) => {
    if (closest(event, ".menu-item")) closest(event, "[popover]")?.hidePopover();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input, textarea, select")) return;
    event.preventDefault();
    document.querySelector('[data-hotkey="/"]')?.focus();
  });

  /* A page that only leads on: its form sends itself, once */
  document.querySelector("form[data-autosubmit]")?.requestSubmit();

  refreshBars();
  startToasts();
})();
