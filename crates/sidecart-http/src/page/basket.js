"use strict";
// The basket, what is known of items, and questions to the server. Text of the shop goes into the
// document as text content alone.
const by = (id) => document.getElementById(id);
const basket = [];
const names = new Map();
let models = [];
let asked = 0;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function button(text, label, press) {
  const made = element("button", "", text);
  made.type = "button";
  if (label) made.setAttribute("aria-label", label);
  made.addEventListener("click", press);
  return made;
}

function known(id, name) {
  if (name) names.set(String(id), name);
}

function nameOf(id) {
  return names.get(String(id)) || String(id);
}

// The name with the id behind it, where there is a name.
function titled(id) {
  const title = element("div", "name", nameOf(id));
  if (names.has(String(id))) title.append(" ", element("span", "id", String(id)));
  return title;
}

async function call(path, body) {
  const headers = {};
  if (by("token").value) headers.authorization = "Bearer " + by("token").value;
  if (body) headers["content-type"] = "application/json";
  const answer = await fetch(path, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
  const json = await answer.json();
  if (answer.status === 401) by("token-part").hidden = false;
  if (!answer.ok) {
    const { code, field, message } = json.error;
    throw Object.assign(new Error(field ? field + ": " + message : message), { code });
  }
  return json;
}

function say(text, isBad) {
  const note = by("note");
  note.hidden = !text;
  note.textContent = text || "";
  note.classList.toggle("bad", Boolean(isBad));
}

function sameId(a, b) { return String(a) === String(b); }

function add(...ids) {
  for (const id of ids) if (!basket.some((other) => sameId(other, id))) basket.push(id);
  changed();
}

function remove(id) {
  basket.splice(basket.findIndex((other) => sameId(other, id)), 1);
  by("search").focus();
  changed();
}

function replace(id, by) {
  const at = basket.findIndex((other) => sameId(other, id));
  if (at < 0) return add(by);
  basket.splice(at, 1, by);
  changed();
}

function changed() {
  const entries = basket.map((id) => {
    const entry = element("li");
    const name = element("span", "", nameOf(id));
    name.title = String(id);
    entry.append(name, button("\u00d7", "Take " + nameOf(id) + " out", () => remove(id)));
    return entry;
  });
  by("basket").replaceChildren(...entries);
  const ids = basket.map(encodeURIComponent).join(",");
  history.replaceState(null, "", ids ? "#" + ids : location.pathname);
  ask();
}

function fact(name, value) {
  const entry = element("li", "", name + " ");
  entry.append(element("b", "", value));
  return entry;
}

function showsSlate() { return by("view").value === "slate"; }

async function ask() {
  const mine = ++asked;
  by("slate-part").hidden = !showsSlate();
  by("ranking-part").hidden = showsSlate();
  const question = { items: basket, mode: by("mode").value, explain: true };
  if (by("customer").value.trim()) question.customer_id = by("customer").value.trim();
  if (by("model").value) question.model = by("model").value;
  by("answer").setAttribute("aria-busy", "true");
  try {
    const began = performance.now();
    const answer = await (showsSlate() ? askSlate(question, () => mine === asked) : askRanking(question));
    if (mine === asked) show(answer, performance.now() - began);
  } catch (error) {
    if (mine === asked) failed(error);
  }
  if (mine === asked) by("answer").setAttribute("aria-busy", "false");
}

function failed(error) {
  say(error.message, true);
  for (const id of ["offers", "facts", "summary"]) by(id).replaceChildren();
  for (const id of ["reach", "removed"]) by(id).hidden = true;
}

function show(answer, took) {
  const notes = (answer.notes || []).slice();
  if (answer.held_out) notes.unshift("held out: nothing is shown, so that the effect of showing can be measured");
  say(notes.join("; "), false);
  by("facts").replaceChildren(
    fact("round trip", took.toFixed(1) + " ms"), fact("model", answer.model),
    fact("version", answer.version), fact("request", answer.request_id));
  const unknown = answer.unknown_items.map(String);
  [...by("basket").children].forEach((entry, at) => {
    const isUnknown = unknown.includes(String(basket[at]));
    entry.classList.toggle("unknown", isUnknown);
    entry.firstChild.title = isUnknown ? "not in this model" : String(basket[at]);
  });
  if (showsSlate()) showSlate(answer); else showRanking(answer);
}
