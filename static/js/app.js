/* Comfort on top of pages that work without it. Delegated listeners only, so swapped content needs no set-up. */
"use strict";

(() => {
  const TOAST_MS = 6000;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const closest = (event, selector) => (event.target instanceof Element ? event.target.closest(selector) : null);

  document.addEventListener("htmx:afterSwap", () => {
    const panel = document.querySelector("[data-focus]");
    if (panel) {
      panel.removeAttribute("data-focus");
      panel.focus({ preventScroll: true });
      panel.scrollIntoView({ block: "nearest" });
    }
    startToasts();
  });

  /* A part refreshes by itself only while nobody is in the middle of something */

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
    else if (status === 503) say("O sistema não consegue gravar agora. Atualize a página: o aviso no alto diz por quê.");
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

  /* Submit once; menus close when their entry was chosen */

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    form.classList.add("is-busy");
  });
  window.addEventListener("pageshow", () => {
    all("form[data-sent]").forEach((form) => { delete form.dataset.sent; form.classList.remove("is-busy"); });
    startToasts();
  });
  document.addEventListener("click", (event) => {
    if (closest(event, ".menu-item")) closest(event, "[popover]")?.hidePopover();
  });

  /* A page that only leads on: its form sends itself, once */
  document.querySelector("form[data-autosubmit]")?.requestSubmit();

  startToasts();
})();
