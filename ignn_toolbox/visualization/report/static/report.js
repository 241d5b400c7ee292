"use strict";
(() => {
  const report = window.REPORT;
  const byId = (id) => document.getElementById(id);
  const make = (tag, text, name) => {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (name) node.className = name;
    return node;
  };
  const shown = (value, digits) =>
    value === undefined ? "\u2013" : value === null ? "\u221e" : value.toFixed(digits);
  const url = (path) => path.split("/").map(encodeURIComponent).join("/");
  const rank = (value) => (value === undefined ? -Infinity : value === null ? Infinity : value);

  // ---- tables -----------------------------------------------------------------------------
  // A column: heading, value to sort by, node to show.
  function fillTable(table, columns, rows) {
    const head = table.createTHead().insertRow();
    const body = table.createTBody();
    const entries = rows.map((row) => {
      const line = body.insertRow();
      for (const column of columns) {
        const cell = line.insertCell();
        if (column.text) cell.className = "text";
        if (column.best && column.best(row)) cell.classList.add("best");
        cell.append(column.show(row));
      }
      return { row, line };
    });
    columns.forEach((column) => {
      const cell = make("th", undefined, column.text ? "text" : "");
      cell.scope = "col";
      const button = make("button", column.name);
      button.type = "button";
      button.addEventListener("click", () => {
        const first = column.text ? "ascending" : "descending"; // best figures come first
        const again = cell.getAttribute("aria-sort") === first;
        const sign = (column.text ? 1 : -1) * (again ? -1 : 1);
        for (const other of head.cells) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
        entries.sort((a, b) => {
          const x = column.value(a.row), y = column.value(b.row);
          return sign * (x < y ? -1 : x > y ? 1 : 0);
        });
        body.append(...entries.map((entry) => entry.line));
        order = table.id === "images" ? entries.map((entry) => entry.row) : order;
      });
      cell.append(button);
      head.append(cell);
    });
  }

  // best(row, method, figure): whether a figure is the best of its row, as far as can be told.
  function figureColumns(figure, digits, scoresOf, best) {
    return report.methods.map((method) => ({
      name: `${method} ${figure.toUpperCase()}`,
      value: (row) => rank(scoresOf(row, method)[figure]),
      show: (row) => shown(scoresOf(row, method)[figure], digits),
      best: (row) => best(row, method, figure, digits),
    }));
  }

  // Of methods whose network was to be tuned on each image: whether it was, and what was predicted.
  function tuningColumns(scoresOf) {
    const asked = (method) => report.images.some((row) => "tuned" in scoresOf(row, method));
    const number = (gain) => (Number.isFinite(gain) ? gain : -Infinity);
    return report.methods.filter(asked).map((method) => ({
      name: `${method} tuned (predicted gain)`,
      value: (row) => number(scoresOf(row, method).predicted_gain),
      show: (row) => {
        const { tuned, predicted_gain: gain } = scoresOf(row, method);
        if (tuned === undefined || tuned === null) return "\u2013";
        return (tuned ? "yes" : "no") + (Number.isFinite(gain) ? ` (${gain.toFixed(2)})` : "");
      },
    }));
  }

  function showMeans() {
    const sets = [...new Set(report.means.map((mean) => mean.dataset))];
    const of = (set, method) =>
      report.means.find((mean) => mean.dataset === set && mean.method === method) || {};
    const won = (set, method, figure) => (of(set, method).best || []).includes(figure);
    const count = (set) =>
      [...new Set(report.methods.map((m) => of(set, m).images).filter((n) => n))].join(" / ");
    fillTable(byId("means"), [
      { name: "set", text: true, value: (set) => set, show: (set) => set },
      { name: "images", value: (set) => Number(count(set)) || 0, show: count },
      ...figureColumns("psnr", 2, of, won),
      ...figureColumns("ssim", 4, of, won),
    ], sets);
  }

  function showImages() {
    const of = (row, method) => row.scores[method] || {};
    const ahead = (row, method, figure, digits) => {
      const printed = (other) => Number(rank(of(row, other)[figure]).toFixed(digits));
      return report.methods.length > 1 &&
        report.methods.every((other) => other === method || printed(method) > printed(other));
    };
    const thumb = (row) => {
      if (!row.thumb) return "";
      const image = make("img");
      image.loading = "lazy";
      image.src = url(row.thumb);
      image.alt = "";
      return image;
    };
    const opener = (row) => {
      if (!row.views) return row.image;
      const button = make("button", row.image);
      button.type = "button";
      button.addEventListener("click", () => open(row));
      return button;
    };
    const columns = [
      { name: "picture", text: true, value: (row) => row.width / row.height, show: thumb },
      { name: "image", text: true, value: (row) => row.image, show: opener },
      { name: "set", text: true, value: (row) => row.dataset, show: (row) => row.dataset },
      { name: "size", value: (row) => row.width * row.height,
        show: (row) => `${row.width}\u00d7${row.height}` },
      ...figureColumns("psnr", 2, of, ahead),
      ...figureColumns("ssim", 4, of, ahead),
      ...tuningColumns(of),
    ];
    if (report.methods.length > 1) {
      const first = report.methods[0], last = report.methods[report.methods.length - 1];
      const gain = (row) => of(row, last).psnr - of(row, first).psnr;
      columns.push({ name: `gain of ${last} over ${first} (dB)`,
        value: (row) => (Number.isFinite(gain(row)) ? gain(row) : -Infinity),
        show: (row) => (Number.isFinite(gain(row)) ? gain(row).toFixed(2) : "\u2013") });
    }
    fillTable(byId("images"), columns, report.images);
  }

  // ---- viewer -----------------------------------------------------------------------------
  let order = report.images;
  let current = null;
  const view = { x: 0, y: 0, zoom: 1, all: false, errors: false };
  const stage = byId("stage"), slider = byId("slider"), dialog = byId("viewer");

  function open(row) {
    current = row;
    byId("viewer-title").textContent = `${row.dataset} / ${row.image}`;
    const names = row.views.map((item) => item.name);
    for (const [id, chosen] of [["left", 0], ["right", Math.max(0, names.length - 2)]]) {
      const select = byId(id);
      const before = select.value;
      select.replaceChildren(...names.map((name) => make("option", name)));
      select.value = names.includes(before) ? before : names[chosen];
    }
    const scores = (item) => row.scores[item.name] || item;
    byId("scores").textContent = row.views.filter((item) => scores(item).ssim !== undefined)
      .map((item) => `${item.name}: ${shown(scores(item).psnr, 2)} dB / ${shown(scores(item).ssim, 4)}`)
      .join("   \u00b7   ");
    if (!dialog.open) dialog.showModal();
    layOut();
    fit();
    stage.focus();
  }

  function layOut() {
    const views = view.all ? current.views
      : ["left", "right"].map((id) => current.views[byId(id).selectedIndex]);
    const panes = views.map((item, index) => {
      const pane = make("div", undefined, index && !view.all ? "pane after" : "pane");
      const image = make("img");
      image.alt = item.name;
      image.draggable = false;
      image.src = url(view.errors && item.error ? item.error : item.file);
      image.width = current.width;
      image.height = current.height;
      const label = view.errors && item.error ? `${item.name}: error \u00d7${report.errorGain}` : item.name;
      pane.append(image, make("span", label, "name"), make("div", undefined, "mark"));
      return pane;
    });
    stage.className = view.all ? "all" : "slide";
    const columns = Math.ceil(Math.sqrt(panes.length));
    stage.style.gridTemplateColumns = view.all ? `repeat(${columns}, 1fr)` : "";
    stage.style.gridAutoRows = view.all ? "1fr" : "";
    stage.replaceChildren(...panes);
    if (!view.all) stage.append(make("div", undefined, "divider"));
    byId("slider-label").hidden = view.all;
    byId("mode").setAttribute("aria-pressed", view.all);
    byId("errors").setAttribute("aria-pressed", view.errors);
    draw();
  }

  function draw() {
    const [x, y, width, height] = current.box;
    for (const pane of stage.querySelectorAll(".pane")) {
      const image = pane.querySelector("img");
      image.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.zoom})`;
      image.classList.toggle("pixels", view.zoom > 1.5);
      Object.assign(pane.querySelector(".mark").style, {
        left: `${view.x + x * view.zoom}px`, top: `${view.y + y * view.zoom}px`,
        width: `${width * view.zoom}px`, height: `${height * view.zoom}px`,
      });
    }
    const divider = stage.querySelector(".divider");
    if (divider) {
      const share = slider.value / slider.max;
      divider.style.marginLeft = `${share * stage.clientWidth}px`;
      stage.querySelector(".after").style.clipPath = `inset(0 0 0 ${share * 100}%)`;
    }
  }

  const paneSize = () => {
    const pane = stage.querySelector(".pane");
    return [pane.clientWidth, pane.clientHeight];
  };
  function show(x, y, width, height) {
    const [w, h] = paneSize();
    view.zoom = Math.min(w / width, h / height);
    view.x = (w - width * view.zoom) / 2 - x * view.zoom;
    view.y = (h - height * view.zoom) / 2 - y * view.zoom;
    draw();
  }
  const fit = () => show(0, 0, current.width, current.height);
  function zoom(factor, x, y) {
    const next = Math.min(40, Math.max(0.05, view.zoom * factor));
    view.x = x - (x - view.x) * (next / view.zoom);
    view.y = y - (y - view.y) * (next / view.zoom);
    view.zoom = next;
    draw();
  }
  function step(by) {
    const rows = order.filter((row) => row.views);
    open(rows[(rows.indexOf(current) + by + rows.length) % rows.length]);
  }
  const toggle = (key) => { view[key] = !view[key]; layOut(); if (key === "all") fit(); };
  const slide = (by) => { slider.value = Number(slider.value) + by; draw(); };

  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const pane = event.target.closest(".pane") || stage;
    const box = pane.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  let drag = null;
  stage.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX - view.x, y: event.clientY - view.y };
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!drag) return;
    view.x = event.clientX - drag.x;
    view.y = event.clientY - drag.y;
    draw();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    stage.addEventListener(name, () => { drag = null; });
  }
  slider.addEventListener("input", draw);
  window.addEventListener("resize", () => { if (dialog.open) draw(); });
  for (const id of ["left", "right"]) byId(id).addEventListener("change", layOut);
  const actions = {
    mode: () => toggle("all"), errors: () => toggle("errors"), fit,
    box: () => { const [x, y, w, h] = current.box; show(x - w / 2, y - h / 2, 2 * w, 2 * h); },
    previous: () => step(-1), next: () => step(1), close: () => dialog.close(),
  };
  for (const id of Object.keys(actions)) byId(id).addEventListener("click", actions[id]);

  const middle = () => paneSize().map((length) => length / 2);
  const move = (x, y) => { view.x += x; view.y += y; draw(); };
  const keys = {
    g: actions.mode, e: actions.errors, b: actions.box, 0: fit, n: actions.next, p: actions.previous,
    "+": () => zoom(1.25, ...middle()), "=": () => zoom(1.25, ...middle()),
    "-": () => zoom(0.8, ...middle()), ",": () => slide(-50), ".": () => slide(50),
    ArrowLeft: () => move(60, 0), ArrowRight: () => move(-60, 0),
    ArrowUp: () => move(0, 60), ArrowDown: () => move(0, -60),
  };
  dialog.addEventListener("keydown", (event) => {
    const typing = event.target.matches("select, input");
    const action = keys[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing && (event.key.startsWith("Arrow") || event.target.matches("select"))) return;
    event.preventDefault();
    action();
  });

  byId("about").textContent =
    `\u00d7${report.scale}, protocol ${report.protocol}, ${report.images.length} images; ` +
    Object.entries(report.versions).map((item) => item.join(" ")).join(", ");
  byId("notes").append(...report.notes.map((note) => make("li", note)));
  showMeans();
  showImages();
})();
