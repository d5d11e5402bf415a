for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const column = [...head.parentNode.children].indexOf(head);
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentNode.children) {
      other.removeAttribute("aria-sort");
    }
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = head.closest("table").tBodies[0];
    const key = (row) => {
      const cell = row.children[column];
      const number = cell.dataset.key === undefined ? NaN : parseFloat(cell.dataset.key);
      return { number, text: cell.textContent.trim(), known: cell.tagName === "TH" || !isNaN(number) };
    };
    const rows = [...body.rows].map((row) => ({ row, key: key(row) }));
    rows.sort((a, b) => {
      if (a.key.known !== b.key.known) {
        return a.key.known ? -1 : 1;
      }
      const order = isNaN(a.key.number) || isNaN(b.key.number)
        ? a.key.text.localeCompare(b.key.text, "en", { numeric: true })
        : a.key.number - b.key.number;
      return up ? order : -order;
    });
    for (const { row } of rows) {
      body.append(row);
    }
  });
}
