"use strict";
(() => {
  // Printing shows what is folded, and folds it again afterwards.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((d) => { d.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((d) => { d.open = false; }));

  // A link to something folded opens what it lies in.
  const reveal = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    for (let d = target && target.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();

  // The table of a round's results, searched by its rows' words.
  const rowsBar = document.getElementById("rows-filter");
  if (rowsBar) {
    const rows = [...document.querySelectorAll("#rows-table tbody tr")];
    const tables = [...document.querySelectorAll("#rows-table > .table")];
    const caption = (r) => r.closest(".table").querySelector(".caption").textContent;
    const words = new Map(rows.map((r) => [r, `${r.textContent} ${caption(r)}`.toLowerCase()]));
    const narrow = () => {
      const wanted = document.getElementById("rows").value.toLowerCase().split(/\s+/).filter(Boolean);
      rows.forEach((r) => { r.hidden = !wanted.every((w) => words.get(r).includes(w)); });
      tables.forEach((t) => { t.hidden = !t.querySelector("tbody tr:not([hidden])"); });
      const shown = rows.filter((r) => !r.hidden).length;
      document.getElementById("rows-shown").textContent = shown === rows.length ? "" : `${shown} of ${rows.length} results shown`;
    };
    rowsBar.addEventListener("input", narrow);
    rowsBar.hidden = false;
    narrow();
  }

  const bar = document.getElementById("filter");
  if (!bar) return;
  const findings = [...document.querySelectorAll(".finding")];
  const groups = [...document.querySelectorAll(".finding-group")];
  const choices = [...bar.querySelectorAll("select")];
  const search = document.getElementById("search");
  const status = document.getElementById("shown");
  const texts = new Map(findings.map((f) => [f, `${f.textContent} ${f.dataset.rule ?? ""} ${f.dataset.organisation ?? ""}`.toLowerCase()]));
  const apply = () => {
    const wanted = new Set([...bar.querySelectorAll("input:checked")].map((box) => box.value));
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const f of findings) {
      const chosen = choices.every((c) => !c.value || f.dataset[c.name] === c.value);
      f.hidden = !(chosen && wanted.has(f.dataset.severity) && words.every((w) => texts.get(f).includes(w)));
      shown += f.hidden ? 0 : 1;
    }
    for (const g of groups) g.hidden = !g.querySelector(".finding:not([hidden])");
    status.textContent = shown === findings.length ? "" : `${shown} of ${findings.length} findings shown`;
  };
  bar.addEventListener("input", apply);
  bar.hidden = false;
  apply();
})();
