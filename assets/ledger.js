// Filter the ledger by chapter and verdict. The choice stands in the address, so it can be linked.
const ledgerFilter = document.querySelector(".ledger-filter");

if (ledgerFilter) {
  const choices = ledgerFilter.querySelectorAll("select");
  const asked = new URLSearchParams(location.search);

  const apply = () => {
    const chosen = Object.fromEntries([...choices].map((choice) => [choice.name, choice.value]));
    let shown = 0, all = 0;
    for (const table of document.querySelectorAll("table.ledger")) {
      let rows = 0;
      for (const row of table.tBodies[0].rows) {
        row.hidden =
          (chosen.chapter && chosen.chapter !== table.dataset.chapter) ||
          (chosen.verdict && chosen.verdict !== row.dataset.verdict);
        rows += !row.hidden;
        all += 1;
      }
      table.closest("section").hidden = rows === 0;
      shown += rows;
    }
    ledgerFilter.querySelector("output").textContent = `${shown} of ${all} claims`;
    const query = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value));
    history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
  };

  for (const choice of choices) {
    if ([...choice.options].some((option) => option.value === asked.get(choice.name))) {
      choice.value = asked.get(choice.name);
    }
    choice.addEventListener("change", apply);
  }
  ledgerFilter.addEventListener("submit", (event) => event.preventDefault());
  apply();
}
