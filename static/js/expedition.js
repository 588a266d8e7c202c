/* Comfort for *incluir expedição*: a code that is typed or scanned ticks its row, one box ticks them all,
   and Enter goes to the next code instead of saving, because that is what a scanner ends every reading with. */
"use strict";

(() => {
  const rowBox = (element) => element.closest("tr").querySelector('input[name="orders"]:not(:disabled)');
  const codes = () => [...document.querySelectorAll("[data-tick]")];

  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-tick]")) return;
    const box = rowBox(event.target);
    if (box && event.target.value.trim()) box.checked = true;
  });

  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-tick-all]")) return;
    document.querySelectorAll('input[name="orders"]:not(:disabled)').forEach((box) => { box.checked = event.target.checked; });
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("[data-tick]")) return;
    event.preventDefault();
    const all = codes();
    (all[all.indexOf(event.target) + 1] ?? event.target.form.querySelector(".btn-primary")).focus();
  });
})();
