/* Lists: ticks that stay over pages, the bar of actions, the menu of a row, keys, and rows that change while the
   page is open. Everything a list can do works without this file, row by row. */
"use strict";

(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const list = () => document.querySelector("[data-list]");
  const boxes = (root = list()) => (root ? all('input[name="ids"]', root) : []);
  const isTyping = (target) => target instanceof Element && target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");
  const isBusy = () => Boolean(document.querySelector(":popover-open, dialog[open]"));

  /* Nothing is offered to be cleared while nothing is filtered; the bar stays when the list is swapped */

  document.addEventListener("input", (event) => {
    const bar = event.target instanceof Element ? event.target.closest(".filter-bar") : null;
    const clear = bar?.querySelector("[data-filters-clear]");
    if (clear) clear.hidden = ![...new FormData(bar).values()].some(Boolean);
  });

  // What is cleared is what is kept out: tab, order and size stay.
  const LOOKS = ["tab", "sort", "size"];
  document.addEventListener("click", (event) => {
    const clear = event.target instanceof Element ? event.target.closest("[data-filters-clear]") : null;
    if (!clear) return;
    const kept = [...new URLSearchParams(location.search)].filter(([name]) => LOOKS.includes(name));
    clear.search = String(new URLSearchParams(kept));
  }, true);

  /* Focus stays at what was used when the list around it is swapped */

  const PLACES = ["#list-tabs [aria-current]", "thead [aria-sort] a", "#list-pages a"];
  let usedPart = "";
  document.addEventListener("htmx:beforeSwap", () => {
    usedPart = PLACES.find((place) => document.activeElement?.closest(place.split(" ")[0])) ?? "";
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (!usedPart || document.activeElement !== document.body) return;
    list()?.querySelector(usedPart)?.focus({ preventScroll: true });
  });

  /* Ticks belong to a view (tab, filters, order), not to one of its pages */

  const ticks = { key: "", ids: new Set(), whole: false };

  function ticksLoad() {
    const key = `ticks:${list()?.dataset.ticks ?? ""}`;
    if (key === ticks.key) return;
    let kept = [];
    try { kept = JSON.parse(sessionStorage.getItem(key) || "[]"); } catch { kept = []; }
    Object.assign(ticks, { key, ids: new Set(kept), whole: false });
    // Without script the server ticked what was sent.
    boxes().forEach((box) => { if (box.checked) ticks.ids.add(box.value); });
  }

  function ticksKeep() {
    try {
      if (ticks.ids.size) sessionStorage.setItem(ticks.key, JSON.stringify([...ticks.ids]));
      else sessionStorage.removeItem(ticks.key);
    } catch { /* a full or forbidden store only loses ticks over pages */ }
  }

  function ticksRead() {
    boxes().forEach((box) => (box.checked ? ticks.ids.add(box.value) : ticks.ids.delete(box.value)));
    ticks.whole = false;
    ticksKeep();
    barRefresh();
  }

  function ticksShow() {
    boxes().forEach((box) => { box.checked = ticks.whole || ticks.ids.has(box.value); });
    barRefresh();
  }

  document.addEventListener("change", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("[data-list]")) return;
    if (event.target.matches("[data-check-all]")) boxes().forEach((box) => { box.checked = event.target.checked; });
    else if (!event.target.matches('input[name="ids"]')) return;
    ticksRead();
  });

  let lastBox = null;
  document.addEventListener("click", (event) => {
    const box = event.target instanceof Element ? event.target.closest('input[name="ids"]') : null;
    if (!box) return;
    const own = boxes();
    const [from, to] = [own.indexOf(lastBox), own.indexOf(box)].sort((a, b) => a - b);
    if (event.shiftKey && from >= 0) own.slice(from, to + 1).forEach((each) => { each.checked = box.checked; });
    lastBox = box;
    ticksRead();
  });

  document.addEventListener("formdata", (event) => {
    if (!event.target.matches("[data-list-form]")) return;
    event.formData.delete("ids");
    if (ticks.ids.size && !ticks.whole) event.formData.append("ids", [...ticks.ids].join(","));
    event.formData.set("whole", ticks.whole ? "1" : "");
  });

  /* The bar */

  let asking = 0;
  let asked = "";

  function barRefresh() {
    const root = list();
    const bar = root?.querySelector("[data-bulk-bar]");
    const own = boxes(root);
    const ticked = own.filter((box) => box.checked).length;
    const master = root?.querySelector("[data-check-all]");
    if (master) {
      master.checked = own.length > 0 && ticked === own.length;
      master.indeterminate = ticked > 0 && ticked < own.length;
    }
    if (!bar) return;
    const chosen = ticks.ids.size;
    const count = bar.querySelector("[data-bulk-count]");
    count.dataset.none ??= count.textContent;
    const offer = bar.querySelector("[data-whole-offer]");
    if (ticks.whole) count.textContent = offer.textContent.trim().replace(/^marcar t/, "T");
    else if (chosen) count.textContent = `${chosen} selecionado${chosen > 1 ? "s" : ""}${chosen > ticked ? ` (${ticked} nesta página)` : ""}`;
    else count.textContent = count.dataset.none;
    bar.classList.toggle("has-chosen", ticks.whole || chosen > 0);
    const takesAll = all("[data-takes-all]:not([data-general])", bar).length > 0;
    const isMore = Boolean(root.querySelector("#list-pages nav"));
    offer.hidden = ticks.whole || !takesAll || !isMore || own.length === 0 || ticked < own.length;
    bar.querySelector("[data-ticks-clear]").hidden = !ticks.whole && chosen === 0;
    all("[data-bulk]", bar).forEach((button) => {
      if ("general" in button.dataset) return;
      if (ticks.whole) grey(button, !("takesAll" in button.dataset), "Esta ação vale para as linhas marcadas, não para toda a busca");
      else grey(button, chosen === 0, chosen === 0 ? "Marque ao menos uma linha" : "");
    });
    clearTimeout(asking);
    if (chosen && !ticks.whole && all("[data-bulk]:not([data-general])", bar).length) asking = setTimeout(reasonsAsk, 200);
  }

  function grey(button, isOff, text) {
    button.disabled = isOff;
    button.title = text;
    const reason = button.querySelector("[data-reason]");
    if (reason) reason.textContent = isOff && !ticks.ids.size ? "" : text;
  }

  async function reasonsAsk() {
    const form = list()?.querySelector("[data-list-form]");
    if (!form) return;
    const ids = [...ticks.ids].join(",");
    asked = ids;
    const body = new FormData();
    body.set("csrfmiddlewaretoken", form.querySelector('[name="csrfmiddlewaretoken"]').value);
    body.set("ask", "reasons");
    body.set("ids", ids);
    let answer;
    try { answer = await fetch(form.getAttribute("action"), { method: "POST", body }); } catch { return; }
    if (!answer.ok || asked !== [...ticks.ids].join(",")) return;
    const { rows, reasons } = await answer.json();
    all("[data-bulk]", list()).forEach((button) => {
      const [refused, text] = reasons[button.dataset.bulk] ?? [0, ""];
      if ("general" in button.dataset || !refused) return;
      grey(button, refused >= rows, `${refused} de ${rows} não pode${refused > 1 ? "m" : ""}: ${text}`);
    });
  }

  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    if (event.target.closest("[data-whole-offer]")) { ticks.whole = true; ticksShow(); }
    if (event.target.closest("[data-ticks-clear]")) {
      Object.assign(ticks, { ids: new Set(), whole: false });
      ticksKeep();
      ticksShow();
    }
  });

  /* The menu of a row: one for the page, filled when it opens */

  // A sheet of its own: the page allows no style attribute, and htmx would hand one on to what takes its place.
  const place = new CSSStyleSheet();
  document.adoptedStyleSheets.push(place);

  async function menuOpen(opener) {
    const menu = document.getElementById("row-menu");
    if (!menu) { window.location.assign(opener.href); return; }
    let answer;
    try { answer = await fetch(opener.href, { headers: { "X-List-Menu": "1" } }); } catch { answer = null; }
    if (!answer?.ok || answer.redirected) { window.location.assign(opener.href); return; }
    menu.innerHTML = await answer.text();
    window.htmx?.process(menu);
    menu.showPopover();
    const from = opener.getBoundingClientRect();
    const own = menu.getBoundingClientRect();
    const fits = from.bottom + own.height < window.innerHeight || from.top < own.height;
    const left = Math.max(8, from.right - own.width);
    const top = Math.max(8, fits ? Math.min(from.bottom + 2, window.innerHeight - own.height - 8) : from.top - own.height - 2);
    place.replaceSync(`#row-menu { inset: ${top}px auto auto ${left}px; margin: 0; position-area: none; }`);
    menu.opener = opener;
    menu.querySelector(".menu-item:not(:disabled)")?.focus();
  }

  document.addEventListener("click", (event) => {
    const opener = event.target instanceof Element ? event.target.closest("[data-menu]") : null;
    if (!opener || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    menuOpen(opener);
  });
  // A search that answers late, or another page of tabs, takes the open menu along with the list: it opens anew
  // where its row still stands. What was chosen in it closes it.
  let openRow = "";
  document.addEventListener("htmx:beforeSwap", (event) => {
    const menu = document.querySelector("#row-menu:popover-open");
    const isLost = menu && event.detail.target?.contains(menu) && event.detail.requestConfig?.verb === "get";
    openRow = (isLost && menu.opener?.dataset.menu) || "";
  });
  document.addEventListener("htmx:afterSwap", () => {
    const opener = openRow && document.querySelector(`[data-menu="${CSS.escape(openRow)}"]`);
    openRow = "";
    if (opener) menuOpen(opener);
  });
  document.addEventListener("toggle", (event) => {
    if (event.target.id !== "row-menu" || event.newState !== "closed") return;
    if (document.activeElement === document.body) event.target.opener?.focus();
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const items = all(":popover-open .menu-item:not(:disabled)");
    const at = items.indexOf(document.activeElement);
    if (!items.length || (at < 0 && isTyping(event.target))) return;
    event.preventDefault();
    items[(at + (event.key === "ArrowDown" ? 1 : items.length - 1) + (at < 0 && event.key === "ArrowUp" ? 1 : 0)) % items.length].focus();
  });

  /* Keys */

  const rowsShown = () => all("[data-rows] > tr", list() ?? document);
  function rowGo(step) {
    const rows = rowsShown();
    if (!rows.length) return;
    const at = rows.findIndex((row) => row.classList.contains("is-at"));
    const next = at < 0 ? 0 : Math.min(Math.max(at + step, 0), rows.length - 1);
    rows[at]?.classList.remove("is-at");
    rows[next].classList.add("is-at");
    rows[next].scrollIntoView({ block: "nearest" });
    rows[next].querySelector("td a[href]:not([data-menu])")?.focus({ preventScroll: true });
  }
  const keys = {
    j: () => rowGo(1),
    k: () => rowGo(-1),
    x: (row) => { const box = row?.querySelector('input[name="ids"]'); if (box) { box.checked = !box.checked; ticksRead(); } },
    m: (row) => { const opener = row?.querySelector("[data-menu]"); if (opener) menuOpen(opener); },
    "?": () => document.getElementById("list-keys")?.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (!list() || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || isBusy()) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act(list().querySelector("tr.is-at"));
  });
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-keys-help]")) document.getElementById("list-keys")?.showModal();
  });

  /* Rows that change while the page is open: ask whether anything is newer, then fetch only what differs */

  const HIDDEN_IS_SLOWER = 15;
  let timer = 0;

  function lookLater() {
    clearTimeout(timer);
    const seconds = Number(list()?.dataset.live || 0);
    if (seconds) timer = setTimeout(look, seconds * 1000 * (document.hidden ? HIDDEN_IS_SLOWER : 1));
  }

  async function look() {
    const root = list();
    if (!root?.dataset.live) return;
    try {
      if (!isBusy()) {
        const answer = await fetch(root.dataset.address, { headers: { "X-List-Stamp": root.dataset.stamp }, redirect: "manual", cache: "no-store" });
        // The session has ended: the page leads to the login, and from there back here.
        if (answer.type === "opaqueredirect") { location.reload(); return; }
        if (answer.status === 401 || answer.status === 403) return;
        if (answer.status === 204) await changesTake(root);
      }
    } catch { /* no answer now: the next look asks again */ }
    lookLater();
  }

  async function changesTake(root) {
    const held = rowsShown().map((row) => `${row.dataset.row}.${row.dataset.digest}`).join(",");
    const answer = await fetch(root.dataset.address, { headers: { "X-List-Rows": held }, redirect: "manual", cache: "no-store" });
    // Meanwhile somebody may have gone to another page of the list.
    if (!answer.ok || root !== list()) return;
    const part = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-changes]");
    if (!part) return;
    const order = part.dataset.order.split(",").filter(Boolean);
    const body = root.querySelector("[data-rows]");
    if (!order.length !== !body) {
      await wholeTake(root);
      return;
    }
    root.dataset.stamp = part.dataset.stamp;
    if (body) rowsTake(body, order, all("tbody > tr", part));
    partTake("#list-tabs", part, root);
    partTake("#list-pages", part, root);
    ticksShow();
    fitTables();
  }

  // A list that becomes empty, or is empty no more, is another: it is fetched whole.
  async function wholeTake(root) {
    const answer = await fetch(root.dataset.address, { headers: { "HX-Request": "true", "HX-Target": "list" }, redirect: "manual", cache: "no-store" });
    const text = answer.ok ? await answer.text() : "";
    // What somebody typed or clicked meanwhile has brought another list, or is about to: that answer would be
    // put where this list stood. The next look asks again.
    const isAwaited = Boolean(document.querySelector(".htmx-request"));
    if (text && root === list() && !isAwaited) window.htmx?.swap(root, text, { swapStyle: "outerHTML" });
  }

  function rowsTake(body, order, fresh) {
    const known = new Map([...body.children].map((row) => [row.dataset.row, row]));
    fresh.forEach((row) => {
      const old = known.get(row.dataset.row);
      row.classList.add(old ? "is-changed" : "is-new");
      if (!old) { known.set(row.dataset.row, row); return; }
      if (old.classList.contains("is-at")) row.classList.add("is-at");
      const focused = old.contains(document.activeElement) ? [...old.querySelectorAll("a, button, input")].indexOf(document.activeElement) : -1;
      old.replaceWith(row);
      known.set(row.dataset.row, row);
      if (focused >= 0) row.querySelectorAll("a, button, input")[focused]?.focus({ preventScroll: true });
    });
    const wanted = new Set(order);
    known.forEach((row, id) => { if (!wanted.has(id)) row.remove(); });
    let at = body.firstElementChild;
    order.forEach((id) => {
      const row = known.get(id);
      if (!row) return;
      if (row === at) at = at.nextElementSibling;
      else body.insertBefore(row, at);
    });
  }

  function partTake(selector, part, root) {
    const [fresh, old] = [part.querySelector(selector), root.querySelector(selector)];
    if (!fresh || !old || fresh.outerHTML === old.outerHTML) return;
    const own = document.importNode(fresh, true);
    old.replaceWith(own);
    window.htmx?.process(own);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden && list()?.dataset.live) { clearTimeout(timer); look(); } });

  /* Times as people say them */

  function ago(seconds) {
    if (seconds < 60) return "agora";
    if (seconds < 3600) return `há ${Math.floor(seconds / 60)} min`;
    if (seconds < 86400) return `há ${Math.floor(seconds / 3600)} h`;
    const days = Math.floor(seconds / 86400);
    return days === 1 ? "há 1 dia" : `há ${days} dias`;
  }
  function timesSay() {
    all("time[data-ago]").forEach((time) => {
      const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
      if (seconds >= 0 && seconds < 30 * 86400) time.textContent = ago(seconds);
    });
  }
  function dueSay() {
    all("time[data-due]").forEach((time) => {
      const left = (Date.parse(time.dateTime) - Date.now()) / 1000;
      const size = Math.abs(left);
      const text = size < 3600 ? `${Math.floor(size / 60)} min` : size < 2 * 86400 ? `${Math.floor(size / 3600)} h` : `${Math.floor(size / 86400)} dias`;
      time.textContent = left < 0 ? `atrasado ${text}` : `em ${text}`;
      time.classList.toggle("is-late", left < 0);
    });
  }
  setInterval(() => { timesSay(); dueSay(); }, 30_000);

  /* A heading can stick to the page only when its table needs no scroll bar of its own */

  function fitTables() {
    all(".list-table").forEach((wrap) => {
      wrap.classList.remove("fits");
      wrap.classList.toggle("fits", wrap.scrollWidth <= wrap.clientWidth);
    });
  }
  window.addEventListener("resize", fitTables);

  function begin() {
    fitTables();
    if (!list()) return;
    ticksLoad();
    ticksShow();
    lookLater();
  }
  document.addEventListener("htmx:afterSwap", begin);
  window.addEventListener("pageshow", begin);
  begin();
})();
