"use strict";
(() => {
  const pages = [...document.querySelectorAll("section.page")];
  const links = [...document.querySelectorAll("nav a")];
  document.body.classList.add("paged");

  function show(move) {
    const name = location.hash.slice(1);
    const page = pages.find((one) => one.id === name) || pages[0];
    for (const one of pages) one.classList.toggle("shown", one === page);
    const group = page.id.startsWith("failure-") ? "failures" : page.id.startsWith("model-") ? "overview" : page.id;
    for (const link of links) {
      if (link.getAttribute("href") === "#" + group) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (move && name !== "main") {
      window.scrollTo(0, 0);
      page.querySelector("h1").focus({ preventScroll: true });
    }
  }

  const form = document.querySelector(".filter");
  const rows = [...document.querySelectorAll("#results tbody tr")];
  function filter() {
    const text = form.querySelector("#text").value.toLowerCase();
    const kinds = [...form.querySelectorAll("[name=verdict]:checked")].map((one) => one.value);
    let count = 0;
    for (const row of rows) {
      const words = row.cells[0].textContent + " " + row.cells[1].textContent;
      row.hidden = !kinds.includes(row.dataset.verdict) || !words.toLowerCase().includes(text);
      if (!row.hidden) count += 1;
    }
    form.querySelector("output").textContent = count + " of " + rows.length + " rows";
  }
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());

  window.addEventListener("hashchange", () => {
    if (location.hash !== "#main") show(true);
    else document.querySelector("main").focus();
  });
  show(false);
  filter();
})();
