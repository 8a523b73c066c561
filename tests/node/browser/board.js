// What the game's page has heard, for people.
const board = document.body.appendChild(document.createElement("main"));
board.style = "font: 14px sans-serif; padding: 8px";

window.draw = () => {
  const rows = Object.entries(window.heard).map(([event, all]) => [event, String(all.length), JSON.stringify(all.at(-1)).slice(0, 70)]);
  const line = (cells) => `<tr>${cells.map((cell) => `<td style="padding: 2px 12px 2px 0">${cell}</td>`).join("")}</tr>`;
  const state = window.transports().join(", ");
  board.innerHTML = `<h3>Government simulation</h3><p>four namespaces over: ${state}</p><table>${line(["<b>event</b>", "<b>heard</b>", "<b>last</b>"])}${rows.map(line).join("")}</table>`;
};
