// Shows report.json. Whatever comes from the report is set as text, never as markup.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = (id) => JSON.parse(byId(id).textContent);
  const report = data("report");
  const classes = data("classes");
  const labels = new Map(classes.map((item) => [item.name, item.label]));
  const severity = new Map(classes.map((item, index) => [item.name, index]));
  const labelOf = (name) => labels.get(name) ?? name;

  // Rows that are in the page at once; the rest is one button away, and all of them are printed.
  const STEP = 250;
  const NONE = "\u2013";
  // With these nothing is wrong.
  const FINE = ["delivering", "not_in_use"];
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const number = new Intl.NumberFormat("en");

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  const moment = (instant) => new Date(instant).toISOString().slice(0, 16).replace("T", " ");
  const count = (amount, one, many) => `${number.format(amount)} ${amount === 1 ? one : many}`;
  const percent = (value) => (value === null ? "none expected" : `${value.toFixed(1)}%`);

  function age(instant) {
    const minutes = Math.max(0, Math.round((Date.parse(report.generated_at) - Date.parse(instant)) / 60000));
    if (minutes < 60) {
      return `${minutes} min before`;
    }
    return minutes < 48 * 60 ? `${Math.round(minutes / 60)} h before` : `${Math.round(minutes / 1440)} d before`;
  }

  function bar(share) {
    const filled = element("span");
    filled.style.width = `${Math.max(0, Math.min(100, share))}%`;
    return element("span", { class: "bar", "aria-hidden": "true" }, filled);
  }

  // Header and summary.

  const sources = report.sources ?? [report.datasets];
  const names = [...new Set(sources.flatMap((source) => [source.logs, source.metrics]).filter(Boolean))];
  byId("window").append(
    `What arrived from ${moment(report.window.start)} to ${moment(report.window.end)} UTC in ${names.join(", ")}`,
  );
  byId("made").append(`Made by devfleet.axiom.report at ${moment(report.generated_at)} UTC. The same data is in report.json.`);
  byId("warnings").append(...report.warnings.map((text) => element("p", { class: "warning" }, `Warning: ${text}`)));

  byId("percent").append(percent(report.coverage.percent));
  byId("counts").append(
    `${number.format(report.coverage.delivering)} of ${count(report.coverage.expected, "machine", "machines")} deliver logs and metrics`,
  );
  const present = [...classes].reverse().filter((item) => report.classes[item.name] > 0);
  for (const item of present) {
    const amount = report.classes[item.name];
    const part = element("span", { "data-class": item.name });
    part.style.flex = `${amount} 1 0`;
    byId("stack").append(part);
    const button = element("button", { type: "button", "data-class": item.name }, element("b", {}, number.format(amount)), item.label);
    button.addEventListener("click", () => only("class", item.name));
    byId("legend").append(element("li", {}, button));
  }

  function rowsOf(id, rows, empty) {
    const body = byId(id).tBodies[0];
    body.append(...rows);
    if (!rows.length) {
      body.append(element("tr", {}, element("td", { colspan: byId(id).tHead.rows[0].cells.length, class: "muted" }, empty)));
    }
  }

  function link(text, filter, value) {
    const button = element("button", { type: "button", class: "link" }, text);
    button.addEventListener("click", () => only(filter, value));
    return button;
  }

  const reasons = new Map();
  for (const machine of report.machines.filter((item) => !FINE.includes(item.class))) {
    for (const code of new Set(machine.reasons.map((reason) => reason.code))) {
      const { message, fix } = machine.reasons.find((reason) => reason.code === code);
      const known = reasons.get(code) ?? { machines: 0, example: message, fix };
      known.machines += 1;
      reasons.set(code, known);
    }
  }
  const byFrequency = [...reasons].sort((one, other) => other[1].machines - one[1].machines);
  const why = (title, text, machines) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, title, element("span", { class: "muted" }, text)),
      element("td", { class: "number" }, number.format(machines)),
    );
  const unexplained = report.machines.filter((item) => item.in_inventory && !FINE.includes(item.class) && !item.reasons.length);
  rowsOf(
    "why",
    [
      ...byFrequency.map(([code, known]) => why(link(code, "reason", code), known.fix || known.example, known.machines)),
      ...(unexplained.length ? [why("no reason known", "--tags reasons asks the machines", unexplained.length)] : []),
    ],
    "No expected machine is silent.",
  );
  rowsOf(
    "teams",
    report.teams.map((team) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, link(team.team, "team", team.team), team.percent === null ? null : bar(team.percent)),
        element("td", { class: "number" }, `${number.format(team.delivering)} of ${number.format(team.expected)}`),
        element("td", { class: "number" }, percent(team.percent)),
      ),
    ),
    "No teams declared.",
  );
  const most = Math.max(...report.client_versions.map((item) => item.machines), 1);
  rowsOf(
    "versions",
    report.client_versions.map((item) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, link(item.version, "version", item.version), bar((100 * item.machines) / most)),
        element("td", { class: "number" }, number.format(item.machines)),
      ),
    ),
    "Nothing arrived.",
  );

  // The table of machines.

  const instant = (value) => (value === null ? null : Date.parse(value));
  const columns = [
    { title: "Machine", key: (item) => item.machine },
    { title: "Status", key: (item) => severity.get(item.class) ?? -1, width: "what" },
    { title: "Why, and the next step", width: "why" },
    { title: "Team", key: (item) => item.team, width: "who" },
    { title: "Last event", key: (item) => instant(item.last_event), width: "when" },
    { title: "Last metric", key: (item) => instant(item.last_metric), width: "when" },
    { title: "Client", key: (item) => item.client_version, width: "who" },
  ];
  const machines = report.machines.map((machine, index) => ({
    ...machine,
    index,
    keys: columns.map((column) => (column.key ? column.key(machine) : null)),
    haystack: [machine.machine, machine.team, labelOf(machine.class), machine.client_version, machine.signals, machine.settings_source]
      .concat(machine.reasons.map((reason) => `${reason.code} ${reason.message} ${reason.fix}`))
      .join("\n")
      .toLowerCase(),
  }));
  let sorted = { column: 1, descending: false };
  let matching = [];
  let limit = STEP;

  function time(value) {
    return value === null
      ? element("td", { class: "muted" }, NONE)
      : element("td", {}, element("time", { datetime: value }, moment(value), element("small", {}, age(value))));
  }

  function row(machine) {
    const missing = ["user_prompt", "tool_result", "api_request", "session.count", "token.usage"].filter((name) => !machine.signals.includes(name));
    const why = machine.reasons.flatMap((reason) => [
      element("p", {}, element("code", {}, reason.code), ` ${reason.message}`, reason.fix ? element("small", {}, `Next: ${reason.fix}`) : null),
    ]);
    if (machine.signals.length && missing.length) {
      why.push(element("p", {}, element("small", {}, `Not seen: ${missing.join(", ")}`)));
    }
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, machine.machine),
      element("td", {}, element("span", { class: "status", "data-class": machine.class }, labelOf(machine.class))),
      element("td", {}, ...(why.length ? why : [NONE])),
      element("td", {}, machine.team ?? NONE),
      time(machine.last_event),
      time(machine.last_metric),
      element("td", {}, machine.client_version ?? NONE, machine.settings_source.length ? element("small", {}, machine.settings_source.join(", ")) : null),
    );
  }

  function compare(one, other) {
    const [left, right] = [one.keys[sorted.column], other.keys[sorted.column]];
    if (left === right) {
      return one.index - other.index;
    }
    // What is not known comes last in both directions.
    if (left === null || right === null) {
      return left === null ? 1 : -1;
    }
    const order = typeof left === "number" ? left - right : collator.compare(left, right);
    return sorted.descending ? -order || one.index - other.index : order || one.index - other.index;
  }

  const filters = byId("filters");
  const value = (id) => byId(id).value;

  function filter() {
    const words = value("text").toLowerCase().split(/\s+/).filter(Boolean);
    const [group, team, version, reason] = ["class", "team", "version", "reason"].map(value);
    matching = machines.filter(
      (machine) =>
        (!group || machine.class === group) &&
        (!team || machine.team === team) &&
        (!version || machine.client_version === version) &&
        (!reason || machine.reasons.some((item) => item.code === reason)) &&
        words.every((word) => machine.haystack.includes(word)),
    );
    matching.sort(compare);
    limit = STEP;
    draw();
  }

  let announcement = 0;
  function draw() {
    const visible = matching.slice(0, limit);
    const body = byId("table").tBodies[0];
    body.replaceChildren(...visible.map(row));
    if (!visible.length) {
      body.append(element("tr", {}, element("td", { colspan: columns.length, class: "muted" }, "No machine matches.")));
    }
    byId("more").hidden = visible.length === matching.length;
    byId("more-all").textContent = `Show all ${number.format(matching.length)}`;
    // A screen reader hears the result once, not each letter's.
    window.clearTimeout(announcement);
    const say = () => {
      const shown = visible.length === matching.length ? "" : `, the first ${number.format(visible.length)} shown`;
      byId("shown").textContent = `${number.format(matching.length)} of ${count(machines.length, "machine", "machines")}${shown}`;
    };
    if (byId("shown").textContent) {
      announcement = window.setTimeout(say, 150);
    } else {
      say();
    }
  }

  function head() {
    const cells = columns.map((column, index) => {
      const attributes = { scope: "col", ...(column.width ? { class: column.width } : {}) };
      if (!column.key) {
        return element("th", attributes, column.title);
      }
      const button = element("button", { type: "button" }, column.title);
      const cell = element("th", attributes, button);
      button.addEventListener("click", () => {
        sorted = { column: index, descending: sorted.column === index && !sorted.descending };
        mark();
        matching.sort(compare);
        draw();
      });
      return cell;
    });
    byId("table").tHead.rows[0].append(...cells);
    mark();
  }

  function mark() {
    [...byId("table").tHead.rows[0].cells].forEach((cell, index) => {
      if (index === sorted.column) {
        cell.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
      } else {
        cell.removeAttribute("aria-sort");
      }
    });
  }

  function options(id, values) {
    byId(id).append(...values.map(([text, name]) => element("option", { value: name }, text)));
  }

  // From the summary: the machines of one class, team, version or reason.
  function only(id, name) {
    filters.reset();
    byId(id).value = name;
    filter();
    byId("machines").scrollIntoView();
    byId("machines").focus({ preventScroll: true });
  }

  const distinct = (key) => [...new Set(machines.map((item) => item[key]).filter((item) => item !== null))].sort(collator.compare);
  options("class", classes.filter((item) => report.classes[item.name]).map((item) => [item.label, item.name]));
  options("team", distinct("team").map((name) => [name, name]));
  options("version", distinct("client_version").reverse().map((name) => [name, name]));
  options("reason", byFrequency.map(([code]) => [code, code]));

  filters.addEventListener("input", filter);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("reset", () => window.setTimeout(filter));
  byId("more-some").addEventListener("click", () => {
    limit += STEP;
    draw();
  });
  const everything = () => {
    limit = Infinity;
    draw();
  };
  byId("more-all").addEventListener("click", everything);
  window.addEventListener("beforeprint", everything);

  head();
  filter();
})();
