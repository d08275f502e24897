// What a page can do beyond what it says: every page works without this file, but does not follow a run by itself.
"use strict";

document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    const field = document.querySelector("main input[type=search], header input[type=search]");
    field.focus();
    field.select();
  }
});

function copies(root) {
  for (const code of root.querySelectorAll("[data-copy]")) {
    if (code.querySelector(".copy")) continue;
    const text = code.textContent;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "copy";
    button.setAttribute("aria-label", "copy " + text);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text);
      button.textContent = "copied";
      setTimeout(() => (button.textContent = "copy"), 1500);
    });
    code.append(button);
  }
}

// A time as the pages write it: the day, day and hour where two marks are less than a day apart, or the second where
// they are less than a minute apart.
function dated(seconds, step) {
  const text = new Date(seconds * 1000).toISOString().replace("T", " ");
  return step < 60 ? text.slice(11, 19) : step < 86400 ? text.slice(5, 16) : text.slice(0, 10);
}

function plots(root) {
  if (!window.uPlot) return;
  for (const figure of root.querySelectorAll("[data-plot]")) {
    const points = JSON.parse(figure.dataset.plot);
    const style = getComputedStyle(figure);
    const soft = style.getPropertyValue("--soft");
    const line = style.getPropertyValue("--line");
    const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    const options = {
      width: figure.clientWidth - 28,
      height: 190,
      padding: [12, 44, 0, 0],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      series: [{ label: "UTC", value: "{YYYY}-{MM}-{DD} {HH}:{mm}" }, { label: figure.dataset.label, stroke: style.getPropertyValue("--link"), width: 1.6, points: { size: 5 } }],
      axes: [{ ...axis, space: 96, values: (_plot, times, _at, _space, step) => times.map((each) => dated(each, step)) }, { ...axis, size: 74 }],
    };
    figure.querySelector("svg").remove();
    const plot = new uPlot(options, [points.map((each) => each[0]), points.map((each) => each[1])]);
    figure.prepend(plot.root);
    window.addEventListener("resize", () => plot.setSize({ width: figure.clientWidth - 28, height: 190 }));
  }
}

// Whatever a box of the drawing is made from, and whatever is made from it, stays; the rest fades.
function drawings(root) {
  for (const drawing of [...(root.matches?.(".drawing") ? [root] : []), ...root.querySelectorAll(".drawing")]) {
    const edges = [...drawing.querySelectorAll(".edge")];
    const boxes = new Map([...drawing.querySelectorAll(".box")].map((box) => [box.dataset.name, box]));
    const up = new Map(), down = new Map();
    for (const edge of edges) {
      const { from, to } = edge.dataset;
      if (!down.has(from)) down.set(from, []);
      if (!up.has(to)) up.set(to, []);
      down.get(from).push(edge);
      up.get(to).push(edge);
    }
    const walk = (name, graph, end) => {
      const seen = new Set([name]), waiting = [name], found = [];
      while (waiting.length) {
        for (const edge of graph.get(waiting.pop()) || []) {
          found.push(edge);
          const next = edge.dataset[end];
          if (!seen.has(next)) { seen.add(next); waiting.push(next); }
        }
      }
      return [seen, found];
    };
    let shown = null, on = new Set();
    // Only what is lit now and was not, or was and is not, is touched: a lake has thousands of boxes and edges.
    const show = (name) => {
      if (name === shown) return;
      shown = name;
      const next = new Set();
      for (const [names, found] of name === null ? [] : [walk(name, up, "from"), walk(name, down, "to")]) {
        found.forEach((edge) => next.add(edge));
        names.forEach((each) => boxes.has(each) && next.add(boxes.get(each)));
      }
      on.forEach((each) => next.has(each) || each.classList.remove("on"));
      next.forEach((each) => on.has(each) || each.classList.add("on"));
      on = next;
      drawing.classList.toggle("near", name !== null);
    };
    const named = (event) => event.target.closest(".box")?.dataset.name ?? event.target.querySelector?.(".box")?.dataset.name ?? null;
    drawing.addEventListener("mouseover", (event) => show(named(event)));
    drawing.addEventListener("mouseleave", () => show(null));
    drawing.addEventListener("focusin", (event) => event.target !== drawing && show(named(event)));
    drawing.addEventListener("focusout", () => show(null));
    drawing.querySelector(".box.chosen")?.scrollIntoView({ block: "nearest", inline: "center" });
  }
}

function ready(root) {
  copies(root);
  plots(root);
  drawings(root);
}
document.addEventListener("DOMContentLoaded", () => ready(document));
document.addEventListener("htmx:afterSwap", (event) => ready(event.target));
