// What the models are, the basket of the address, and the first question.
function modelChanged() {
  const model = models.find((model) => model.name === by("model").value);
  const before = by("using").value;
  by("using").replaceChildren(...(model ? model.parts : ["default"]).map((part) => element("option", "", part)));
  if (model && model.parts.includes(before)) by("using").value = before;
  // Without prices and categories a policy has little to go by.
  by("view").value = model && model.facts ? "slate" : "ranking";
}

async function start() {
  try {
    const answer = await call("/v1/models");
    models = answer.models;
    by("model").replaceChildren(...models.map((model) => element("option", "", model.name)));
    if (answer.default) by("model").value = answer.default;
    modelChanged();
  } catch (error) {
    return say(error.message, true);
  }
  const ids = location.hash.slice(1).split(",").filter(Boolean).map(decodeURIComponent);
  for (const id of ids) {
    if (basket.some((other) => sameId(other, id))) continue;
    const parameters = new URLSearchParams({ query: id.slice(0, 64), limit: "1", model: by("model").value });
    const answer = await call("/v1/items?" + parameters).catch(() => ({ items: [] }));
    const exact = answer.items.find((item) => sameId(item.item, id));
    if (exact) known(exact.item, exact.name);
    basket.push(exact ? exact.item : id);
  }
  changed();
}

by("form").addEventListener("submit", (event) => event.preventDefault());
for (const id of ["customer", "mode", "k", "using", "view", "touchpoint", "objective", "amount", "slate-k", "remember"]) by(id).addEventListener("change", ask);
by("model").addEventListener("change", () => { modelChanged(); ask(); });
by("token").addEventListener("change", start);
// On a narrow screen the offers come before the options.
by("options").open = !matchMedia("(max-width: 50rem)").matches;
by("search").focus();
start();
